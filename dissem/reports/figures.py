"""The report as plain values: what the rows are, and what follows from them alone. No database, no words, no layout.

A figure that nobody could read is None, which is not 0; a sum takes what is available.

**Interactions** are likes + comments + shares + saves. The **engagement rate** is interactions ÷ views, over those
channels and kinds (of a release: those posts) that gave both, so that likes from where nobody counts views raise
nothing. The **usual range** of a figure is what the middle half of the periods before showed: lower quartile, median,
upper quartile.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from math import ceil
from statistics import median, quantiles
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from dissem.channels.adapter import COUNTS
from dissem.engagement.arithmetic import INTERACTIONS as INTERACTIONS
from dissem.engagement.arithmetic import Values, rated
from dissem.engagement.arithmetic import interactions as interactions
from dissem.engagement.arithmetic import summed as summed
from dissem.reports.noticed import Noticed

PUNCTUAL = 60  # seconds after due that still count as on time
BEFORE = 8  # periods before this one that say what is usual
ENOUGH = 4  # of them, below which nothing can be called usual
GLANCE = ("releases", "published", "views", "interactions", "rate", "failures")

_VIEWS = COUNTS.index("views")


class AgencyName(NamedTuple):
    code: str
    name: str


@dataclass(frozen=True)
class Period:
    """A local week or month, from *start* to the exclusive *end*, both aware and in UTC."""

    unit: Literal["week", "month"]
    label: str  # "2026-W47", "2026-11"
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What every row says of its period. *releases*: different ones; *published*: deliveries, one a channel."""

    releases: int
    published: int
    readings: int  # samples that count for the period
    gained: Mapping[str, int | None]  # by COUNTS
    interactions: int | None
    rate: float | None


@dataclass(frozen=True, kw_only=True)
class Totals(Tally):
    """*available*: channels that gave a figure, of *read* channels."""

    cancelled: int  # deliveries a person cancelled
    read: int
    available: Mapping[str, int]  # by COUNTS


@dataclass(frozen=True, kw_only=True)
class ChannelRow(Tally):
    channel: str
    platform: str
    agency: str


@dataclass(frozen=True, kw_only=True)
class AgencyRow(Tally):
    """Of the agency's channels, whoever's release went out there; *releases* are its own, on whatever channel."""

    agency: str
    name: str


@dataclass(frozen=True, kw_only=True)
class PlatformRow(Tally):
    platform: str
    channels: int


@dataclass(frozen=True, kw_only=True)
class KindRow(Tally):
    kind: str


class Link(NamedTuple):
    """Where one part can be seen, or could: *gone* when it was taken down or found missing."""

    channel: str
    url: str | None
    gone: bool


@dataclass(frozen=True, kw_only=True)
class ReleaseRow:
    """A release published in the period, with what all its posts had reached by the last reading that counts for it."""

    release: int
    title: str
    kind: str
    agency: str
    published: int
    gained: Mapping[str, int | None]
    interactions: int | None
    rate: float | None
    links: tuple[Link, ...]


@dataclass(frozen=True, kw_only=True)
class OlderRow:
    """A release published before, with what it gained in the period."""

    release: int
    title: str
    kind: str
    agency: str
    gained: Mapping[str, int | None]
    interactions: int | None


@dataclass(frozen=True)
class Past:
    """One of the periods before, or this one: what the glance compares."""

    label: str
    releases: int
    published: int
    views: int | None
    interactions: int | None
    rate: float | None
    failures: int


@dataclass(frozen=True)
class Glance:
    """One figure with what it was before and what is usual; None where that cannot be said."""

    name: str
    now: float | None
    before: float | None
    low: float | None
    usual: float | None
    high: float | None

    @property
    def change(self) -> float | None:
        """In the figure's own unit."""
        return None if self.now is None or self.before is None else self.now - self.before


@dataclass(frozen=True)
class Trouble:
    """A delivery that failed or is held. *reason* as the row keeps it: `dissem.errors.told` makes it readable."""

    delivery: int
    release: int
    title: str
    channel: str
    agency: str
    state: str
    held: str | None
    due: datetime
    since: datetime
    reason: Mapping[str, Any] | None


@dataclass(frozen=True)
class Doubts:
    """Deliveries whose answer was lost in the period, and what became of them."""

    lost: int
    found: int  # seen at the platform, so not sent again
    absent: int  # surely not there, so sent again or ended
    person: int  # a person looked and said
    open: int


@dataclass(frozen=True)
class Punctuality:
    """Seconds from due to published; None without deliveries. *worst_delivery*: the number of the latest one."""

    deliveries: int
    median: float | None
    p95: float | None  # nearest rank
    worst: float | None
    worst_delivery: int | None
    on_time: float | None  # share published at most PUNCTUAL seconds after due


@dataclass(frozen=True)
class SilentAgency:
    """Nothing of its own was published anywhere, and nothing on its channels."""

    agency: str
    name: str


@dataclass(frozen=True)
class SilentChannel:
    channel: str
    agency: str
    paused: bool


@dataclass(frozen=True)
class Silent:
    agencies: tuple[SilentAgency, ...]
    channels: tuple[SilentChannel, ...]


@dataclass(frozen=True)
class Readings:
    """How well the period was read, and what readings tell beside the counts.

    *hours*: interactions gained by local weekday (Monday first) and hour, from readings close enough to say so; None
    if there were too few. *differs*: channels whose roll-up is not what the samples say; only an audit looks.
    """

    publications: int  # with a reading that counts for the period
    late: int  # of them, with one taken too late for its plan
    fallen: int  # of them, with a count that is lower than when the period began
    unread: int  # publications that should have been read at the end of the week and were not in time
    differs: int
    hours: tuple[tuple[int, ...], ...] | None
    older: tuple[OlderRow, ...]  # earlier releases that gained most


@dataclass(frozen=True, kw_only=True)
class Report:
    """One week or month as known on the day it is *printed*."""

    period: Period
    zone: ZoneInfo
    office: str
    printed: date
    over: bool  # whether the period had ended when it was printed
    source: Literal["rollups", "samples"]
    totals: Totals
    glance: tuple[Glance, ...]
    past: tuple[Past, ...]  # oldest first, this period last
    punctuality: Punctuality
    channels: tuple[ChannelRow, ...]
    agencies: tuple[AgencyRow, ...]
    platforms: tuple[PlatformRow, ...]
    kinds: tuple[KindRow, ...]
    releases: tuple[ReleaseRow, ...]  # the best first
    failures: tuple[Trouble, ...]  # refused or missed in the period
    holds: tuple[Trouble, ...]  # held or unknown now, whichever period up to this one it began in
    doubts: Doubts
    silent: Silent
    endings: tuple[str, ...]  # sentences on what is about to end: tokens, API versions
    readings: Readings | None  # None: not looked at
    noticed: Noticed = field(default_factory=Noticed)  # beside the counts
    agency: AgencyName | None = None  # if the report is of this one only
    pictures: Mapping[int, bytes] = field(default_factory=dict)  # small JPEG pictures by release

    @property
    def week(self) -> str:
        """The label of the period."""
        return self.period.label

    @property
    def label(self) -> str:
        """Names its files."""
        return f"{self.period.label}-{self.agency.code}" if self.agency else self.period.label

    @property
    def about(self) -> dict[str, Any]:
        """What it is about, for programs."""
        agency = {"agency": self.agency.code} if self.agency else {}
        return {self.period.unit: self.period.label, **agency}


# What follows from the rows


def both(parts: Iterable[Values]) -> tuple[int, int]:
    """Interactions and views of those of *parts* that have both."""
    pairs = [rated(values) for values in parts]
    return sum(done for done, _views in pairs), sum(views for _done, views in pairs)


def engagement(total: Values, done: int, views: int) -> dict[str, Any]:
    """The fields of a row that are about engagement. *done*, *views*: of those parts of the *total* that have both."""
    return {
        "gained": dict(zip(COUNTS, total, strict=True)),
        "interactions": interactions(total),
        "rate": done / views if views > 0 else None,
    }


def glance(past: Sequence[Past]) -> tuple[Glance, ...]:
    """The last of *past*, compared with the one before and with what is usual."""
    return tuple(_compared(name, [getattr(one, name) for one in past]) for name in GLANCE)


def _compared(name: str, values: Sequence[float | None]) -> Glance:
    *before, now = values
    known = [value for value in before if value is not None]
    low, usual, high = quantiles(known, n=4, method="inclusive") if len(known) >= ENOUGH else (None,) * 3
    return Glance(name, now, before[-1] if before else None, low, usual, high)


def punctuality(delays: Mapping[int, float]) -> Punctuality:
    """From seconds of delay by delivery."""
    if not delays:
        return Punctuality(0, None, None, None, None, None)
    ranked = sorted(delays.values())
    return Punctuality(
        deliveries=len(ranked),
        median=median(ranked),
        p95=ranked[ceil(0.95 * len(ranked)) - 1],
        worst=ranked[-1],
        worst_delivery=min(delivery for delivery, delay in delays.items() if delay == ranked[-1]),
        on_time=bisect_right(ranked, PUNCTUAL) / len(ranked),
    )


def best_first(row: ReleaseRow) -> tuple[int, int, int]:
    """The order of releases: interactions, then views, then the older number."""
    return (-(row.interactions or 0), -(row.gained["views"] or 0), row.release)
