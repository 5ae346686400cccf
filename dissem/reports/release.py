"""The report of one release as plain values: its whole life from the first draft to the last reading.

What a post has reached is, count by count, the last value that was ever told of it. What the release has reached is the
sum over its posts; the growth says how much of that was known some hours after the first post was public.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from dissem.channels.adapter import COUNTS
from dissem.engagement.arithmetic import NOTHING, Values, known
from dissem.reports import figures
from dissem.reports.figures import Link
from dissem.reports.noticed import ReasonKept

AGES = (1, 6, 24, 48, 72, 168, 336, 720)  # hours after the first post


class Reading(NamedTuple):
    """One sample of a post. *missing*: by the name of a count that was not told, why."""

    at: datetime
    values: Values
    missing: Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """What a person did, as the audit record keeps it. *channel*: where, None if to the release itself."""

    at: datetime
    action: str
    by: str
    channel: str | None


@dataclass(frozen=True)
class Approved:
    at: datetime
    by: str
    voided: datetime | None


@dataclass(frozen=True)
class Try:
    """A request that did not end in a proof. *outcome*: an `Evidence`, None while it is open."""

    channel: str
    number: int
    started: datetime
    outcome: str | None


@dataclass(frozen=True)
class Untold:
    """A count without a value. *why*: a `dissem.channels.adapter.Why`, or "none" where the platform does not count
    it."""

    count: str
    why: str


@dataclass(frozen=True, kw_only=True)
class OnChannel:
    """The release on one channel. *delay*: seconds from due to published. *read*: the newest reading."""

    delivery: int
    channel: str
    platform: str
    agency: str
    state: str
    held: str | None
    due: datetime
    published: datetime | None
    attempts: int
    reason: ReasonKept | None
    links: tuple[Link, ...]
    gained: Mapping[str, int | None]
    interactions: int | None
    rate: float | None
    read: datetime | None
    untold: tuple[Untold, ...]
    failing: datetime | None  # since when its figures cannot be read
    failing_reason: ReasonKept | None

    @property
    def delay(self) -> float | None:
        return None if self.published is None else (self.published - self.due).total_seconds()


@dataclass(frozen=True)
class Point:
    """What was known *hours* after the first post."""

    hours: float
    at: datetime
    gained: Mapping[str, int | None]
    interactions: int | None


@dataclass(frozen=True, kw_only=True)
class ReleaseReport:
    """One release as known on the day it is *printed*."""

    release: int
    title: str
    kind: str
    agency: str
    agency_name: str
    state: str
    author: str
    created: datetime
    submitted: datetime | None
    rejected: str | None  # why
    zone: ZoneInfo
    office: str
    printed: date
    approvals: tuple[Approved, ...]  # oldest first
    steps: tuple[Step, ...]
    channels: tuple[OnChannel, ...]
    tries: tuple[Try, ...]
    gained: Mapping[str, int | None]
    interactions: int | None
    rate: float | None
    growth: tuple[Point, ...]
    pictures: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Names its files."""
        return f"release-{self.release}"

    @property
    def about(self) -> dict[str, Any]:
        """What it is about, for programs."""
        return {"release": self.release}

    @property
    def approved(self) -> Approved | None:
        """The approval that counts."""
        return next((one for one in reversed(self.approvals) if one.voided is None), None)


# What follows from the readings


def reached(readings: Iterable[Reading]) -> Values:
    """The last value that was ever told, count by count."""
    values = NOTHING
    for reading in readings:
        values = known(reading.values, values)
    return values


def engaged(posts: Sequence[Sequence[Reading]]) -> dict[str, Any]:
    """The fields of a row that are about engagement, over *posts* that were read."""
    parts = [reached(readings) for readings in posts if readings]
    return figures.engagement(figures.summed(parts), *figures.both(parts))


def growth(posts: Sequence[Sequence[Reading]], first: datetime | None) -> tuple[Point, ...]:
    """How the sums grew from the moment the *first* post was public, at certain ages and at the newest reading."""
    newest = max((readings[-1].at for readings in posts if readings), default=None)
    if first is None or newest is None:
        return ()
    moments = [first + timedelta(hours=age) for age in AGES]
    moments = [moment for moment in moments if moment < newest] + [newest]
    return tuple(_point(posts, first, moment) for moment in moments)


def _point(posts: Sequence[Sequence[Reading]], first: datetime, moment: datetime) -> Point:
    found = engaged([[reading for reading in readings if reading.at <= moment] for readings in posts])
    return Point((moment - first).total_seconds() / 3600, moment, found["gained"], found["interactions"])


def untold(posts: Sequence[Sequence[Reading]], offered: frozenset[str]) -> tuple[Untold, ...]:
    """What the newest readings do not tell, and why; what the platform does not count comes last."""
    missing: dict[str, str] = {}
    for readings in posts:
        if readings:
            missing |= readings[-1].missing
    known = figures.summed([reached(readings) for readings in posts] or [NOTHING])
    never = [name for name, value in zip(COUNTS, known, strict=True) if value is None and name not in offered]
    return (
        *(Untold(name, missing[name]) for name in COUNTS if name in missing),
        *(Untold(name, "none") for name in never),
    )
