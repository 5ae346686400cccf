"""The report in each of its forms: the same figures, the same bytes again, readable by those it is for."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import python_calamine
from made_up_city import SMALL, City
from report_maker import report_of
from sample import PRINTED, compared, picture, released, report
from sqlmodel import Session

from dissem import i18n
from dissem.errors import Broken
from dissem.reports import charts, words
from dissem.reports.compared import Compared
from dissem.reports.figures import Doubts, Punctuality, Report, Silent
from dissem.reports.html import COLOURS
from dissem.reports.layout import tables
from dissem.reports.page import BEST, page
from dissem.reports.pictures import SIDE, _small
from dissem.reports.render import FORMATS, render
from dissem.reports.render import tables as csv_files

WEEK = City(SMALL).week(10)


@pytest.fixture
def indonesian() -> Iterator[None]:
    token = i18n.language.set("id")
    yield
    i18n.language.reset(token)


class Reader(HTMLParser):
    """Tags with their attributes, and the text of the page."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def quiet() -> Report:
    """A week in which nothing happened."""
    totals = replace(report().totals, published=0, releases=0, read=0, interactions=None, rate=None)
    nothing: dict[str, Any] = dict.fromkeys(
        ("channels", "agencies", "platforms", "kinds", "releases", "failures", "holds", "endings", "past", "glance"), ()
    )
    return report(
        totals=replace(totals, gained=dict.fromkeys(totals.gained), available=dict.fromkeys(totals.gained, 0)),
        punctuality=Punctuality(0, None, None, None, None, None),
        doubts=Doubts(0, 0, 0, 0, 0),
        silent=Silent((), ()),
        readings=None,
        pictures={},
        **nothing,
    )


# All of them


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_week_printed_on_the_same_day_is_the_same_to_the_byte(form: Any, settled: Session) -> None:
    documents = {render(report_of(settled, WEEK, endings=("A login ends.",)), form) for _time in range(2)}

    assert len(documents) == 1


@pytest.mark.parametrize("made", [compared, released])
@pytest.mark.parametrize("form", FORMATS)
def test_other_reports_are_the_same_to_the_byte_too_and_differ_by_the_day(form: Any, made: Any) -> None:
    assert render(made(), form) == render(made(), form)
    assert form == "csv" or render(made(), form) != render(printed_later(made()), form)


def printed_later(made: Any) -> Any:
    if isinstance(made, Compared):
        return replace(made, now=replace(made.now, printed=date(2026, 12, 1)))
    return replace(made, printed=date(2026, 12, 1))


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_can_be_made_of_a_week_in_which_nothing_happened(form: Any) -> None:
    assert render(quiet(), form)


@pytest.mark.parametrize("form", ["text", "html", "json", "csv"])
def test_every_form_for_reading_is_in_the_language_of_its_reader(form: Any, indonesian: None) -> None:
    document = render(report(), form)

    assert ("12.345" in document) == (form in ("text", "html"))
    assert "12,345" not in document


def test_the_day_printed_stands_on_it_and_changes_the_bytes() -> None:
    other = replace(report(), printed=PRINTED.replace(day=29))

    assert "30 November 2026" in render(report(), "html")
    for form in ("pdf", "xlsx", "html", "json", "text"):
        assert render(report(), form) != render(other, form)


# Text and JSON


def test_text_shows_every_section_in_aligned_columns() -> None:
    document = render(report(), "text")

    lines = document.splitlines()
    header = next(place for place, line in enumerate(lines) if line.startswith("Figure "))
    assert re.fullmatch(r"[- ]+", lines[header + 1])
    assert len(lines[header + 1]) == max(len(line) for line in lines[header : header + 8])
    for said in ("== At a glance ==", "▁", "The picture is", "Agencies that published nothing: Banjir surut", "88 hou"):
        assert (said in document) == (said != "88 hou")


def test_json_holds_what_programs_count_on_and_null_for_what_nobody_could_read() -> None:
    told: dict[str, Any] = json.loads(render(report(), "json"))

    assert {"week", "from", "to", "totals", "channels", "agencies", "platforms", "kinds", "releases"} <= told.keys()
    assert (told["week"], told["from"], told["to"], told["printed"]) == (
        "2026-W48",
        "2026-11-23T00:00:00+07:00",
        "2026-11-30T00:00:00+07:00",
        "2026-11-30",
    )
    assert (told["totals"]["views"], told["totals"]["shares"], told["totals"]["saves"]) == (12345, -3, None)
    assert told["channels"][0] | {"rate": 0, "interactions": 0} == {
        "channel": "Banjir surut",
        "platform": "Banjir surut",
        "agency": "Banjir surut",
        "releases": 1,
        "published": 2,
        "readings": 9,
        **dict.fromkeys(report().totals.gained),
        "views": 5,
        "interactions": 0,
        "rate": 0,
    }
    assert told["failures"][0]["reason"] == "The picture is Banjir surut px wide."
    assert told["releases"][0]["links"][0]["url"] == "https://board.example/?q=Banjir surut"


def test_a_month_is_called_a_month() -> None:
    month = report(period=replace(report().period, unit="month", label="2026-11"))

    assert json.loads(render(month, "json"))["month"] == "2026-11"
    assert "Monthly report" in render(month, "html")


# What a reader should know


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ("The period is not over", {"over": False}),
        ("Posts not read in time at the end: 1.", {}),
        ("Posts read late: 1.", {}),
        ("Posts with a count that fell: 1.", {}),
        ("Channels whose sums differ from the readings: 1.", {}),
        ("Figures no platform gave: Reach, Comments, Saves, Clicks, Seconds watched.", {}),
        ("which is not the same as 0: Views (1/2), Likes (1/2), Shares (1/2).", {}),
        ("Made from the readings themselves.", {"source": "samples"}),
        ("Made from the daily sums.", {}),
        ("Made from the daily sums.", {"readings": None}),
        ("Engagement rate = interactions ÷ views × 100%", {}),
        ("Interactions = likes + comments + shares + saves.", {}),
    ],
)
def test_what_a_reader_should_know_is_said(said: str, changed: dict[str, Any]) -> None:
    assert said in Reader(render(report(**changed), "html")).text


# HTML


def test_html_stands_alone_and_asks_nobody() -> None:
    document = render(report(), "html")

    reader = Reader(document)
    assert {"script", "link", "iframe", "object", "embed", "base", "form"}.isdisjoint(tag for tag, _ in reader.tags)
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,") for image in reader.all("img"))
    assert not any("style" in attributes for _, attributes in reader.tags)
    assert "url(" not in document
    assert "@import" not in document
    assert any("default-src 'none'" in (meta.get("content") or "") for meta in reader.all("meta"))
    assert [a["href"] for a in reader.all("a") if not (a["href"] or "").startswith("#")] == [
        "https://board.example/?q=Banjir surut",  # of the release
        "https://board.example/?q=Banjir surut",  # of the one that vanished
    ]


def test_html_can_be_followed_by_a_screen_reader() -> None:
    reader = Reader(render(report(), "html"))

    assert reader.all("html") == [{"lang": "en"}]
    assert len(reader.all("caption")) == len(reader.all("table")) > 12
    assert {heading["scope"] for heading in reader.all("th")} == {"col", "row"}
    assert [len(reader.all(tag)) for tag in ("h1", "main", "header", "footer", "nav")] == [1] * 5
    assert len(reader.all("svg")) == len(reader.all("desc")) == 4
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in reader.all("svg"))
    named = {attributes.get("id") for _tag, attributes in reader.tags}
    assert {section["aria-labelledby"] for section in reader.all("section")} <= named
    assert {(a["href"] or "")[1:] for a in reader.all("a") if (a["href"] or "").startswith("#")} <= named


def test_every_drawing_has_its_figures_as_a_table_beside_it() -> None:
    reader = Reader(render(report(), "html"))

    assert len(reader.all("details")) == len(reader.all("svg"))


def test_forms_for_reading_say_how_much_they_left_out_and_the_others_have_all() -> None:
    many = report([f"Rilis {number}" for number in range(40)])

    document = render(many, "html")
    rows = list(csv.reader(io.StringIO(csv_files(many)["2026-W48-releases.csv"])))
    assert f"Not shown: {40 - BEST} more." in document
    assert "Rilis 39" in render(many, "csv")
    assert len(rows) == 41


# PDF


def test_the_pdf_is_tagged_for_everybody_and_has_its_day_and_pages() -> None:
    document = render(report(), "pdf")

    assert document.startswith(b"%PDF-1.7")
    for mark in (
        b"/StructTreeRoot",
        b"<pdfuaid:part>1</pdfuaid:part>",
        b"/Lang(en)",
        b"/CreationDate(D:20261130000000Z)",
    ):
        assert mark in document
    assert b"/JavaScript" not in document
    assert b"/Launch" not in document


def test_a_pdf_of_three_hundred_channels_stays_small() -> None:
    whole = report(
        [f"opd{number:02}-instagram" for number in range(300)], pictures=dict.fromkeys(range(1, 6), picture())
    )
    city = replace(whole, agencies=whole.agencies[:50], platforms=whole.platforms[:14])

    document = render(city, "pdf")

    assert len(document) <= 2 * 2**20


# XLSX


def opened(made: Report) -> python_calamine.CalamineWorkbook:
    return python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(render(made, "xlsx")))


def test_the_workbook_has_a_sheet_a_table_with_numbers_as_numbers_and_nothing_for_unavailable() -> None:
    book = opened(report())

    filled = [table for table in tables(page(report())) if table.rows]
    assert len(book.sheet_names) == len(filled) + 1
    sheet = book.get_sheet_by_name("What the channels gave").to_python()
    assert sheet[1][:2] == ["Views", 12345.0]
    assert ["Shares", -3.0, 1.0, 2.0] in sheet
    assert ["Saves", "", 0.0, 2.0] in sheet


def test_the_workbook_shows_moments_as_people_of_the_zone_have_them() -> None:
    sheet = opened(report()).get_sheet_by_name("Refused or missed").to_python()

    assert date(2026, 11, 23) in sheet[1]


def test_the_workbook_has_charts_of_its_own() -> None:
    with zipfile.ZipFile(io.BytesIO(render(report(), "xlsx"))) as parts:
        drawn = [name for name in parts.namelist() if name.startswith("xl/charts/chart")]

    assert len(drawn) >= 5


def test_sheets_have_different_names_whatever_a_caption_holds() -> None:
    names = opened(report(["[a]:*?/\\ 'x' " * 9])).sheet_names

    assert len({name.casefold() for name in names}) == len(names)
    assert all(0 < len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in names)


@pytest.mark.parametrize(("form", "package"), [("pdf", "typst"), ("xlsx", "xlsxwriter")])
def test_without_the_extra_it_is_said_what_to_install(form: Any, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)

    with pytest.raises(Broken) as refused:
        render(report(), form)

    assert "dissem[reports]" in refused.value.hint


# CSV


def test_each_csv_file_has_names_for_programs_in_its_first_line_and_plain_values() -> None:
    files = csv_files(report())

    rows = list(csv.DictReader(io.StringIO(files["2026-W48-failures.csv"])))
    assert rows[0]["due"] == "2026-11-23T00:00:00+07:00"
    totals = list(csv.DictReader(io.StringIO(files["2026-W48-available.csv"])))
    assert (totals[0]["gained"], totals[5]["gained"]) == ("12345", "")
    hours = list(csv.reader(io.StringIO(files["2026-W48-hours.csv"])))
    assert (len(hours), len(hours[0])) == (8, 25)


# Words and drawings


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0.2, "0 seconds"), (90, "90 seconds"), (150, "2.5 minutes"), (9000, "2.5 hours")],
)
def test_a_delay_is_said_in_the_unit_people_would_use(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("share", "said"), [(None, "–"), (0, "0%"), (1, "100%"), (0.0312, "3.1%"), (0.0004, "0.04%"), (0.25, "25%")]
)
def test_a_share_is_said_in_percent(share: float | None, said: str) -> None:
    assert words.share(share) == said


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2026, 11, 23), date(2026, 11, 29), "23–29 November 2026"),
        (date(2026, 11, 30), date(2026, 12, 6), "30 November – 6 December 2026"),
        (date(2026, 12, 28), date(2027, 1, 3), "28 December 2026 – 3 January 2027"),
    ],
)
def test_a_week_is_said_as_briefly_as_people_write_it(first: date, last: date, said: str) -> None:
    assert words.span(first, last) == said


def test_a_change_too_small_to_be_seen_has_no_sign_of_its_own() -> None:
    assert words.change(-0.0001, "share") == "±0 points"


def test_platforms_are_called_as_people_call_them() -> None:
    assert [words.platform(name) for name in ("x", "youtube", "facebook", "gone-long-ago")] == [
        "X",
        "YouTube",
        "Facebook",
        "gone-long-ago",
    ]


def test_the_page_darkens_its_drawings_with_itself() -> None:
    document = render(report(), "html")

    drawn = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', document.partition("<svg")[2]))
    assert "prefers-color-scheme: dark" in document
    assert drawn <= {colour for colour, _name in COLOURS}


def test_the_glance_is_kept_as_numbers_where_programs_go_on_with_them() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_files(report())["2026-W48-glance.csv"])))
    sheet = opened(report()).get_sheet_by_name("At a glance").to_python()

    assert rows[2] == {
        "figure": "Views",
        "now": "8000",
        "before": "7000",
        "change": "1000",
        "usual": "3500.0",
        "low": "1750.0",
        "high": "5250.0",
    }
    assert sheet[3][:4] == ["Views", 8000.0, 7000.0, 1000.0]


def test_a_change_has_its_sign_and_percent_only_where_that_says_something() -> None:
    assert (words.change(-5, "number"), words.change(0, "number"), words.change(0.012, "share")) == (
        "−5",
        "±0",
        "+1.2 points",
    )
    assert (words.percent(150, 100), words.percent(5, 0), words.percent(None, 3), words.percent(4, 4)) == (
        "+50%",
        "",
        "",
        "",
    )


@pytest.mark.parametrize(("value", "said"), [(9, "9"), (9999, "9,999"), (45678, "45.7k"), (1_109_290, "1.1 M")])
def test_a_big_figure_is_short_on_a_narrow_bar(value: int, said: str) -> None:
    assert words.short(value) == said


def test_fields_of_the_heat_map_are_darker_the_more_there_is() -> None:
    weights = [charts._weight(step / 10) for step in range(11)]

    assert weights == sorted(set(weights))
    assert 0 < weights[0] < 0.1
    assert weights[-1] == 1


def test_a_picture_is_made_small_and_bare_and_a_broken_one_is_left_out(tmp_path: Path) -> None:
    good, broken = tmp_path / "good.jpg", tmp_path / "broken.jpg"
    good.write_bytes(picture())
    broken.write_bytes(b"\xff\xd8\xff no picture")

    small = _small(good)

    assert small is not None
    assert (small[:2], len(small) < 20_000, SIDE) == (b"\xff\xd8", True, 240)
    assert (_small(broken), _small(tmp_path / "lost.jpg")) == (None, None)
