"""What the ledger noticed, as sections and notes of the report."""

from collections.abc import Iterator

from dissem import i18n
from dissem.errors import told
from dissem.i18n import _
from dissem.reports import periods, words
from dissem.reports.figures import Report
from dissem.reports.layout import Column, Row, Section, Table
from dissem.reports.noticed import Foreign, Noticed, Vanished

SHOWN = 25  # rows where people read
FOLLOWED = 12
TEXT = 120  # letters of a post that is not ours


def warnings(report: Report) -> list[str]:
    """One sentence a thing, for the notes of the page for leaders."""
    noticed = report.noticed
    return list(_warnings(noticed)) + list(_closed(report))


def _warnings(noticed: Noticed) -> Iterator[str]:
    if noticed.foreign:
        yield _(
            "Posts on our accounts that dissem did not make: {count} ({channels}). Make sure that they are ours.",
            count=i18n.number(len(noticed.foreign)),
            channels=_some(sorted({one.channel for one in noticed.foreign})),
        )
    if noticed.vanished:
        yield _(
            "Posts that are no longer at the platform though nobody took them down here: {count}.",
            count=i18n.number(len(noticed.vanished)),
        )
    if noticed.failing:
        yield _(
            "Channels whose figures cannot be read: {count} ({channels}). What they gained is missing.",
            count=i18n.number(len(noticed.failing)),
            channels=_some([one.channel for one in noticed.failing]),
        )


def _closed(report: Report) -> Iterator[str]:
    closed, first = report.noticed.closed, periods.days(report.period, report.zone)[0]
    if closed and closed >= first:
        yield _(
            "Single readings up to {day} are no longer kept; the figures of those days are the daily sums.",
            day=i18n.day(closed, weekday=False),
        )


def _some(names: list[str]) -> str:
    """At most three by name."""
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def attention(noticed: Noticed) -> Section:
    """Where a person should look."""
    return Section("attention", _("To be checked"), (_foreign(noticed), _vanished(noticed), _failing(noticed)))


def _foreign(noticed: Noticed) -> Table:
    columns = (
        Column("channel", _("Channel")),
        Column("platform", _("Platform")),
        Column("at", _("Made"), "moment"),
        Column("text", _("Text")),
    )
    rows = tuple(
        Row((one.channel, words.platform(one.platform), one.at, _cut(one.text)), _open(one)) for one in noticed.foreign
    )
    caption, empty = _("Posts that dissem did not make"), _("Every post on our accounts was made by dissem.")
    return Table("foreign", caption, columns, rows, empty, SHOWN)


def _vanished(noticed: Noticed) -> Table:
    columns = (
        Column("title", _("Title")),
        Column("release", _("Number"), "id"),
        Column("channel", _("Channel")),
        Column("platform", _("Platform")),
        Column("published", _("Published"), "moment"),
        Column("gone", _("Found missing"), "moment"),
    )
    rows = tuple(
        Row(
            (one.title, one.release, one.channel, words.platform(one.platform), one.published, one.gone),
            _open(one),
        )
        for one in noticed.vanished
    )
    caption, empty = _("Posts that vanished"), _("No post vanished.")
    return Table("vanished", caption, columns, rows, empty, SHOWN)


def _open(one: Foreign | Vanished) -> tuple[tuple[str, str], ...]:
    """What people can open; never what a browser would run."""
    safe = one.url and one.url.startswith(("https://", "http://"))
    return ((_("Open"), one.url),) if safe and one.url else ()


def _cut(text: str) -> str:
    return text if len(text) <= TEXT else f"{text[: TEXT - 1].rstrip()}…"


def _failing(noticed: Noticed) -> Table:
    columns = (
        Column("channel", _("Channel")),
        Column("platform", _("Platform")),
        Column("since", _("Since"), "moment"),
        Column("reason", _("Reason")),
    )
    rows = tuple(
        Row((one.channel, words.platform(one.platform), one.since, told(one.reason))) for one in noticed.failing
    )
    caption, empty = _("Channels whose figures cannot be read"), _("Every channel could be read.")
    return Table("failing", caption, columns, rows, empty, SHOWN)


def followers(noticed: Noticed) -> Section | None:
    """Nothing where no platform tells them."""
    if not noticed.followers:
        return None
    columns = (
        Column("channel", _("Channel")),
        Column("platform", _("Platform")),
        Column("agency", _("Agency")),
        Column("followers", _("Followers"), "number"),
        Column("before", _("Before"), "number"),
        Column("change", _("Change"), "change"),
    )
    rows = tuple(
        Row((one.channel, words.platform(one.platform), one.agency, one.followers, one.before, one.change))
        for one in noticed.followers
    )
    table = Table("followers", _("Followers, by change"), columns, rows, most=FOLLOWED)
    return Section("followers", _("Followers"), (table,), (_grown(noticed),))


def _grown(noticed: Noticed) -> str:
    known = [one for one in noticed.followers if one.change is not None]
    if not known:
        return _("There is no earlier reading to compare them with.")
    return _(
        "{channels} channels that were read before and now: {change} followers in all.",
        channels=i18n.number(len(known)),
        change=words.change(sum(one.change or 0 for one in known), "number"),
    )


def untold(noticed: Noticed) -> Table:
    """Figures that platforms have and did not tell of every post."""
    named = words.counts()
    columns = (
        Column("platform", _("Platform")),
        Column("figure", _("Figure")),
        Column("why", _("Reason")),
        Column("posts", _("Posts"), "number"),
        Column("channels", _("Channels"), "number"),
    )
    rows = tuple(
        Row(
            (words.platform(one.platform), named.get(one.count, one.count), words.why(one.why), one.posts, one.channels)
        )
        for one in noticed.untold
    )
    caption, empty = _("Figures that were not told, and why"), _("Every figure that a platform has was told.")
    return Table("untold", caption, columns, rows, empty)
