import ast
import sys
import threading
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests

import dissem.rehearsal
from dissem.rehearsal.city import PLATFORMS, City, Overview, serve, standin
from dissem.rehearsal.files import Stored
from dissem.rehearsal.mastodon import MastodonStandin
from dissem.rehearsal.page import LARGEST_EMBEDDED_VIDEO, page
from dissem.rehearsal.standin import Account, Live, Standin, route
from dissem.rehearsal.telegram import TelegramStandin
from dissem.rehearsal.wire import Answer

NOW = datetime(2026, 8, 17, 3, 5, tzinfo=UTC)
NOBODY = {"apprise": {"account"}, "email": {"account"}}  # they have no accounts that could be asked about


class Gallery(Standin):
    """A platform whose posts are hung by hand."""

    name = "gallery"

    def __init__(self, *posts):
        super().__init__(accounts=[Account("1", "kota", "Kota & Warga")], now=lambda: NOW)
        self._live = {post.id: post for post in posts}

    @route("GET", "/")
    def nothing(self, request):
        return Answer(204)

    def counts(self, live):
        return {"likes": 12}


class Outline(HTMLParser):
    """Elements with their attributes, and the visible words."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.words = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all_of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def says(self, text):
        return text in " ".join(" ".join(self.words).split())


def hung(number, text="", **more):
    return Live("kota", str(number), f"https://gallery.example/{number}", text, NOW, **more)


def test_the_page_shows_posts_newest_first_with_escaped_text():
    outline = Outline(page([Gallery(hung(1, "Pertama"), hung(2, "<script>alert(1)</script>"))]))

    words = " ".join(outline.words)
    assert outline.all_of("script") == []
    assert words.index("<script>alert(1)</script>") < words.index("Pertama")
    assert outline.says("Gladi: akun-akun sekarang")
    assert outline.says("Kota & Warga")
    assert outline.says("17 Agustus 2026 pukul 10.05 WIB")
    assert outline.says("12 suka")
    assert [link["href"] for link in outline.all_of("a")] == ["https://gallery.example/2", "https://gallery.example/1"]


def test_pictures_are_inside_the_page_with_their_alt_text():
    stored = Stored(b"\x89PNG", "image/png", 'Pintu "air"')

    (picture,) = Outline(page([Gallery(hung(1, media=(stored,)))])).all_of("img")

    assert picture == {"src": "data:image/png;base64,iVBORw==", "alt": 'Pintu "air"'}


def test_a_picture_without_alt_text_says_so():
    outline = Outline(page([Gallery(hung(1, media=(Stored(b"\x89PNG", "image/png"),)))]))

    assert outline.says("Tanpa teks alternatif")


def test_videos_play_unless_they_are_too_large():
    small, large = (Stored(b"\0" * size, "video/mp4") for size in (9, LARGEST_EMBEDDED_VIDEO + 1))

    outline = Outline(page([Gallery(hung(1, media=(small, large)))]))

    assert [video["src"][:21] for video in outline.all_of("video")] == ["data:video/mp4;base64"]
    assert outline.says("Berkas video/mp4, 8,0 MB, tidak ditampilkan di sini.")


def test_the_page_needs_nothing_from_elsewhere_and_states_its_language():
    outline = Outline(page([Gallery(hung(1, "x"))]))

    assert outline.all_of("html") == [{"lang": "id"}]
    assert outline.all_of("link") == outline.all_of("script") == []
    assert all("src" not in attributes or attributes["src"].startswith("data:") for _, attributes in outline.elements)


def test_an_account_without_posts_says_so():
    assert Outline(page([Gallery()])).says("Belum ada kiriman")
    assert Outline(page([])).says("Tidak ada akun")


@pytest.fixture
def city():
    with City(MastodonStandin(), TelegramStandin()) as running:
        yield running


def test_a_city_starts_and_stops_together(city):
    urls = city.urls()

    assert set(urls) == {"mastodon", "telegram"}
    assert requests.get(urls["mastodon"] + "/api/v2/instance", timeout=5).ok
    city.stop()
    for url in urls.values():
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5)


def test_a_city_that_cannot_start_whole_does_not_start(city):
    first, second = MastodonStandin(), TelegramStandin(port=city["telegram"].port)

    with pytest.raises(OSError, match="in use"):
        City(first, second).start()

    with pytest.raises(requests.ConnectionError):
        requests.get(first.url, timeout=5)


def test_the_overview_shows_what_was_published_and_lets_time_pass(city):
    mastodon = city["mastodon"]
    requests.post(
        mastodon.url + "/api/v1/statuses",
        json={"status": "Kerja bakti"},
        headers={"Authorization": f"Bearer {mastodon.token}"},
        timeout=5,
    )

    with Overview(city) as overview:
        shown = requests.get(overview.url, timeout=5).text
        urls = requests.get(overview.url + "/urls", timeout=5).json()
        passed = requests.post(overview.url + "/time", json={"hours": 48}, timeout=5)
        wrong = requests.post(overview.url + "/time", json={"hours": "besok"}, timeout=5)

    assert "Kerja bakti" in shown
    assert urls == city.urls()
    assert (passed.status_code, wrong.status_code) == (200, 400)
    assert mastodon.time_offset == timedelta(hours=48)
    assert mastodon.counts(mastodon.public[0])["favourites_count"] > 0


def test_serving_lasts_until_it_is_told_to_end():
    end, seen = threading.Event(), {}

    def ready(overview, city):
        seen.update(city.urls(), page=requests.get(overview, timeout=5).text)
        end.set()

    serve("mastodon", "telegram", ready=ready, until=end)

    assert set(seen) == {"mastodon", "telegram", "page"}
    assert "Humas Kota" in seen["page"]
    with pytest.raises(requests.ConnectionError):
        requests.get(seen["mastodon"], timeout=5)


def test_a_platform_without_a_stand_in_is_named():
    with pytest.raises(KeyError, match="friendster"):
        standin("friendster")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_is_ready_without_settings(platform):
    with standin(platform) as running:
        assert running.name == platform
        assert running.token
        assert {"publish", "account"} - NOBODY.get(platform, set()) <= running.labels
        assert running.public == []


def imported(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_the_rehearsal_needs_the_standard_library_alone():
    allowed = {*sys.stdlib_module_names, "dissem.rehearsal"}

    for file in Path(dissem.rehearsal.__file__).parent.glob("*.py"):
        for name in imported(file.read_text(encoding="utf-8")):
            assert name.split(".")[0] in allowed or name.startswith("dissem.rehearsal"), f"{file.name} imports {name}"
