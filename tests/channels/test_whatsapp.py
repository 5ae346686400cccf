"""WhatsApp: the contract as far as a folder can keep it, and what it means that a person sends."""

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dissem.channels import whatsapp
from dissem.channels.adapter import Certainty, Prepared, Stage
from dissem.channels.errors import Refused, Uncertain, Unreachable
from dissem.channels.network import Network
from dissem.channels.whatsapp import WhatsApp
from dissem.rehearsal.files import Stored, sniff
from dissem.rehearsal.standin import Live

from .contract import AdapterContract, Platform, send


class WhatsAppPlatform(Platform):
    """Sees what the officer would; nobody else sees anything."""

    adapter_class = WhatsApp
    public_link = "file://"
    max_text = None  # a folder refuses no text: `compose` keeps to the facts

    def __init__(self, folder: Path) -> None:
        super().__init__(None)
        self.folder = folder

    def settings(self):
        return {"folder": self.folder}

    @property
    def account(self):
        return str(self.folder)

    @property
    def public(self):
        """What lies ready; the contract's word for it."""
        ready = self.folder.iterdir() if self.folder.exists() else ()
        return [self._live(path) for path in sorted(ready, key=lambda path: path.stat().st_mtime_ns)]

    def _live(self, path):
        contents = [file.read_bytes() for file in sorted(path.iterdir()) if file.name != "pesan.txt"]
        media = tuple(Stored(content, sniff(content)) for content in contents)
        text = (path / "pesan.txt").read_bytes().decode()
        return Live("humas", path.name, path.as_uri(), text, datetime.now(UTC), media)

    def shows(self, live, part):
        return live.text == part.text


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "whatsapp"


@pytest.fixture
def platform(folder):
    return WhatsAppPlatform(folder)


class TestContract(AdapterContract):
    """Everything asked of every channel; but what is sent by hand is handed over, not public."""

    def test_a_text_is_public_after_publish(self, adapter, platform, part):
        halo = part()

        receipt = send(adapter, halo, platform)

        (live,) = platform.public
        assert platform.shows(live, halo)
        assert (receipt.id, receipt.stage) == (live.id, Stage.HANDED)

    def test_a_video_arrives_with_its_text(self, adapter, platform, part, clip):
        film = part(kind="video", attachments=(clip,))

        receipt = send(adapter, film, platform)

        (live,) = platform.public
        assert receipt.stage is Stage.HANDED
        assert platform.shows(live, film)
        assert [stored.bytes for stored in live.media] == [clip.path.read_bytes()]


def test_the_officer_finds_day_title_text_and_numbered_files(adapter, folder, part, photos, clip):
    created = datetime(2026, 11, 24, 3, tzinfo=UTC)

    receipt = adapter.publish(part(attachments=(*photos[:2], clip), created=created), Prepared())

    assert receipt.id.startswith("2026-11-24-jalan-sudirman-ditutup-minggu-pagi-")
    assert receipt.url == (folder / receipt.id).as_uri()
    assert sorted(path.name for path in (folder / receipt.id).iterdir()) == ["1.jpg", "2.jpg", "3.mp4", "pesan.txt"]


def test_others_than_the_daemon_can_read_it_whatever_its_umask(adapter, folder, part):
    before = os.umask(0o077)
    try:
        receipt = adapter.publish(part(), Prepared())
    finally:
        os.umask(before)

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / receipt.id)]
    assert modes == [0o755, 0o755]
    assert stat.S_IMODE((folder / receipt.id / "pesan.txt").stat().st_mode) == 0o644


@pytest.mark.parametrize("title", ["../../etc/passwd", "", "…", ".", "a/b\\c:d\0e\n", "Ω≈ç√", "x" * 300])
def test_no_title_leads_out_of_the_folder(adapter, folder, part, title):
    receipt = adapter.publish(part(title=title), Prepared())

    assert set(receipt.id) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(receipt.id) < 80
    assert [path.name for path in folder.iterdir()] == [receipt.id]


def test_the_same_part_again_changes_nothing_and_another_lies_beside_it(adapter, folder, part):
    halo, twin = part(), part()
    first = adapter.publish(halo, Prepared())
    (folder / first.id / "pesan.txt").write_text("Sudah dibaca petugas.")

    assert adapter.publish(halo, Prepared()) == first
    assert adapter.publish(twin, Prepared()).id != first.id
    assert (folder / first.id / "pesan.txt").read_text() == "Sudah dibaca petugas."


def test_what_broke_off_is_not_found_and_the_next_try_lays_it_whole(adapter, folder, part, photos, monkeypatch):
    album, write = part(attachments=tuple(photos)), whatsapp._write

    def fail(path, content):
        if path.name == "2.jpg":
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(whatsapp, "_write", fail)
    with pytest.raises(Unreachable, match="No space left"):
        adapter.publish(album, Prepared())
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    monkeypatch.setattr(whatsapp, "_write", write)
    receipt = adapter.publish(album, Prepared())

    assert visible == []
    assert [path.name for path in folder.iterdir()] == [receipt.id]
    assert len(list((folder / receipt.id).iterdir())) == 4


def test_once_it_lies_there_trouble_is_uncertain(adapter, folder, part, monkeypatch):
    sync = whatsapp._sync

    def fail(path):
        if path == folder:
            raise OSError(5, "Input/output error")
        sync(path)

    monkeypatch.setattr(whatsapp, "_sync", fail)

    with pytest.raises(Uncertain):
        adapter.publish(part(), Prepared())


def test_a_folder_that_cannot_be_made_is_unreachable(tmp_path, part):
    (tmp_path / "berkas").write_text("bukan folder")
    adapter = WhatsApp(WhatsApp.Settings(folder=tmp_path / "berkas" / "wa"), network=Network())

    with pytest.raises(Unreachable):
        adapter.check()
    with pytest.raises(Unreachable):
        adapter.publish(part(), Prepared())


def test_nobody_can_be_asked_whether_it_was_sent(adapter, part, since):
    halo = part()
    receipt = adapter.publish(halo, Prepared())

    assert adapter.certainty(halo) is Certainty.BLIND
    with pytest.raises(Uncertain):
        adapter.find(halo, Prepared(), since)
    with pytest.raises(Refused):
        adapter.remove(receipt)
    assert adapter.measure([receipt]) == {}
    assert adapter.confirm(receipt) == receipt


def test_check_leaves_nothing_behind(adapter, folder):
    account = adapter.check()

    assert account.id == str(folder)
    assert list(folder.iterdir()) == []
