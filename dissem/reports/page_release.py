"""The report of one release laid out, all words in the reader's language."""

from collections import defaultdict
from collections.abc import Iterator

from dissem import i18n
from dissem.channels.adapter import COUNTS
from dissem.errors import told
from dissem.i18n import _
from dissem.reports import charts, words
from dissem.reports.layout import Chart, Column, Listing, Page, Row, Section, Table, kept
from dissem.reports.page import count_column, links
from dissem.reports.release import OnChannel, Point, ReleaseReport


def page(report: ReleaseReport) -> Page:
    """*report* in the reader's language."""
    sections = (_reached(report), _channels(report), _delivery(report), _untold(report), _history(report), _meanings())
    return Page(
        title=_("Release report"),
        office=report.office,
        period=report.title,
        label=report.label,
        printed=report.printed,
        zone=report.zone,
        summary=_summary(report),
        notes=tuple(_notes(report)),
        sections=sections,
        pictures=report.pictures,
        picture=report.release,
    )


def _summary(report: ReleaseReport) -> str:
    out = [one for one in report.channels if one.published]
    said = [
        _(
            "{kind} no. {number} of {agency}, drafted by {author}.",
            kind=words.kind(report.kind),
            number=report.release,
            agency=report.agency_name,
            author=report.author,
        ),
        _approval(report),
        _("Published on {done} of {all} channels.", done=len(out), all=len(report.channels)),
    ]
    if report.interactions is not None or report.gained["views"] is not None:
        said.append(
            _(
                "So far it reached {views} views and {interactions} interactions.",
                views=words.number(report.gained["views"]),
                interactions=words.number(report.interactions),
            )
        )
    return " ".join(said)


def _approval(report: ReleaseReport) -> str:
    approved = report.approved
    if approved is None:
        return _("Not approved: {state}.", state=words.stage(report.state).lower())
    return _("Approved by {person} on {moment}.", person=approved.by, moment=i18n.moment(approved.at, report.zone))


def _notes(report: ReleaseReport) -> Iterator[str]:
    if report.rejected:
        yield _("Rejected: {reason}", reason=report.rejected)
    if held := [one.channel for one in report.channels if one.state in ("held", "unknown")]:
        yield _("Waiting for a person, or being looked up: {channels}.", channels=", ".join(held))
    if failed := [one.channel for one in report.channels if one.state in ("refused", "missed")]:
        yield _("Refused or missed: {channels}.", channels=", ".join(failed))
    if gone := sorted({one.channel for one in report.channels if any(link.gone for link in one.links)}):
        yield _("No longer to be seen: {channels}.", channels=", ".join(gone))
    if failing := [one.channel for one in report.channels if one.failing]:
        yield _("Figures that cannot be read at the moment: {channels}.", channels=", ".join(failing))


def _given(report: ReleaseReport) -> list[str]:
    return [name for name in COUNTS if report.gained[name] is not None]


# What it reached


def _reached(report: ReleaseReport) -> Section:
    named = words.counts()
    columns = (Column("figure", _("Figure")), Column("reached", _("Reached")))
    figures: list[tuple[str, words.Shape, float | None]]
    figures = [(named[name], "number", report.gained[name]) for name in _given(report)]
    if report.interactions is not None:
        figures += [(_("Interactions"), "number", report.interactions), (_("Engagement rate"), "share", report.rate)]
    rows = tuple(Row((label, words.said(value, shape, report.zone))) for label, shape, value in figures)
    values = kept(
        "reached",
        _("What it reached"),
        {"reached": _("Reached")},
        ((label, shape, [value]) for label, shape, value in figures),
    )
    empty = _("No figures have been read yet.")
    table = Table("reached", _("What it reached"), columns, rows, empty, kept=values)
    drawn = [_growth(report, name) for name in ("views", "interactions") if _grew(report, name)]
    return Section("reached", _("What it reached"), (table, *drawn))


def _value(point: Point, name: str) -> int | None:
    return point.interactions if name == "interactions" else point.gained[name]


def _grew(report: ReleaseReport, name: str) -> bool:
    return len(report.growth) > 1 and any(_value(point, name) for point in report.growth)


def _growth(report: ReleaseReport, name: str) -> Chart:
    label = words.glance(name)[0]
    title = _("{figure} since the first post", figure=label)
    points = [(words.age(point.hours), _value(point, name)) for point in report.growth]
    said = "; ".join(f"{age}: {words.number(value)}" for age, value in points)
    drawn = [charts.Bar(age, value or 0, words.short(value or 0)) for age, value in points]
    table = Table(
        f"growth_{name}",
        title,
        (Column("age", _("Age")), Column("at", _("At"), "moment"), Column(name, label, "number")),
        tuple(Row((age, point.at, value)) for (age, value), point in zip(points, report.growth, strict=True)),
    )
    return Chart(table.key, title, said, charts.curve(title, said, drawn), table, charts.sparkline(drawn))


def _channels(report: ReleaseReport) -> Section:
    shown = _given(report)
    platforms = {one.channel: one.platform for one in report.channels}
    columns = (
        Column("channel", _("Channel")),
        Column("platform", _("Platform")),
        *(count_column(name) for name in shown),
        Column("interactions", _("Interactions"), "number"),
        Column("rate", _("Rate"), "share"),
        Column("read", _("Last read"), "moment"),
    )
    rows = tuple(
        Row(
            (
                one.channel,
                words.platform(one.platform),
                *(one.gained[name] for name in shown),
                one.interactions,
                one.rate,
                one.read,
            ),
            links(one.links, platforms),
        )
        for one in report.channels
        if one.links
    )
    table = Table("channels", _("Figures of each channel"), columns, rows, _("Nothing was published yet."))
    return Section("channels", _("Channel by channel"), (table,))


# How it went out


def _delivery(report: ReleaseReport) -> Section:
    columns = (
        Column("channel", _("Channel")),
        Column("delivery", _("Delivery"), "id"),
        Column("state", _("State")),
        Column("due", _("Due"), "moment"),
        Column("published", _("Published"), "moment"),
        Column("delay", _("Delay"), "seconds"),
        Column("attempts", _("Attempts"), "number"),
        Column("reason", _("Reason")),
    )
    rows = tuple(Row(_went(one)) for one in report.channels)
    times = Table("deliveries", _("From due to published"), columns, rows, _("It is scheduled nowhere."))
    return Section("delivery", _("Publication and failures"), (times, _tries(report)))


def _went(one: OnChannel) -> tuple[words.Value, ...]:
    reason = "" if one.state == "published" else told(one.reason)
    return one.channel, one.delivery, words.state(one), one.due, one.published, one.delay, one.attempts, reason


def _tries(report: ReleaseReport) -> Table:
    columns = (
        Column("channel", _("Channel")),
        Column("number", _("Attempt"), "id"),
        Column("started", _("Sent"), "moment"),
        Column("outcome", _("What came of it")),
    )
    rows = tuple(Row((one.channel, one.number, one.started, words.outcome(one.outcome))) for one in report.tries)
    caption, empty = _("Attempts without a proof"), _("Every attempt was proven by the platform.")
    return Table("tries", caption, columns, rows, empty)


# What could not be read, and why


def _untold(report: ReleaseReport) -> Section:
    columns = (Column("channel", _("Channel")), Column("figures", _("Figure")), Column("why", _("Reason")))
    rows = tuple(Row((one.channel, *pair)) for one in report.channels for pair in _gaps(one))
    caption, empty = _("Figures that were not told, and why"), _("Every figure that a platform has was told.")
    return Section("untold", _("What could not be read"), (Table("untold", caption, columns, rows, empty),))


def _gaps(one: OnChannel) -> Iterator[tuple[str, str]]:
    """Which figures, and why."""
    if one.failing:
        yield _("All"), told(one.failing_reason)
    elif one.links and one.read is None and len(one.untold) < len(COUNTS):
        yield _("All"), _("Not read yet.")
    named, together = words.counts(), defaultdict[str, list[str]](list)
    for gap in one.untold:
        together[gap.why].append(named[gap.count])
    for why, names in together.items():
        reason = _("This platform does not count it.") if why == "none" else words.why(why)
        yield ", ".join(names) if len(names) < len(COUNTS) else _("All"), reason


# Who did what


def _history(report: ReleaseReport) -> Section:
    columns = (
        Column("step", _("Step")),
        Column("at", _("When"), "moment"),
        Column("by", _("By")),
        Column("channel", _("Channel")),
    )
    rows = tuple(Row((words.step(one.action), one.at, one.by, one.channel or "")) for one in report.steps)
    steps = Table("steps", _("What people did"), columns, rows, _("Nothing is recorded."))
    return Section("history", _("History"), (_approvals(report), steps))


def _approvals(report: ReleaseReport) -> Table:
    columns = (
        Column("by", _("Approved by")),
        Column("at", _("When"), "moment"),
        Column("voided", _("No longer valid since"), "moment"),
    )
    rows = tuple(Row((one.by, one.at, one.voided)) for one in report.approvals)
    return Table("approvals", _("Approvals"), columns, rows, _("Nobody approved it."))


def _meanings() -> Section:
    items = (
        _("What a post reached is the last value that its platform told, count by count; sums are over all its posts."),
        _("A dash is a figure that nobody could read; it is not 0."),
    )
    return Section("meanings", _("How the figures are made"), (Listing("meanings", _("Meanings"), items),))
