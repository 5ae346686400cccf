"""The report of a period laid out once, for every form, all words in the reader's language."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dissem import i18n
from dissem.channels.adapter import COUNTS
from dissem.errors import told
from dissem.i18n import _
from dissem.reports import charts, words
from dissem.reports.figures import BEFORE, INTERACTIONS, PUNCTUAL, Glance, Link, ReleaseRow, Report, Tally, Trouble
from dissem.reports.layout import Best, Block, Chart, Column, Listing, Page, Row, Section, Table, kept
from dissem.reports.page_noticed import attention, followers, untold, warnings
from dissem.reports.words import Shape, Value

BEST = 10  # releases shown where people read
LEADING = 3  # of them on the page for leaders
TROUBLES = 25
CHANNELS = 400


def page(report: Report) -> Page:
    """*report* in the reader's language."""
    monthly = report.period.unit == "month"
    sections = (
        _glance(report),
        _agencies(report) if report.agency is None else None,
        _platforms(report),
        _releases(report),
        _hours(report),
        _delivery(report),
        attention(report.noticed),
        _silence(report),
        _endings(report),
        followers(report.noticed),
        _channels(report),
        _meanings(report),
    )
    return Page(
        title=_("Monthly report") if monthly else _("Weekly report"),
        office=report.office,
        period=f"{report.agency.name} · {words.period_title(report)}" if report.agency else words.period_title(report),
        label=report.label,
        printed=report.printed,
        zone=report.zone,
        summary=_summary(report),
        notes=tuple(notes(report)),
        sections=tuple(section for section in sections if section),
        best=tuple(leading(row) for row in report.releases[:LEADING] if row.interactions),
        pictures=report.pictures,
    )


def leading(row: ReleaseRow) -> Best:
    """*row* on the page for leaders."""
    return Best(row.title, _gained(row.interactions, row.gained["views"]), row.release)


def _gained(interactions: int | None, views: int | None) -> str:
    return _(
        "{interactions} interactions, {views} views",
        interactions=words.number(interactions),
        views=words.number(views),
    )


# In words


def _summary(report: Report) -> str:
    """The period in two or three sentences."""
    totals, on_time = report.totals, report.punctuality.on_time
    said = [
        _(
            "{releases} releases went out in {posts} posts on {channels} channels.",
            releases=i18n.number(totals.releases),
            posts=i18n.number(totals.published),
            channels=i18n.number(sum(row.published > 0 for row in report.channels)),
        )
        if totals.published
        else _("Nothing was published.")
    ]
    if totals.interactions is not None or totals.gained["views"] is not None:
        said.append(
            _(
                "They and earlier ones gained {views} views and {interactions} interactions.",
                views=words.number(totals.gained["views"]),
                interactions=words.number(totals.interactions),
            )
        )
    if on_time is not None:
        said.append(_("{share} went out on time.", share=words.share(on_time)))
    stopped = len(report.failures), len(report.holds)
    if any(stopped):
        said.append(
            _(
                "Refused or missed: {failures}; waiting for a person: {holds}.",
                failures=i18n.number(stopped[0]),
                holds=i18n.number(stopped[1]),
            )
        )
    return " ".join(said)


def notes(report: Report) -> list[str]:
    """What a reader should know before trusting the figures."""
    totals, readings = report.totals, report.readings
    missing = [label for name, label in words.counts().items() if totals.read and not totals.available[name]]
    partly = [
        f"{label} ({i18n.number(totals.available[name])}/{i18n.number(totals.read)})"
        for name, label in words.counts().items()
        if 0 < totals.available[name] < totals.read
    ]
    said = [
        (not report.over, _("The period is not over; these are the figures so far.")),
        (missing, _("Figures no platform gave: {names}.", names=", ".join(missing))),
        (
            partly,
            _("Figures only some of the channels gave, which is not the same as 0: {names}.", names=", ".join(partly)),
        ),
    ]
    if readings:
        said += [
            (
                readings.unread,
                _(
                    "Posts not read in time at the end: {count}. What they gained since their last reading counts "
                    "in the period after.",
                    count=i18n.number(readings.unread),
                ),
            ),
            (
                readings.late,
                _(
                    "Posts read late: {count}. Their figures may hold what was gained before.",
                    count=i18n.number(readings.late),
                ),
            ),
            (
                readings.fallen,
                _("Posts with a count that fell: {count}. The fall is subtracted.", count=i18n.number(readings.fallen)),
            ),
            (
                readings.differs,
                _(
                    "Channels whose sums differ from the readings: {count}. The figures here are from the readings.",
                    count=i18n.number(readings.differs),
                ),
            ),
        ]
    return [text for holds, text in said if holds] + warnings(report)


# Sections


def _glance(report: Report) -> Section:
    monthly = report.period.unit == "month"
    columns = (
        Column("figure", _("Figure")),
        Column("now", _("This month") if monthly else _("This week")),
        Column("before", _("Month before") if monthly else _("Week before")),
        Column("change", _("Change")),
        Column("usual", _("Usual")),
        Column("range", _("Usual range")),
    )
    rows = []
    for one in report.glance:
        label, shape = words.glance(one.name)
        values = [
            words.said(value, shape, report.zone) for value in (one.now, one.before, one.usual, one.low, one.high)
        ]
        change = " · ".join(part for part in (words.change(one.change, shape), _percent(one, shape)) if part)
        rows.append(Row((label, values[0], values[1], change, values[2], _range(one, values[3], values[4]))))
    table = Table("glance", _("At a glance"), columns, tuple(rows), kept=_glance_kept(report, columns))
    drawn = [_past(report, name) for name in ("published", "interactions") if _drawn(report, name)]
    blocks: tuple[Block, ...] = (table, *drawn)
    return Section("glance", _("At a glance"), blocks, ())


def _glance_kept(report: Report, columns: Sequence[Column]) -> Table:
    """The same with values."""
    keys = {column.key: column.label for column in columns if column.key in ("now", "before", "change", "usual")}
    keys |= {"low": _("Usually from"), "high": _("Usually to")}
    rows = (
        (*words.glance(one.name), (one.now, one.before, one.change, one.usual, one.low, one.high))
        for one in report.glance
    )
    return kept("glance", _("At a glance"), keys, rows)


def _percent(one: Glance, shape: Shape) -> str:
    return "" if shape == "share" else words.percent(one.now, one.before)


def _range(one: Glance, low: str, high: str) -> str:
    return words.NONE if one.low is None else low if low == high else f"{low} – {high}"


def _drawn(report: Report, name: str) -> bool:
    return any(getattr(one, name) for one in report.past)


def _past(report: Report, name: str) -> Chart:
    label, shape = words.glance(name)
    found = next(one for one in report.glance if one.name == name)
    values = [getattr(one, name) for one in report.past]
    shown = [words.said(value, shape, report.zone) for value in values]
    title = (
        _("{figure}, month by month", figure=label)
        if report.period.unit == "month"
        else _("{figure}, week by week", figure=label)
    )
    said = "; ".join(f"{one.label}: {text}" for one, text in zip(report.past, shown, strict=True))
    usual = (
        _("Usual: {low} to {high}.", low=words.number(found.low), high=words.number(found.high))
        if found.low is not None
        else ""
    )
    table = Table(
        f"past_{name}",
        title,
        (Column("period", _("Period")), Column(name, label, shape)),
        tuple(Row((one.label, getattr(one, name))) for one in report.past),
    )
    bars = [
        charts.Bar(words.period_short(one.label), value or 0, words.short(value or 0))
        for one, value in zip(report.past, values, strict=True)
    ]
    svg = charts.columns(title, f"{said}. {usual}", bars, band=charts.band(found.low, found.usual, found.high))
    return Chart(f"past_{name}", title, f"{said}. {usual}".strip(), svg, table, charts.sparkline(bars))


def _counted(
    key: str,
    caption: str,
    leading: Iterable[Column],
    rows: Iterable[Row],
    shown: Sequence[str],
    *,
    empty: str,
    most: int | None = None,
) -> Table:
    """A table of Tally rows: words, posts published, then the counts somebody has."""
    figures = (
        Column("published", _("Posts"), "number"),
        *(count_column(name) for name in shown),
        Column("interactions", _("Interactions"), "number"),
        Column("rate", _("Rate"), "share"),
    )
    return Table(key, caption, (*leading, *figures), tuple(rows), empty, most)


def count_column(name: str) -> Column:
    """Those that make up the interactions are minor, and so are the rarer ones."""
    return Column(name, words.counts()[name], "number", minor=name not in ("views", "reach"))


def _cells(row: Tally | ReleaseRow, shown: Sequence[str], *named: Value) -> tuple[Value, ...]:
    return (*named, row.published, *(row.gained[name] for name in shown), row.interactions, row.rate)


def _given(report: Report) -> list[str]:
    """The counts that somebody has; likes and their like stand together as interactions."""
    return [name for name in COUNTS if report.totals.available[name]]


def _agencies(report: Report) -> Section:
    shown = _given(report)
    table = _counted(
        "agencies",
        _("Agencies, on their own channels"),
        (Column("name", _("Agency")), Column("agency", _("Code")), Column("releases", _("Releases"), "number")),
        (Row(_cells(row, shown, row.name, row.agency, row.releases)) for row in report.agencies),
        shown,
        empty=_("No agency published."),
    )
    return Section("agencies", _("Agencies"), (table,))


def _platforms(report: Report) -> Section:
    shown = _given(report)
    platforms = _counted(
        "platforms",
        _("Platforms"),
        (Column("platform", _("Platform")), Column("channels", _("Channels"), "number")),
        (Row(_cells(row, shown, words.platform(row.platform), row.channels)) for row in report.platforms),
        shown,
        empty=_("No channel published or was read."),
    )
    kinds = _counted(
        "kinds",
        _("Kinds of releases"),
        (Column("kind", _("Kind")), Column("releases", _("Releases"), "number")),
        (Row(_cells(row, shown, words.kind(row.kind), row.releases)) for row in report.kinds),
        shown,
        empty=_("No release was published or read."),
    )
    blocks: tuple[Block, ...] = (*_platform_bars(report), platforms, kinds)
    return Section("platforms", _("Platforms and kinds"), blocks)


def _platform_bars(report: Report) -> tuple[Chart, ...]:
    rows = sorted((row for row in report.platforms if row.interactions), key=lambda row: -(row.interactions or 0))
    if not rows:
        return ()
    title = _("Interactions, by platform")
    bars = [
        charts.Bar(words.platform(row.platform), row.interactions or 0, words.number(row.interactions)) for row in rows
    ]
    said = "; ".join(f"{bar.label}: {bar.figure}" for bar in bars)
    table = Table(
        "platform_interactions",
        title,
        (Column("platform", _("Platform")), Column("interactions", _("Interactions"), "number")),
        tuple(Row((bar.label, row.interactions)) for bar, row in zip(bars, rows, strict=True)),
    )
    return (Chart("platform_interactions", title, said, charts.bars(title, said, bars), table),)


def _releases(report: Report) -> Section:
    shown = _given(report)
    platforms = {row.channel: row.platform for row in report.channels}
    best = _counted(
        "releases",
        _("Releases of the period, the best first"),
        (
            Column("title", _("Title")),
            Column("release", _("Number"), "id"),
            Column("kind", _("Kind")),
            Column("agency", _("Agency")),
        ),
        (_release(row, shown, platforms) for row in report.releases),
        shown,
        empty=_("No release was published."),
        most=BEST,
    )
    return Section("releases", _("Best releases"), (best, *_older(report, shown)))


def _release(row: ReleaseRow, shown: Sequence[str], platforms: Mapping[str, str]) -> Row:
    cells = _cells(row, shown, row.title, row.release, words.kind(row.kind), row.agency)
    return Row(cells, links(row.links, platforms), row.release)


def links(found: Sequence[Link], platforms: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What people can open, called by its platform, and by its channel where there are several of one.
    *platforms*: by channel."""
    named = [
        (_place(link, platforms), link) for link in found if link.url and link.url.startswith(("https://", "http://"))
    ]
    often = Counter(name for name, _link in named)
    return tuple(_link(name if often[name] == 1 else link.channel, link) for name, link in named)


def _place(link: Link, platforms: Mapping[str, str]) -> str:
    return words.platform(platforms[link.channel]) if link.channel in platforms else link.channel


def _link(name: str, link: Link) -> tuple[str, str]:
    return (_("{channel} (gone)", channel=name) if link.gone else name), link.url or ""


def _older(report: Report, shown: Sequence[str]) -> tuple[Table, ...]:
    if report.readings is None:
        return ()
    columns = (
        Column("title", _("Title")),
        Column("release", _("Number"), "id"),
        Column("kind", _("Kind")),
        Column("agency", _("Agency")),
        *(count_column(name) for name in shown),
        Column("interactions", _("Interactions"), "number"),
    )
    rows = tuple(
        Row(
            (
                row.title,
                row.release,
                words.kind(row.kind),
                row.agency,
                *(row.gained[name] for name in shown),
                row.interactions,
            )
        )
        for row in report.readings.older
    )
    empty = _("No earlier release was read.")
    return (Table("older", _("Earlier releases that gained most"), columns, rows, empty),)


def _hours(report: Report) -> Section | None:
    if report.readings is None or report.readings.hours is None:
        return None
    hours = report.readings.hours
    title = _("Interactions by weekday and hour")
    peaks = sorted(
        ((value, day, hour) for day, row in enumerate(hours) for hour, value in enumerate(row)), reverse=True
    )
    said = _(
        "Most: {hours}.",
        hours="; ".join(
            f"{words.weekday(day)} {words.hour(hour)} ({words.number(value)})"
            for value, day, hour in peaks[:3]
            if value
        ),
    )
    columns = (Column("weekday", _("Day")), *(Column(f"h{hour:02}", f"{hour:02}", "number") for hour in range(24)))
    table = Table("hours", title, columns, tuple(Row((words.weekday(day), *row)) for day, row in enumerate(hours)))
    names = [words.weekday(day)[:3] for day in range(7)]
    chart = Chart("hours", title, said, charts.heat(title, said, names, hours), table, charts.shades(names, hours))
    text = (
        said,
        _(
            "From readings at most three hours apart, which is mostly the first day of a post: an hour in which "
            "nothing is ever posted looks quieter than it is. Times are {zone}.",
            zone=i18n.zone_label(report.period.start, report.zone),
        ),
    )
    return Section("hours", _("When the audience answers"), (chart,), text)


def _delivery(report: Report) -> Section:
    failures = _troubles("failures", _("Refused or missed"), report.failures, _("Nothing was refused or missed."))
    holds = _troubles("holds", _("Waiting for a person, or being looked up"), report.holds, _("Nothing is held."))
    return Section("delivery", _("Punctuality and failures"), (_punctuality(report), _doubts(report), failures, holds))


def _punctuality(report: Report) -> Table:
    found = report.punctuality
    columns = (
        Column("deliveries", _("Posts"), "number"),
        Column("on_time", _("On time"), "share"),
        Column("median", _("Usual delay"), "seconds"),
        Column("p95", _("95 of 100 within"), "seconds"),
        Column("worst", _("Longest delay"), "seconds"),
        Column("worst_delivery", _("Its delivery"), "id"),
        Column("cancelled", _("Cancelled"), "number"),
    )
    cells = (
        found.deliveries,
        found.on_time,
        found.median,
        found.p95,
        found.worst,
        found.worst_delivery,
        report.totals.cancelled,
    )
    caption, empty = _("From due to published"), _("Nothing was published.")
    return Table("punctuality", caption, columns, (Row(cells),) if found.deliveries else (), empty)


def _doubts(report: Report) -> Table:
    found = report.doubts
    columns = (
        Column("lost", _("Answers lost"), "number"),
        Column("found", _("Found public"), "number"),
        Column("absent", _("Surely not there"), "number"),
        Column("person", _("Said by a person"), "number"),
        Column("open", _("Still open"), "number"),
    )
    cells = (found.lost, found.found, found.absent, found.person, found.open)
    caption, empty = _("Answers that were lost, and how they were settled"), _("No answer was lost.")
    return Table("doubts", caption, columns, (Row(cells),) if found.lost else (), empty)


def _troubles(key: str, caption: str, troubles: Sequence[Trouble], empty: str) -> Table:
    columns = (
        Column("title", _("Title")),
        Column("delivery", _("Delivery"), "id"),
        Column("channel", _("Channel")),
        Column("state", _("State")),
        Column("due", _("Due"), "moment"),
        Column("since", _("Since"), "moment"),
        Column("reason", _("Reason")),
    )
    rows = tuple(
        Row((one.title, one.delivery, one.channel, words.state(one), one.due, one.since, told(one.reason)))
        for one in troubles
    )
    return Table(key, caption, columns, rows, empty, TROUBLES)


def _silence(report: Report) -> Section:
    agencies = tuple(one.name for one in report.silent.agencies)
    channels = tuple(
        _("{channel} (paused)", channel=one.channel) if one.paused else one.channel for one in report.silent.channels
    )
    all_channels = Listing(
        "silent_channels", _("Channels that published nothing"), channels, _("Every channel published.")
    )
    if report.agency:
        return Section("silence", _("Channels that were silent"), (all_channels,))
    all_agencies = Listing(
        "silent_agencies", _("Agencies that published nothing"), agencies, _("Every agency published.")
    )
    return Section("silence", _("Who was silent"), (all_agencies, all_channels))


def _endings(report: Report) -> Section | None:
    if not report.endings:
        return None
    listing = Listing("endings", _("Logins and API versions about to end"), report.endings)
    return Section("endings", _("About to end"), (listing,))


def _channels(report: Report) -> Section:
    shown = _given(report)
    table = _counted(
        "channels",
        _("Channels"),
        (Column("channel", _("Channel")), Column("platform", _("Platform")), Column("agency", _("Agency"))),
        (Row(_cells(row, shown, row.channel, words.platform(row.platform), row.agency)) for row in report.channels),
        shown,
        empty=_("No channel published or was read."),
        most=CHANNELS,
    )
    return Section("channels", _("All channels"), (table,))


def _meanings(report: Report) -> Section:
    named = words.counts()
    parts = " + ".join(named[name].lower() for name in INTERACTIONS)
    items = (
        _("Interactions = {parts}.", parts=parts),
        _(
            "Engagement rate = interactions ÷ views × 100%, over those channels and kinds that give both. Here: "
            "{rate}.",
            rate=words.share(report.totals.rate),
        ),
        _(
            "Figures of agencies, channels, platforms and kinds are what all their posts gained in the period, older "
            "ones too; those of a release are what its posts had reached at the end."
        ),
        _(
            "The usual range is what the middle half of up to {count} periods before showed (lower quartile, median, "
            "upper quartile).",
            count=BEFORE,
        ),
        _("On time is at most {seconds} seconds after the time people approved.", seconds=PUNCTUAL),
        _("A dash is a figure that nobody could read; it is not 0."),
        _source(report),
        *_of_agency(report),
    )
    available = Table(
        "available",
        _("What the channels gave"),
        (
            Column("figure", _("Figure")),
            Column("gained", _("Gained"), "number"),
            Column("channels", _("Channels that gave it"), "number"),
            Column("read", _("Channels read"), "number"),
        ),
        tuple(
            Row((label, report.totals.gained[name], report.totals.available[name], report.totals.read))
            for name, label in named.items()
        )
        if report.totals.read
        else (),
        _("No post was read."),
    )
    blocks = (available, untold(report.noticed), Listing("meanings", _("Meanings"), items))
    return Section("meanings", _("How the figures are made"), blocks)


def _of_agency(report: Report) -> tuple[str, ...]:
    """What belongs to an agency, where the report is of one."""
    if report.agency is None:
        return ()
    return (
        _(
            "Figures are those of the agency's own channels, whoever's release went out there; releases are its own, "
            "on whatever channel; failures are those of either."
        ),
    )


def _source(report: Report) -> str:
    if report.source == "samples":
        return _("Made from the readings themselves.")
    return _("Made from the daily sums.")
