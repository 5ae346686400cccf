"""The process that decodes pictures: limited, without secrets, and no great loss when it dies."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from handmade import heic
from PIL import Image
from test_media import picture

from dissem.channels.adapter import Attachment
from dissem.compose import child, limits, media
from dissem.compose import heic as heic_photos
from dissem.errors import Broken, WrongInput
from dissem.models import State

MIB = 1024 * 1024


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "foto.jpg"
    path.write_bytes(picture(size=(1600, 1200)))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "media"


def asked(path: Path, one: child.Child) -> dict[str, object]:
    with path.open("rb") as file:
        return one.ask("checked", path.name, file, kind="image/jpeg")


@pytest.fixture
def limited():
    """limited(**changes) → a child with other limits, ended after the test."""
    made: list[child.Child] = []

    def limited(**changes: int) -> child.Child:
        made.append(child.Child(replace(child.LIMITS, **changes)))
        return made[-1]

    yield limited
    for one in made:
        one.end()


def test_a_batch_has_one_child_and_it_is_gone_afterwards(photo, folder) -> None:
    with media.batch() as outer:
        for _ in range(3):
            media.keep_original(photo, folder)
            media.clean(photo, folder)
        with media.batch() as inner:
            media.inspect(photo)
        running = outer._process

    assert inner is outer
    assert outer.starts == 1
    assert running.returncode is not None
    assert outer._process is None


def test_a_batch_without_pictures_starts_nothing(tmp_path, folder) -> None:
    (tmp_path / "teks.jpg").write_text("bukan foto")

    with media.batch() as one, pytest.raises(WrongInput):
        media.inspect(tmp_path / "teks.jpg")

    assert one.starts == 0


def test_a_picture_that_takes_too_much_memory_costs_a_sentence_and_the_next_one_is_read(photo, limited) -> None:
    large, one = photo.with_name("besar.jpg"), limited(memory=200 * MIB)
    Image.new("RGB", (8000, 6000)).save(large)

    with pytest.raises(WrongInput, match=r"besar\.jpg needs more memory or time"):
        asked(large, one)

    assert asked(photo, one) == {"width": 1600, "height": 1200}
    assert one.starts == 2


def test_a_picture_that_takes_too_long_costs_a_sentence(photo, limited) -> None:
    one = limited(cpu=-1)  # used up as it begins

    slow = photo.with_name("lambat.jpg")
    slow.write_bytes(picture(size=(6000, 5000), mode="RGB", quality=95, progressive=True))
    with pytest.raises(WrongInput, match=r"lambat\.jpg needs more memory or time"):
        for _ in range(20):
            asked(slow, one)


def test_the_time_limit_is_for_each_question(photo, limited) -> None:
    one = limited(cpu=0)

    for _ in range(30):
        asked(photo, one)

    assert one.starts == 1


def test_a_child_that_is_killed_costs_a_sentence_and_the_next_question_starts_another(photo, limited) -> None:
    one = limited()
    asked(photo, one)
    one._process.kill()

    with pytest.raises(WrongInput, match=r"foto\.jpg needs more memory"):
        asked(photo, one)

    assert asked(photo, one)["width"] == 1600


def test_a_child_that_falls_over_its_own_feet_costs_a_sentence(photo, limited) -> None:
    with photo.open("rb") as file, pytest.raises(WrongInput, match=r"foto\.jpg is built so that reading it fails"):
        limited().ask("no such task", photo.name, file, kind="image/jpeg", nonsense=True)


def test_a_child_that_does_not_start_is_nobodys_picture_fault(photo, limited, monkeypatch) -> None:
    monkeypatch.setattr(child, "_SERVE", "raise SystemExit(3)")

    with pytest.raises(Broken, match="does not start"):
        asked(photo, limited())


def test_the_child_knows_no_secret_and_has_no_other_file_open(photo, limited, monkeypatch) -> None:
    monkeypatch.setenv("DISSEM_TOKEN", "rahasia")
    one = limited()
    asked(photo, one)

    process = Path(f"/proc/{one._process.pid}")
    open_files = [str(entry.readlink()) for entry in (process / "fd").iterdir()]

    assert b"rahasia" not in (process / "environ").read_bytes()
    assert str(photo) not in " ".join(open_files)
    assert len([name for name in open_files if name.startswith("socket:")]) == 1


def test_the_child_is_bound_to_its_limits(photo, limited) -> None:
    one = limited()
    asked(photo, one)

    told = Path(f"/proc/{one._process.pid}/limits").read_text()

    rows = {line[:25].strip(): line[25:].split()[:2] for line in told.splitlines()}
    assert rows["Max address space"] == [str(1024 * MIB)] * 2
    assert rows["Max core file size"] == ["0", "0"]
    assert rows["Max open files"] == ["64", "64"]
    assert 20 <= int(rows["Max cpu time"][0]) <= 22


def test_threads_take_turns(photo, folder) -> None:
    with media.batch() as one:
        threads = [threading.Thread(target=asked, args=(photo, one)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert one.starts == 1


def test_a_command_can_be_bound_to_limits_before_it_begins() -> None:
    few = limits.Limits(memory=300 * MIB, cpu=5, file=1000, nice=5)
    see = "import os, resource as r; print([r.getrlimit(n)[0] for n in (r.RLIMIT_AS, r.RLIMIT_FSIZE)], os.nice(0))"

    command = limits.bound([sys.executable, "-I", "-c", see], few)
    told = subprocess.run(command, env=limits.surroundings(), capture_output=True, text=True, check=True).stdout

    assert json.loads(told.rpartition(" ")[0]) == [300 * MIB, 1000]
    assert int(told.split()[-1]) - os.nice(0) == 5


# Who decodes


def test_the_daemon_and_the_queue_never_load_what_decodes_pictures() -> None:
    see = "import sys, dissem.daemon.run, dissem.queue.carry, dissem.compose.media; print('PIL' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", see], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "False"


def test_a_photo_is_published_by_its_hash_alone(town, monkeypatch) -> None:
    photo = b"not even a photo"
    path = media.stored(town.installation.media, sha256(photo).hexdigest(), "image/jpeg")
    path.parent.mkdir(parents=True)
    path.write_bytes(photo)
    channel, _wall = town.channel()
    attachment = Attachment(sha256(photo).hexdigest(), path, "image/jpeg", len(photo), 10, 10)
    number = town.delivery(channel, "Halo", attachments=(attachment,))
    monkeypatch.setattr(child.Child, "_ready", None)

    town.work(3)

    assert town.see(number).state is State.PUBLISHED
    assert len(town.publications(number)) == 1


# HEIC


def test_a_heic_photo_is_kept_as_it_is_and_sent_as_jpeg(tmp_path, folder) -> None:
    path = tmp_path / "IMG_0042.HEIC"
    path.write_bytes(heic(turns=1))

    kept, sent = media.keep_original(path, folder), media.clean(path, folder)

    assert (kept.type, kept.width, kept.height) == ("image/heic", 64, 96)
    assert (sent.type, sent.width, sent.height) == ("image/jpeg", 64, 96)
    with Image.open(media.stored(folder, sent.sha256, sent.type)) as image:
        assert image.getpixel((32, 90))[0] > 200  # red was left, and is below after a turn to the left
        assert image.getpixel((32, 10))[2] > 200


def test_without_the_library_a_heic_photo_is_refused_with_two_ways_out(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(heic_photos, "find_spec", lambda name: None)
    path = tmp_path / "IMG_0042.HEIC"
    path.write_bytes(heic())

    with pytest.raises(WrongInput, match="is a HEIC photo, which cannot be used yet") as refused:
        media.inspect(path)

    assert "JPEG" in refused.value.hint
    assert "pip install 'dissem[heic]'" in refused.value.hint
