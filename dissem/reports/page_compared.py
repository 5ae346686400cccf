"""Two periods side by side laid out, all words in the reader's language."""

from collections.abc import Callable, Iterator, Mapping

from dissem.i18n import _
from dissem.reports import charts, words
from dissem.reports.compared import Compared, ComparedRow, Pair
from dissem.reports.figures import ReleaseRow, Report
from dissem.reports.layout import Block, Chart, Column, Page, Row, Section, Table, kept
from dissem.reports.page import links, notes
from dissem.reports.words import Shape

BEST = 5  # releases of each period
SHOWN = ("published", "views", "interactions")  # figures of a row


def page(compared: Compared) -> Page:
    """*compared* in the reader's language."""
    now, then = compared.now, compared.then
    names = words.period_short(now.period.label), words.period_short(then.period.label)
    sections = (
        _glance(compared, names),
        _section(compared, names, "agencies", _("Agencies")),
        _platforms(compared, names),
        _best(now, then),
        _section(compared, names, "channels", _("All channels")),
    )
    return Page(
        title=_("Comparison of two months") if now.period.unit == "month" else _("Comparison of two weeks"),
        office=compared.office,
        period=_("{now}, beside {then}", now=words.period_title(now), then=words.period_title(then)),
        label=compared.label,
        printed=compared.printed,
        zone=compared.zone,
        summary=_summary(compared),
        notes=tuple(_notes(compared, names)),
        sections=sections,
    )


def _notes(compared: Compared, names: tuple[str, str]) -> Iterator[str]:
    """What counts for both is said once."""
    now, then = notes(compared.now), notes(compared.then)
    yield from (note for note in now if note in then)
    yield from (f"{names[0]}: {note}" for note in now if note not in then)
    yield from (f"{names[1]}: {note}" for note in then if note not in now)


def _summary(compared: Compared) -> str:
    """What became more, and what less."""
    more: list[str] = []
    less: list[str] = []
    for name in ("published", "views", "interactions"):
        pair = compared.glance[name]
        percent = words.percent(pair.now, pair.then)
        if percent and pair.change:
            (more if pair.change > 0 else less).append(f"{words.glance(name)[0].lower()} ({percent})")
    said = [
        (more, _("More: {figures}.", figures=", ".join(more))),
        (less, _("Less: {figures}.", figures=", ".join(less))),
    ]
    return " ".join(text for holds, text in said if holds) or _("No figure changed much.")


def _glance(compared: Compared, names: tuple[str, str]) -> Section:
    columns = (Column("figure", _("Figure")), *(Column(key, label) for key, label in _three(names)))
    rows = tuple(Row(_told(name, pair, compared)) for name, pair in compared.glance.items())
    figures = ((*_figure(name), (pair.now, pair.then, pair.change)) for name, pair in compared.glance.items())
    values = kept("compared", _("Side by side"), dict(_three(names)), figures)
    table = Table("compared", _("Side by side"), columns, rows, kept=values)
    return Section("glance", _("Side by side"), (table,))


def _told(name: str, pair: Pair, compared: Compared) -> tuple[str, ...]:
    label, shape = _figure(name)
    change = words.change(pair.change, shape)
    percent = "" if shape == "share" else words.percent(pair.now, pair.then)
    values = (words.said(value, shape, compared.zone) for value in (pair.now, pair.then))
    return (label, *values, f"{change} · {percent}" if percent else change)


def _figure(name: str) -> tuple[str, Shape]:
    if name == "on_time":
        return _("Published on time"), "share"
    counts = words.counts()
    return (counts[name], "number") if name in counts else words.glance(name)


def _three(names: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return ("now", names[0]), ("then", names[1]), ("change", _("Change"))


# Tables of rows in both


def _section(compared: Compared, names: tuple[str, str], table: str, heading: str) -> Section:
    return Section(table, heading, (_table(compared, names, table),))


def _table(compared: Compared, names: tuple[str, str], table: str) -> Table:
    caption, leading, named = _tables()[table]
    figures = tuple(
        Column(
            f"{figure}_{key}",
            f"{_label(figure)} {label}",
            "change" if key == "change" else "number",
            minor=figure == "views",
        )
        for figure in SHOWN
        for key, label in _three(names)
    )
    rows = tuple(Row((*named(row), *_cells(row))) for row in compared.rows(table))
    return Table(table, caption, (*leading, *figures), rows, _("Nothing was published or read in either."))


def _label(figure: str) -> str:
    return _("Posts") if figure == "published" else words.glance(figure)[0]


def _cells(row: ComparedRow) -> list[float | None]:
    """In the order of the columns."""
    pairs = (row.figures[figure] for figure in SHOWN)
    return [value for pair in pairs for value in (pair.now, pair.then, pair.change)]


Named = Callable[[ComparedRow], tuple[str, ...]]


def _tables() -> Mapping[str, tuple[str, tuple[Column, ...], Named]]:
    """Caption, leading columns and what stands in them."""
    return {
        "agencies": (
            _("Agencies, on their own channels"),
            (Column("name", _("Agency")), Column("agency", _("Code"))),
            lambda row: (row.named["name"], row.named["agency"]),
        ),
        "platforms": (
            _("Platforms"),
            (Column("platform", _("Platform")),),
            lambda row: (words.platform(row.named["platform"]),),
        ),
        "kinds": (
            _("Kinds of releases"),
            (Column("kind", _("Kind")),),
            lambda row: (words.kind(row.named["kind"]),),
        ),
        "channels": (
            _("Channels"),
            (Column("channel", _("Channel")), Column("platform", _("Platform")), Column("agency", _("Agency"))),
            lambda row: (row.named["channel"], words.platform(row.named["platform"]), row.named["agency"]),
        ),
    }


def _platforms(compared: Compared, names: tuple[str, str]) -> Section:
    drawn = _bars(compared, names)
    blocks: tuple[Block, ...] = (*drawn, _table(compared, names, "platforms"), _table(compared, names, "kinds"))
    return Section("platforms", _("Platforms and kinds"), blocks)


def _bars(compared: Compared, names: tuple[str, str]) -> tuple[Chart, ...]:
    """Interactions of both, platform by platform."""
    rows = [row for row in compared.rows("platforms") if any(_interactions(row))]
    if not rows:
        return ()
    title = _("Interactions, by platform")
    labels = [words.platform(row.named["platform"]) for row in rows]
    pairs = [
        charts.Two(label, *(charts.Bar(name, value or 0, words.number(value)) for name, value in _named(row, names)))
        for label, row in zip(labels, rows, strict=True)
    ]
    said = "; ".join(f"{two.label}: {two.now.figure}, {two.then.figure} ({names[1]})" for two in pairs)
    columns = (
        Column("platform", _("Platform")),
        Column("now", names[0], "number"),
        Column("then", names[1], "number"),
    )
    cells = tuple(Row((label, *_interactions(row))) for label, row in zip(labels, rows, strict=True))
    table = Table("platform_interactions", title, columns, cells)
    return (Chart(table.key, title, said, charts.twos(title, said, pairs), table),)


def _interactions(row: ComparedRow) -> tuple[float | None, float | None]:
    pair = row.figures["interactions"]
    return pair.now, pair.then


def _named(row: ComparedRow, names: tuple[str, str]) -> list[tuple[str, float | None]]:
    return list(zip(names, _interactions(row), strict=True))


# The best of each


def _best(now: Report, then: Report) -> Section:
    return Section("releases", _("Best releases"), tuple(_releases(report) for report in (now, then)))


def _releases(report: Report) -> Table:
    platforms = {row.channel: row.platform for row in report.channels}
    columns = (
        Column("title", _("Title")),
        Column("release", _("Number"), "id"),
        Column("agency", _("Agency")),
        Column("published", _("Posts"), "number"),
        Column("views", _("Views"), "number"),
        Column("interactions", _("Interactions"), "number"),
    )
    rows = tuple(Row(_cells_of(row), links(row.links, platforms)) for row in report.releases)
    caption = _("{period}: the best first", period=words.period_title(report))
    return Table(f"releases_{report.period.label}", caption, columns, rows, _("No release was published."), BEST)


def _cells_of(row: ReleaseRow) -> tuple[words.Value, ...]:
    return row.title, row.release, row.agency, row.published, row.gained["views"], row.interactions
