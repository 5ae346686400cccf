"""The demo plays the whole main job: on every platform that is installed, each post once by their own count."""

import json
import re
import shutil
from pathlib import Path

import pytest

from dissem.channels.registry import platforms
from dissem.cli.main import main

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise imports it


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a demo, and what it said. It runs once, in English, on a machine without ffmpeg."""
    import contextlib
    import io

    home, said = tmp_path_factory.mktemp("demo") / "town", io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.setenv("DISSEM_LANG", "en")
        patch.delenv("DISSEM_DATABASE_URL", raising=False)
        patch.setenv("XDG_STATE_HOME", str(home.parent / "state"))
        patch.setattr(shutil, "which", lambda *_, **__: None)
        status = main(("demo", "--dir", str(home)))
    assert status == 0, said.getvalue()
    return home, said.getvalue()


def test_the_demo_publishes_on_every_platform(played: tuple[Path, str]) -> None:
    _home, said = played

    rows = re.findall(r"^\d+ +([a-z-]+)-(?:kominfo|dishub) +(\S+)", said, flags=re.MULTILINE)

    assert {platform for platform, _state in rows} == set(platforms())
    assert {state for _platform, state in rows} == {"published"}
    assert re.search(r"^\d+ posts on 18 platforms, counted there: each is public exactly once\.$", said, re.MULTILINE)


def test_the_demo_shows_what_only_people_can_do_and_who_was_left_out(played: tuple[Path, str]) -> None:
    _home, said = played

    assert "The author's own yes is refused" in said
    assert "The mail reached 2 of 3 addresses. bagian.lama@kabar.example is left out" in said
    assert "budi posted them" in said


def test_the_newsroom_goes_first_and_the_others_show_its_link(played: tuple[Path, str]) -> None:
    home, _said = played
    [item] = (home / "newsroom" / "items").glob("*dukcapil-keliling*.json")
    link = f"https://humas.example.com/{json.loads(item.read_text())['page']}"
    accounts = (home / "akun.html").read_text()

    shown = [block for block in accounts.split("<article>") if link in block]

    assert len(shown) >= 10


def test_a_mail_delivery_says_who_was_left_out_of_it(
    played: tuple[Path, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, said = played
    monkeypatch.setenv("DISSEM_TOKEN", said.split()[0])  # the admin's, shown first
    monkeypatch.setenv("DISSEM_HOME", str(home))
    monkeypatch.setenv("DISSEM_LANG", "en")
    main(("person", "token", "budi", "--json"))
    monkeypatch.setenv("DISSEM_TOKEN", json.loads(capsys.readouterr().out)["token"])
    main(("release", "show", "1", "--json"))
    deliveries = json.loads(capsys.readouterr().out)["deliveries"]
    [mail] = [one for one in deliveries if one["channel"] == "email-kominfo"]

    main(("delivery", "show", str(mail["id"])))

    shown = capsys.readouterr().out
    assert mail["state"] == "published"
    assert re.search(r"^Left out +bagian\.lama@kabar\.example$", shown, re.MULTILINE)
    assert re.search(r"^\d +bagian\.lama@kabar\.example .* no recipient", shown, re.MULTILINE)
    assert shown.count("PADANG") == 1


def test_the_report_and_the_pages_to_look_at_are_there(played: tuple[Path, str]) -> None:
    home, said = played

    files = re.findall(r": (/\S+\.html)$", said, flags=re.MULTILINE)

    assert len(files) == 3
    assert all(Path(file).is_file() and Path(file).is_relative_to(home) for file in files)


def test_every_post_is_shown_under_the_name_of_its_account(played: tuple[Path, str]) -> None:
    home, _said = played

    names = re.findall(r"<h2>([^<]+)</h2>", (home / "akun.html").read_text())

    assert names
    assert [name for name in names if name.isdecimal()] == []


def test_a_folder_that_is_not_a_demo_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "surat.txt").write_text("penting")

    status = main(("--lang", "en", "demo", "--dir", str(tmp_path)))

    assert status != 0
    assert "not empty and not a demo" in capsys.readouterr().err
    assert (tmp_path / "surat.txt").read_text() == "penting"
