"""The weekly report as text, JSON and HTML: readable, complete, and harmless whatever a title holds."""

import json
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from test_engagement import DAY, HOUR, JAKARTA, MONDAY, NEXT_MONDAY, Town

from dissem import i18n
from dissem.channels.adapter import COUNTS
from dissem.clock import week_bounds
from dissem.engagement import rollup
from dissem.models import ChannelState, Held, Kind, State
from dissem.reports.render import OLDER, duration, render, week_title
from dissem.reports.weekly import WeeklyReport, weekly
from dissem.store.installation import Installation

NASTY = '<script>alert(1)</script> & "quotes" {curly} \x1b[31m \u202e'


def report_of(installation: Installation) -> WeeklyReport:
    week, start, end = week_bounds("2026-W48", now=NEXT_MONDAY, zone=JAKARTA)
    with installation.database.write() as session:
        rollup.rebuild(session, JAKARTA)
    with installation.database.read() as session:
        return weekly(
            session,
            week=week,
            start=start,
            end=end,
            zone=JAKARTA,
            now=NEXT_MONDAY + 6 * HOUR,
            office_name="Kota Padang",
        )


@pytest.fixture
def report(installation: Installation) -> WeeklyReport:
    """One thing of everything a report can hold."""
    town = Town(installation)
    for code, name in (("kominfo", "Dinas Kominfo"), ("bpbd", "BPBD"), ("dinkes", "Dinas Kesehatan")):
        town.agency(code, name)
    site, board = town.channel("kominfo-situs"), town.channel("bpbd-papan", "bpbd")
    town.channel("bpbd-x", "bpbd", state=ChannelState.PAUSED)
    release = town.release(NASTY, "bpbd", kind=Kind.INFOGRAPHIC)
    shown = town.published(board, MONDAY + DAY, release, url="https://board.example/1?a=1&b=2")
    town.published(site, MONDAY + DAY, release, url="javascript:alert(1)")
    town.sample(shown, MONDAY + 2 * DAY, MONDAY + 3 * DAY, views=12345, likes=7)
    old = town.published(site, MONDAY - DAY)
    town.sample(old, MONDAY - HOUR, likes=9)
    town.sample(old, MONDAY + 6 * DAY, likes=4)
    reason = {"text": "The picture is {size} px wide.", "hint": "Make it smaller.", "values": {"size": 9000}}
    refused = town.release("Jadwal vaksin", "dinkes")
    town.delivery(refused, site, state=State.REFUSED, since=MONDAY + HOUR, reason=reason)
    town.held(refused, board, Held.UNKNOWN, since=MONDAY + HOUR)
    return report_of(installation)


class Reader(HTMLParser):
    """Tags with their attributes, and the text of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def indonesian() -> Iterator[None]:
    token = i18n.language.set("id")
    yield
    i18n.language.reset(token)


# JSON


def test_json_holds_what_programs_count_on_and_null_for_what_nobody_could_read(report: WeeklyReport) -> None:
    told: dict[str, Any] = json.loads(render(report, "json"))

    assert {"week", "from", "to", "totals", "channels", "agencies", "kinds", "releases"} <= told.keys()
    assert {"failures", "holds", "silent", "notes", "punctuality"} <= told.keys()
    assert (told["week"], told["from"], told["to"]) == (
        "2026-W48",
        "2026-11-23T00:00:00+07:00",
        "2026-11-30T00:00:00+07:00",
    )
    assert (told["totals"]["views"], told["totals"]["likes"], told["totals"]["shares"]) == (12345, 2, None)
    assert told["totals"]["available"] == {**dict.fromkeys(COUNTS, 0), "views": 1, "likes": 2}
    assert {**told["channels"][0], "available": None} == {
        "channel": "bpbd-papan",
        "platform": "board",
        "agency": "bpbd",
        "published": 1,
        "measured": 1,
        "late": 1,
        "fallen": 0,
        **dict.fromkeys(COUNTS),
        "views": 12345,
        "likes": 7,
        "available": None,
    }


def test_json_tells_reasons_as_sentences_and_titles_as_they_are(report: WeeklyReport) -> None:
    told: dict[str, Any] = json.loads(render(report, "json"))

    assert told["failures"][0]["reason"] == "The picture is 9000 px wide. Make it smaller."
    assert told["failures"][0]["since"] == "2026-11-23T01:00:00+07:00"
    assert told["holds"][0]["held"] == "unknown"
    assert told["holds"][0]["reason"] is None
    assert told["releases"][0]["title"] == NASTY
    assert told["releases"][0]["links"][0]["url"] == "https://board.example/1?a=1&b=2"
    assert told["silent"]["channels"] == [{"channel": "bpbd-x", "agency": "bpbd", "paused": True}]


# Text


def test_text_shows_every_part_in_aligned_columns_without_anything_that_steers_a_terminal(
    report: WeeklyReport,
) -> None:
    text = render(report, "text")

    lines = text.splitlines()
    header = next(line for line in lines if line.startswith("Channel "))
    row = next(line for line in lines if line.startswith("bpbd-papan *"))
    assert len(row) == len(header)
    assert row.split() == ["bpbd-papan", "*", "board", "bpbd", "1", "12,345", "7"]
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "The picture is 9000 px wide." in text
    assert "Agencies that published nothing: Dinas Kesehatan" in text
    assert "Channels that published nothing: bpbd-x (paused)" in text


def test_what_a_reader_should_know_is_said_before_the_tables(report: WeeklyReport) -> None:
    text = render(report, "text")

    assert "! Publications read late, marked with * in the tables: 1." in text
    assert "! Publications with a count that fell: 1." in text
    assert "! Figures no platform gave: Reach, Comments, Shares, Saves, Clicks, Seconds watched." in text
    assert text.index("! Publications read late") < text.index("Gained in the week")


def test_an_unavailable_figure_is_a_dash_and_a_figure_of_nought_is_not(report: WeeklyReport) -> None:
    lines = render(report, "text").splitlines()

    site = next(line for line in lines if line.startswith("kominfo-situs"))
    shares = next(line for line in lines if line.startswith("Shares"))
    assert site.split() == ["kominfo-situs", "board", "kominfo", "1", "–", "-5"]
    assert shares.split() == ["Shares", "–", "0", "of", "2"]


def test_of_many_earlier_releases_the_ones_that_gained_most_are_shown_and_the_rest_is_told(
    installation: Installation,
) -> None:
    town = Town(installation)
    town.agency("kominfo")
    channel = town.channel("situs")
    for number in range(OLDER + 2):
        publication = town.published(channel, MONDAY - DAY, town.release(f"Old {number:02}"))
        town.sample(publication, MONDAY + DAY, views=number)

    text = render(report_of(installation), "text")

    assert "Not shown: 2 more." in text
    assert text.index("Old 11") < text.index("Old 02")
    assert "Old 01" not in text


@pytest.mark.usefixtures("indonesian")
def test_indonesian_readers_get_their_numbers_and_dates(report: WeeklyReport) -> None:
    title = week_title(report)

    assert title.endswith("Senin, 23 November 2026 – Minggu, 29 November 2026")
    assert "48" in title
    for form in ("text", "html"):
        assert "12.345" in render(report, form)  # type: ignore[arg-type]
        assert "30 November 2026 pukul 06.00 WIB" in render(report, form)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0.2, "0 seconds"), (90, "90 seconds"), (150, "2.5 minutes"), (9000, "2.5 hours")],
)
def test_a_delay_is_said_in_the_unit_people_would_use(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


# HTML


def test_html_escapes_titles_and_links_only_to_the_web(report: WeeklyReport) -> None:
    page = render(report, "html")

    reader = Reader(page)
    assert reader.all("script") == []
    assert '<script>alert(1)</script> & "quotes" {curly}' in reader.text
    assert [link["href"] for link in reader.all("a")] == ["https://board.example/1?a=1&b=2"]


def test_html_stands_alone_and_asks_nobody(report: WeeklyReport) -> None:
    page = render(report, "html")

    reader = Reader(page)
    assert [tag for tag, _ in reader.tags if tag in ("link", "img", "iframe", "object", "embed", "base", "form")] == []
    assert not any("src" in attributes or "style" in attributes for _, attributes in reader.tags)
    assert "url(" not in page
    assert "@import" not in page
    assert any("default-src 'none'" in (meta.get("content") or "") for meta in reader.all("meta"))


def test_html_can_be_followed_by_a_screen_reader(report: WeeklyReport) -> None:
    reader = Reader(render(report, "html"))

    assert reader.all("html") == [{"lang": "en"}]
    assert len(reader.all("caption")) == len(reader.all("table")) > 5
    assert {heading["scope"] for heading in reader.all("th")} == {"col", "row"}
    (drawing,) = reader.all("svg")
    named = {attributes.get("id") for tag, attributes in reader.tags if tag in ("title", "desc")}
    assert drawing["role"] == "img"
    assert set((drawing["aria-labelledby"] or "").split()) <= named
    assert [tag for tag, _ in reader.tags].count("h1") == 1


def test_an_empty_week_is_a_whole_page_that_says_so(installation: Installation) -> None:
    report = report_of(installation)

    page, text = Reader(render(report, "html")), render(report, "text")

    assert (page.all("table"), page.all("svg")) == ([], [])
    for said in ("No release was published in this week.", "Nothing was refused or missed.", "Every agency published."):
        assert said in page.text
        assert said in text


def test_a_week_that_is_not_over_says_so(installation: Installation) -> None:
    report = report_of(installation)
    running = type(report)(**{**vars(report), "made": report.end - timedelta(microseconds=1)})

    assert "The week is not over" in render(running, "text")
    assert "The week is not over" not in render(report, "text")
