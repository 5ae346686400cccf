import html
import json
import os
import re
import stat
import threading
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import feedparser
import pytest
from pydantic import ValidationError

from dissem.channels import newsroom
from dissem.channels.adapter import Prepared, same_text
from dissem.channels.errors import Uncertain, Unreachable
from dissem.channels.network import Network
from dissem.channels.newsroom import Newsroom
from dissem.i18n import language
from dissem.rehearsal.files import Stored
from dissem.rehearsal.standin import Live

from .contract import AdapterContract, Platform

SITE = "https://berita.padang.example"
EARLIER = datetime(2026, 1, 1, tzinfo=UTC)


class NewsroomPlatform(Platform):
    """Reads what a visitor would: the JSON feed and the files it leads to."""

    adapter_class = Newsroom
    public_link = "file://"

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
        feed = self.folder / "feed.json"
        entries = json.loads(feed.read_text())["items"] if feed.exists() else []
        return [self._live(entry) for entry in reversed(entries)]

    def _live(self, entry) -> Live:
        page = Path(entry["url"].removeprefix("file://"))
        text = re.search(r'<div class="text">(.*?)</div>', page.read_text(), re.DOTALL)[1]
        files = [(Path(a["url"].removeprefix("file://")), a) for a in entry["attachments"]]
        media = tuple(Stored(path.read_bytes(), a["mime_type"], a.get("title", "")) for path, a in files)
        at = datetime.fromisoformat(entry["date_published"])
        return Live("newsroom", page.stem, entry["url"], html.unescape(re.sub("<[^>]*>", "", text)), at, media)

    def shows(self, live, part):
        return same_text(part.body.replace("**", ""), live.text)


class TestNewsroom(AdapterContract):
    @pytest.fixture
    def platform(self, tmp_path):
        return NewsroomPlatform(tmp_path / "newsroom")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "newsroom"


@pytest.fixture
def room(folder):
    """room(**settings) → a newsroom of that folder, at SITE unless told otherwise."""

    def room(**changes) -> Newsroom:
        settings = Newsroom.Settings(**{"folder": folder, "base_url": SITE, **changes})
        return Newsroom(settings, network=Network())

    return room


@pytest.fixture
def at(monkeypatch):
    """at(moment): from now on it is *moment*."""

    class Clock(datetime):
        moment = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)

        @classmethod
        def now(cls, tz=None):
            return cls.moment.astimezone(tz)

    def at(moment: datetime) -> None:
        Clock.moment = moment

    monkeypatch.setattr(newsroom, "datetime", Clock)
    return at


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its bytes and its time."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


class Outline(HTMLParser):
    """Tags, addresses and alt texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.addresses, self.alts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.addresses += [given[name] for name in ("src", "href") if name in given]
        self.alts += [given["alt"]] if "alt" in given else []


def test_the_same_key_again_changes_no_byte_and_no_date(room, folder, part, photos, at):
    at(datetime(2026, 12, 31, tzinfo=UTC))
    halo = part(attachments=tuple(photos))
    first = room().publish(halo, Prepared())
    before = tree(folder)
    at(datetime(2027, 1, 2, tzinfo=UTC))

    second = room().publish(halo, Prepared())

    assert second == first
    assert tree(folder) == before


def test_files_can_be_read_by_the_web_server_and_nothing_half_written_stays(room, folder, part, photos):
    before = os.umask(0o077)
    try:
        room().publish(part(attachments=tuple(photos)), Prepared())
    finally:
        os.umask(before)

    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert {mode for name, mode in files.items() if name != ".lock"} == {0o644}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_dir()} == {0o755}
    assert [name for name in files if name.endswith(".new")] == []


def test_the_front_page_has_the_newest_first_of_all_agencies(room, folder, part, at):
    for hour, (title, agency) in enumerate([("Banjir", "BPBD"), ("Air mati", "PDAM"), ("Pasar", "Disdag")]):
        at(datetime(2026, 11, 24, hour, tzinfo=UTC))
        room().publish(part(title=title, agency=agency), Prepared())

    front = (folder / "index.html").read_text()

    assert re.findall(r'<h2><a href="[^"]+">(.*?)</a>', front) == ["Pasar", "Air mati", "Banjir"]
    assert re.findall(r'<p class="soft">(\w+) ·', front) == ["Disdag", "PDAM", "BPBD"]


def test_a_page_says_when_in_indonesian_whoever_publishes(room, folder, part, at):
    at(datetime(2026, 12, 31, 17, 30, 12, tzinfo=UTC))
    before = language.set("en")
    try:
        receipt = room().publish(part(), Prepared())
    finally:
        language.reset(before)

    page = (folder / receipt.url.removeprefix(SITE + "/")).read_text()

    assert receipt.url.startswith(f"{SITE}/2027/jalan-sudirman-ditutup-minggu-pagi-")
    assert "Jumat, 1 Januari 2027 pukul 00.30 WIB" in page
    assert '<html lang="id">' in page


def test_pages_load_nothing_from_elsewhere_and_run_nothing(room, folder, part, photos, clip):
    receipt = room().publish(
        part(
            title="<script>alert(1)</script> & kawan",
            body="Halo <script>alert(2)</script>\n\n![pelacak](https://tracker.example/x.png)\n\n[jahat](javascript:alert(3))",
            tags=('"><img src=x onerror=alert(4)>',),
            link="javascript:alert(5)",
            attachments=(*photos, clip),
        ),
        Prepared(),
    )

    for path in (receipt.url.removeprefix(SITE + "/"), "index.html", "2026/index.html"):
        text = (folder / path).read_text()
        outline = Outline(text)
        loaded = re.findall(r'(?:src|poster)="([^"]*)"|url\(([^)]*)\)', text)
        assert not {"script", "iframe", "object", "embed"} & set(outline.tags)
        assert not any(("".join(address)).startswith(("http", "//", "data:")) for address in loaded)
        assert not any(address.startswith("javascript:") for address in outline.addresses)
        assert "onerror" not in re.sub(r"&#34;&gt;&lt;img src=x onerror", "", text)


def test_a_page_shows_pictures_with_alt_text_and_the_video_with_controls(room, folder, part, photos, clip):
    receipt = room().publish(part(attachments=(*photos, clip), tags=("Padang", "Lalu_lintas")), Prepared())

    text = (folder / receipt.url.removeprefix(SITE + "/")).read_text()
    outline = Outline(text)

    assert outline.alts == [photo.alt for photo in photos]
    assert outline.tags.count("video") == 1
    assert "<video controls" in text
    assert re.findall(r"<li>(#\w+)</li>", text) == ["#Padang", "#Lalu_lintas"]
    assert outline.tags.count("h1") == 1


def test_every_local_address_on_the_pages_leads_to_a_file(room, folder, part, photos, clip):
    room().publish(part(attachments=(*photos, clip)), Prepared())

    for page in folder.rglob("*.html"):
        for address in Outline(page.read_text()).addresses:
            if not address.startswith(("http", "#")):
                assert (page.parent / address).exists(), f"{address} on {page.name}"


def test_headings_of_the_body_stand_below_the_title(room, folder, part):
    receipt = room().publish(part(body="# Jadwal\n\n## Senin\n\n| a | b |\n|---|---|\n| 1 | 2 |"), Prepared())

    outline = Outline((folder / receipt.url.removeprefix(SITE + "/")).read_text())

    assert [tag for tag in outline.tags if re.fullmatch(r"h\d", tag)] == ["h1", "h2", "h3"]
    assert "table" in outline.tags


def test_the_atom_feed_is_valid_and_complete(room, folder, part, photos, clip, at):
    at(datetime(2026, 11, 24, 2, 0, tzinfo=UTC))
    receipt = room().publish(
        part(attachments=(photos[0], clip), tags=("Padang",), link="https://padang.go.id/?a=1&b=2"), Prepared()
    )

    feed = feedparser.parse((folder / "feed.atom").read_bytes())
    (entry,) = feed.entries

    assert not feed.bozo
    assert feed.version == "atom10"
    assert feed.feed.id == "tag:berita.padang.example,2026:newsroom"
    assert {"title": "Ruang Berita", "updated": "2026-11-24T02:00:00+00:00", "author": "Ruang Berita"}.items() <= (
        feed.feed.items()
    )
    assert [link.href for link in feed.feed.links if link.rel == "self"] == [f"{SITE}/feed.atom"]
    assert entry.id.startswith("tag:berita.padang.example,2026:release/")
    assert (entry.title, entry.link, entry.author) == (part().title, receipt.url, "Dinas Perhubungan")
    assert [(e.type, e.length) for e in entry.enclosures] == [
        ("image/jpeg", str(photos[0].size)),
        ("video/mp4", str(clip.size)),
    ]
    assert [tag.term for tag in entry.tags] == ["Padang"]
    assert f'src="{SITE}/media/{photos[0].sha256}.jpg"' in entry.content[0].value


def test_the_json_feed_keeps_to_version_1_1(room, folder, part, photos, at):
    at(datetime(2026, 11, 24, 2, 0, tzinfo=UTC))
    receipt = room().publish(part(attachments=(photos[0],), tags=("Padang",), link="https://padang.go.id/"), Prepared())

    feed = json.loads((folder / "feed.json").read_text())
    (item,) = feed["items"]

    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert (feed["feed_url"], feed["language"]) == (f"{SITE}/feed.json", "id")
    assert (item["url"], item["external_url"]) == (receipt.url, "https://padang.go.id/")
    assert item["id"].startswith("tag:berita.padang.example,2026:release/")
    assert item["date_published"] == "2026-11-24T02:00:00+00:00"
    assert item["summary"].startswith("Jalan Sudirman ditutup Minggu pagi")
    assert item["attachments"] == [
        {
            "url": f"{SITE}/media/{photos[0].sha256}.jpg",
            "mime_type": "image/jpeg",
            "size_in_bytes": photos[0].size,
            "title": photos[0].alt,
        }
    ]


def test_characters_that_break_feeds_are_taken_out(room, folder, part, attach):
    dirty = attach(b"foto", "image/jpeg", alt="Fo\x0bto\ufffe")
    room().publish(
        part(title="Ju\x00dul\x0c", body="Isi\x1f \ud83dteks\uffff", agency="Di\x08nas", attachments=(dirty,)),
        Prepared(),
    )

    feed = feedparser.parse((folder / "feed.atom").read_bytes())

    assert not feed.bozo
    assert (feed.entries[0].title, feed.entries[0].author) == ("Judul", "Dinas")
    assert json.loads((folder / "feed.json").read_text())["items"][0]["attachments"][0]["title"] == "Foto"


def test_a_summary_is_made_of_the_paragraphs_in_plain_words(room, folder, part):
    body = "## Jadwal\n\nMulai **06.00** di [balai](https://a.id).\n\n- satu\n\n" + "Lalu lintas dialihkan. " * 30

    room().publish(part(body=body), Prepared())

    summary = json.loads((folder / "feed.json").read_text())["items"][0]["summary"]
    assert summary.startswith("Mulai 06.00 di balai. Lalu lintas dialihkan.")
    assert len(summary) <= 240
    assert summary.endswith(" …")


def test_the_feeds_hold_the_newest_and_the_year_holds_all(room, folder, part, at, monkeypatch):
    monkeypatch.setattr("dissem.channels.newsroom_pages.NEWEST", 2)
    for day in (1, 2, 3):
        at(datetime(2026, 11, day, tzinfo=UTC))
        room().publish(part(title=f"Hari {day}"), Prepared())

    feed = feedparser.parse((folder / "feed.atom").read_bytes())

    assert [entry.title for entry in feed.entries] == ["Hari 3", "Hari 2"]
    assert re.findall(r">(Hari \d)</a>", (folder / "2026/index.html").read_text()) == ["Hari 3", "Hari 2", "Hari 1"]


def test_equal_titles_get_pages_of_their_own(room, folder, part):
    receipts = [room().publish(part(title="Pengumuman"), Prepared()) for _ in range(2)]

    assert len({receipt.url for receipt in receipts}) == 2
    assert len(feedparser.parse((folder / "feed.atom").read_bytes()).entries) == 2


@pytest.mark.parametrize("title", ["../../etc/passwd", "...", "漢字", "a" * 400, "CON.html?x=1#y"])
def test_no_title_leads_out_of_the_folder(room, folder, part, title):
    receipt = room().publish(part(title=title), Prepared())

    page = folder / receipt.url.removeprefix(SITE + "/")
    assert page.resolve().is_relative_to(folder.resolve())
    assert page.exists()


def test_writing_that_broke_off_after_the_item_is_uncertain_and_finished_by_looking(room, folder, part):
    room().check()
    (folder / "index.html").mkdir()
    halo = part()
    with pytest.raises(Uncertain):
        room().publish(halo, Prepared())

    (folder / "index.html").rmdir()
    (found,) = room().find(halo, Prepared(), EARLIER)

    assert halo.title in (folder / "index.html").read_text()
    assert (folder / found.url.removeprefix(SITE + "/")).exists()


def test_a_folder_that_cannot_be_written_is_unreachable(room, folder, part):
    folder.write_text("a file stands here")

    for act in (room().check, lambda: room().publish(part(), Prepared())):
        with pytest.raises(Unreachable, match="newsroom"):
            act()


def test_a_full_disk_leaves_no_trace_of_the_release(room, folder, part, photos, monkeypatch):
    room().publish(part(title="Lama"), Prepared())
    before = tree(folder)
    monkeypatch.setattr(newsroom.os, "fsync", _no_space)

    with pytest.raises(Unreachable, match="No space left"):
        room().publish(part(attachments=tuple(photos)), Prepared())

    after = {name: file for name, file in tree(folder).items() if not name.endswith(".new")}
    assert after == before


def _no_space(handle):
    raise OSError(28, "No space left on device")


def test_an_item_that_cannot_be_read_hides_no_release(room, folder, part):
    room().publish(part(title="Lama"), Prepared())
    before = tree(folder)
    (folder / "items" / "rusak.json").write_text("{")

    with pytest.raises(Unreachable, match=r"rusak\.json"):
        room().publish(part(), Prepared())

    assert {name: file for name, file in tree(folder).items() if "rusak" not in name} == before


def test_a_recalled_photo_is_gone_unless_another_release_shows_it(room, folder, part, photos):
    room().publish(part(title="Tetap", attachments=(photos[0],)), Prepared())
    recalled = room().publish(part(title="Ditarik", attachments=(photos[0], photos[1])), Prepared())

    room().remove(recalled)

    assert [path.name for path in (folder / "media").iterdir()] == [f"{photos[0].sha256}.jpg"]
    assert "Ditarik" not in "".join(path.read_text() for path in folder.rglob("*.html"))
    assert "Ditarik" not in (folder / "feed.atom").read_text() + (folder / "feed.json").read_text()


def test_many_may_publish_at_once_and_nobodys_release_is_lost(room, folder, part):
    parts = [part(title=f"Rilis {n}") for n in range(8)]
    threads = [threading.Thread(target=room().publish, args=(one, Prepared())) for one in parts]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    titles = {entry.title for entry in feedparser.parse((folder / "feed.atom").read_bytes()).entries}
    assert titles == {one.title for one in parts}


def test_a_release_keeps_its_tag_when_the_address_changes(room, folder, part, at):
    at(datetime(2026, 11, 24, tzinfo=UTC))
    room().publish(part(title="Lama"), Prepared())
    old = json.loads((folder / "feed.json").read_text())["items"][0]["id"]
    at(datetime(2026, 11, 24, tzinfo=UTC) + timedelta(days=1))

    room(base_url="https://kabar.padang.example/berita").publish(part(title="Baru"), Prepared())

    items = json.loads((folder / "feed.json").read_text())["items"]
    assert items[1]["id"] == old
    assert items[0]["url"].startswith("https://kabar.padang.example/berita/2026/")


@pytest.mark.parametrize(
    "wrong", [{"base_url": "berita.padang.example"}, {"timezone": "Asia/Padang"}, {"base_url": "javascript:x"}]
)
def test_a_wrong_setting_is_refused_when_it_is_made(folder, wrong):
    with pytest.raises(ValidationError):
        Newsroom.Settings(folder=folder, **wrong)
