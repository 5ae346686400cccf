"""The weekly report in the forms people use: text for a terminal, JSON for programs, HTML to print and file.

Text and HTML show the same tables, laid out once in `_page`; JSON holds everything. All words are in the reader's
language, all times in the zone of the report, and what is unavailable is a dash (null in JSON), never 0.
"""

import json
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from dissem import i18n
from dissem.channels.adapter import COUNTS
from dissem.clock import local_day
from dissem.errors import told
from dissem.i18n import _
from dissem.reports.weekly import ReleaseRow, Tally, Trouble, WeeklyReport

Format = Literal["text", "json", "html"]

OLDER = 10  # earlier releases shown, those that gained most; JSON has all
BARS = 15
TITLE = 44  # longest title in a terminal, characters
WIDTH = 100  # of running text in a terminal


def render(report: WeeklyReport, format: Format) -> str:  # noqa: A002 - the name of the option
    """*report* as one document that ends with a line break."""
    forms: dict[Format, Callable[[WeeklyReport], str]] = {"text": _text, "json": _json, "html": _html}
    return forms[format](report)


# JSON


def _json(report: WeeklyReport) -> str:
    return json.dumps(as_json(report), ensure_ascii=False, indent=2) + "\n"


def as_json(report: WeeklyReport) -> dict[str, Any]:
    """The report as plain values: times ISO 8601 with the zone's offset, *to* exclusive, unavailable counts None."""
    zone = report.zone
    rows = {
        name: [_plain(row, zone) for row in getattr(report, name)]
        for name in ("channels", "agencies", "kinds", "releases", "failures", "holds")
    }
    return {
        "week": report.week,
        "from": _plain(report.start, zone),
        "to": _plain(report.end, zone),
        "zone": zone.key,
        "office": report.office,
        "made": _plain(report.made, zone),
        "totals": _plain(report.totals, zone),
        "punctuality": _plain(report.punctuality, zone),
        **rows,
        "silent": _plain(report.silent, zone),
        "unread": report.unread,
        "notes": _notes(report),
    }


def _plain(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, tuple):
        return [_plain(item, zone) for item in value]
    if isinstance(value, Tally):
        return _plain_tally(value, zone)
    if isinstance(value, Trouble):
        return {**_plain_fields(value, zone), "reason": told(value.reason) or None}
    return _plain_fields(value, zone) if hasattr(value, "__dataclass_fields__") else value


def _plain_tally(row: Tally, zone: ZoneInfo) -> dict[str, Any]:
    """What the row is about first, then its figures; the counts stand beside them under their own names."""
    shared = {field.name for field in fields(Tally)}
    own = {name: value for name, value in _plain_fields(row, zone).items() if name not in shared}
    figures = {name: getattr(row, name) for name in ("published", "measured", "late", "fallen")}
    return {**own, **figures, **row.gained, "available": dict(row.available)}


def _plain_fields(row: Any, zone: ZoneInfo) -> dict[str, Any]:
    return {field.name: _plain(getattr(row, field.name), zone) for field in fields(row)}


# The page both other forms show


@dataclass(frozen=True)
class Column:
    label: str
    numeric: bool = False


@dataclass(frozen=True)
class Row:
    """The first cell names the row. *links*: what they are called and where they lead."""

    cells: tuple[str, ...]
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Table:
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str  # said instead of a table without rows
    more: str = ""  # said below it


@dataclass(frozen=True)
class Listing:
    caption: str
    items: tuple[str, ...]
    empty: str


@dataclass(frozen=True)
class Bar:
    label: str
    figure: str
    share: float  # of the longest


@dataclass(frozen=True)
class Page:
    title: str
    office: str
    week: str
    made: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    bars: tuple[Bar, ...]
    tables: tuple[Table, ...]
    listings: tuple[Listing, ...]


def week_title(report: WeeklyReport) -> str:
    """ "Pekan 48, Senin, 23 November 2026 – Minggu, 29 November 2026"."""
    first = local_day(report.start, report.zone)
    last = local_day(report.end - datetime.resolution, report.zone)
    number = first.isocalendar().week
    return _("Week {number}, {first} – {last}", number=number, first=i18n.day(first), last=i18n.day(last))


def _page(report: WeeklyReport) -> Page:
    shown = [name for name in COUNTS if report.totals.available[name]]
    return Page(
        title=_("Weekly report"),
        office=report.office,
        week=week_title(report),
        made=_("Made on {moment}", moment=i18n.moment(report.made, report.zone)),
        facts=_facts(report),
        notes=tuple(_notes(report)),
        bars=_bars(report),
        tables=(
            _gained(report),
            _channels(report, shown),
            _agencies(report, shown),
            _kinds(report, shown),
            _releases(report, shown),
            _older(report, shown),
            _failures(report),
            _holds(report),
        ),
        listings=_silent(report),
    )


def _facts(report: WeeklyReport) -> tuple[tuple[str, str], ...]:
    totals, punctuality = report.totals, report.punctuality
    return (
        (_("Releases published"), i18n.number(totals.releases)),
        (_("Posts published"), i18n.number(totals.published)),
        (_("Usual delay"), duration(punctuality.median)),
        (_("Longest delay"), duration(punctuality.worst)),
        (_("Refused or missed"), i18n.number(len(report.failures))),
        (_("Waiting for a person"), i18n.number(len(report.holds))),
    )


def duration(seconds: float | None) -> str:
    """A delay as people say it: seconds below two minutes, minutes below two hours, then hours; None is a dash."""
    if seconds is None:
        return i18n.number(None)
    if abs(seconds) < 120:
        return _("{number} seconds", number=i18n.decimal(seconds, 0))
    if abs(seconds) < 7200:
        return _("{number} minutes", number=i18n.decimal(seconds / 60))
    return _("{number} hours", number=i18n.decimal(seconds / 3600))


def _notes(report: WeeklyReport) -> list[str]:
    """What a reader should know before trusting the figures."""
    totals = report.totals
    missing = [label for name, label in _counts().items() if totals.measured and not totals.available[name]]
    said = (
        (not report.over, _("The week is not over; these are the figures so far.")),
        (
            report.unread,
            _(
                "Publications not read in time at the end of the week: {count}. What they gained since their last "
                "reading counts in the week after.",
                count=i18n.number(report.unread),
            ),
        ),
        (
            totals.late,
            _(
                "Publications read late, marked with * in the tables: {count}. Their figures may hold what was gained "
                "earlier.",
                count=i18n.number(totals.late),
            ),
        ),
        (
            totals.fallen,
            _(
                "Publications with a count that fell: {count}. The difference is subtracted.",
                count=i18n.number(totals.fallen),
            ),
        ),
        (missing, _("Figures no platform gave: {names}.", names=", ".join(missing))),
        (
            report.differs,
            _(
                "Channels whose daily sums differ from the readings: {count}. This report is made from the readings.",
                count=i18n.number(report.differs),
            ),
        ),
    )
    return [text for holds, text in said if holds]


def _bars(report: WeeklyReport) -> tuple[Bar, ...]:
    rows = sorted((row for row in report.channels if row.published), key=lambda row: -row.published)[:BARS]
    longest = max((row.published for row in rows), default=1)
    return tuple(Bar(row.channel, i18n.number(row.published), row.published / longest) for row in rows)


def _gained(report: WeeklyReport) -> Table:
    totals = report.totals
    rows = [
        (
            label,
            i18n.number(totals.gained[name]),
            _("{count} of {all}", count=i18n.number(totals.available[name]), all=i18n.number(totals.measured)),
        )
        for name, label in _counts().items()
    ]
    return Table(
        caption=_("Gained in the week"),
        columns=(
            Column(_("Figure")),
            Column(_("Gained"), numeric=True),
            Column(_("Available for publications"), numeric=True),
        ),
        rows=tuple(Row(cells) for cells in rows) if totals.measured else (),
        empty=_("No publication was read in this week."),
    )


def _counted(
    caption: str, leading: Iterable[str], rows: Iterable[Row], shown: Sequence[str], *, empty: str, more: str = ""
) -> Table:
    """A table of Tally rows: words, posts published, then the counts somebody has."""
    words = tuple(Column(label) for label in leading)
    figures = tuple(Column(label, numeric=True) for label in (_("Posts"), *(_counts()[name] for name in shown)))
    return Table(caption, words + figures, tuple(rows), empty, more)


def _row(row: Tally, shown: Sequence[str], name: str, *words: str, links: Sequence[tuple[str, str]] = ()) -> Row:
    figures = (row.published, *(row.gained[count] for count in shown))
    marked = f"{name} *" if row.late else name
    return Row((marked, *words, *(i18n.number(figure) for figure in figures)), tuple(links))


def _channels(report: WeeklyReport, shown: Sequence[str]) -> Table:
    return _counted(
        _("Channels"),
        (_("Channel"), _("Platform"), _("Agency")),
        (_row(row, shown, row.channel, row.platform, row.agency) for row in report.channels),
        shown,
        empty=_("No channel published or was read."),
    )


def _agencies(report: WeeklyReport, shown: Sequence[str]) -> Table:
    return _counted(
        _("Agencies, on their own channels"),
        (_("Agency"), _("Code"), _("Releases")),
        (_row(row, shown, row.name, row.agency, i18n.number(row.releases)) for row in report.agencies),
        shown,
        empty=_("No agency published."),
    )


def _kinds(report: WeeklyReport, shown: Sequence[str]) -> Table:
    return _counted(
        _("Kinds of releases"),
        (_("Kind"), _("Releases")),
        (_row(row, shown, _kind(row.kind), i18n.number(row.releases)) for row in report.kinds),
        shown,
        empty=_("No release was published or read."),
    )


def _releases(report: WeeklyReport, shown: Sequence[str]) -> Table:
    return _counted(
        _("Releases of the week"),
        (_("Title"), _("Number"), _("Kind"), _("Agency")),
        (_release(row, shown) for row in report.releases if row.published),
        shown,
        empty=_("No release was published in this week."),
    )


def _older(report: WeeklyReport, shown: Sequence[str]) -> Table:
    older = sorted(
        (row for row in report.releases if not row.published),
        key=lambda row: -sum(value for value in row.gained.values() if value is not None),
    )
    left = len(older) - OLDER
    return _counted(
        _("Earlier releases that gained most"),
        (_("Title"), _("Number"), _("Kind"), _("Agency")),
        (_release(row, shown) for row in older[:OLDER]),
        shown,
        empty=_("No earlier release was read."),
        more=_("Not shown: {count} more.", count=i18n.number(left)) if left > 0 else "",
    )


def _release(row: ReleaseRow, shown: Sequence[str]) -> Row:
    links = [
        (link.channel if link.gone is None else _("{channel} (gone)", channel=link.channel), link.url)
        for link in row.links
        if link.url and link.url.startswith(("https://", "http://"))
    ]
    return _row(row, shown, row.title, str(row.release), _kind(row.kind), row.agency, links=links)


def _failures(report: WeeklyReport) -> Table:
    return _troubles(_("Refused or missed"), report.failures, report.zone, empty=_("Nothing was refused or missed."))


def _holds(report: WeeklyReport) -> Table:
    caption = _("Waiting for a person, or being looked up")
    return _troubles(caption, report.holds, report.zone, empty=_("Nothing is held."))


def _troubles(caption: str, troubles: Iterable[Trouble], zone: ZoneInfo, *, empty: str) -> Table:
    labels = (_("Title"), _("Release"), _("Channel"), _("State"), _("Due"), _("Since"), _("Reason"))
    return Table(caption, tuple(map(Column, labels)), tuple(_trouble(one, zone) for one in troubles), empty)


def _trouble(one: Trouble, zone: ZoneInfo) -> Row:
    moments = (i18n.short_moment(one.due, zone), i18n.short_moment(one.since, zone))
    return Row((one.title, str(one.release), one.channel, _state(one), *moments, told(one.reason)))


def _silent(report: WeeklyReport) -> tuple[Listing, ...]:
    agencies = tuple(one.name for one in report.silent.agencies)
    channels = tuple(
        _("{channel} (paused)", channel=one.channel) if one.paused else one.channel for one in report.silent.channels
    )
    return (
        Listing(_("Agencies that published nothing"), agencies, _("Every agency published.")),
        Listing(_("Channels that published nothing"), channels, _("Every channel published.")),
    )


# Words for the words of the tables


def _counts() -> dict[str, str]:
    return {
        "views": _("Views"),
        "reach": _("Reach"),
        "likes": _("Likes"),
        "comments": _("Comments"),
        "shares": _("Shares"),
        "saves": _("Saves"),
        "clicks": _("Clicks"),
        "watch_seconds": _("Seconds watched"),
    }


def _kind(kind: str) -> str:
    return {
        "press_release": _("Press release"),
        "photo": _("Photo"),
        "infographic": _("Infographic"),
        "video": _("Video"),
    }[kind]


def _state(one: Trouble) -> str:
    return {
        "refused": _("Refused"),
        "missed": _("Missed"),
        "unknown": _("Being looked up"),
        "held unknown": _("Nobody can tell whether it is public"),
        "held twice": _("Seems to be public twice"),
        "held part": _("Only a part is public"),
        "held processing": _("The platform never finished"),
        "held handed": _("Handed over to be posted by hand"),
        "held poison": _("Stopped dissem twice"),
    }[f"{one.state} {one.held}" if one.held else one.state]


# Text


def _text(report: WeeklyReport) -> str:
    page = _page(report)
    blocks = [
        "\n".join(_safe(line) for line in (f"{page.title} · {page.office}", page.week, page.made)),
        _aligned([(label, figure) for label, figure in page.facts], (False, True)),
        *(_wrapped(f"! {note}") for note in page.notes),
        *(_text_table(table) for table in page.tables),
        *(_wrapped(f"{one.caption}: {', '.join(one.items) or one.empty}") for one in page.listings),
    ]
    return "\n\n".join(blocks) + "\n"


def _text_table(table: Table) -> str:
    if not table.rows:
        return _wrapped(f"{table.caption}: {table.empty}")
    header = tuple(column.label for column in table.columns)
    body = [(_short(row.cells[0]), *row.cells[1:]) for row in table.rows]
    lines = _aligned([header, *body], [column.numeric for column in table.columns], rule=True)
    return "\n".join(part for part in (table.caption, lines, table.more) if part)


def _aligned(rows: Sequence[Sequence[str]], numeric: Sequence[bool], *, rule: bool = False) -> str:
    """Columns as wide as their longest cell, numbers to the right; *rule*: a line below the first row."""
    cells = [[_safe(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if rule:
        cells.insert(1, ["-" * width for width in widths])
    lines = (
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def _short(title: str) -> str:
    return title if len(title) <= TITLE else f"{title[: TITLE - 1].rstrip()}…"


def _wrapped(text: str) -> str:
    return textwrap.fill(_safe(text), WIDTH, subsequent_indent="  ")


def _safe(text: str) -> str:
    """Without what could steer a terminal or turn the direction of a line."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


# HTML


def _html(report: WeeklyReport) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("weekly.html").render(page=_page(report), _=_, language=i18n.language.get())
