"""What the ledger noticed beside the counts, as plain values: posts that vanished or are not ours, channels that cannot
be read, figures that were not told and why, followers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

ReasonKept = Mapping[str, Any]  # as a row keeps it: `dissem.errors.told` makes it readable


@dataclass(frozen=True)
class Vanished:
    """A post that was found missing at the platform in the period, though nobody took it down here."""

    release: int
    title: str
    channel: str
    platform: str
    agency: str  # of the release
    url: str | None
    published: datetime | None
    gone: datetime


@dataclass(frozen=True)
class Foreign:
    """A post on a channel's account that dissem did not make, and of which nobody has said that it is the office's
    own."""

    channel: str
    platform: str
    agency: str
    at: datetime
    url: str | None
    text: str


@dataclass(frozen=True)
class Failing:
    """A channel whose counts could not be read since *since*, up to the day of printing."""

    channel: str
    platform: str
    agency: str
    since: datetime
    reason: ReasonKept | None


@dataclass(frozen=True)
class Untold:
    """A count that a platform has and did not tell of some posts. *why*: a `dissem.channels.adapter.Why`."""

    platform: str
    count: str
    why: str
    posts: int
    channels: int


@dataclass(frozen=True)
class FollowersRow:
    """Followers by the last reading of the period, and by the last one before it; None where there is none."""

    channel: str
    platform: str
    agency: str
    followers: int
    before: int | None

    @property
    def change(self) -> int | None:
        return None if self.before is None else self.followers - self.before


@dataclass(frozen=True)
class Noticed:
    """*closed*: the last day whose single readings were thrown away, None if all are there."""

    vanished: tuple[Vanished, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    failing: tuple[Failing, ...] = ()
    untold: tuple[Untold, ...] = ()
    followers: tuple[FollowersRow, ...] = ()
    closed: date | None = None
