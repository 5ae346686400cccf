"""From whole totals to what was gained, and on which day: the one arithmetic of roll-up and report.

**Which moment a sample counts for.** The reading planned for Monday 00:00 is taken some minutes later and belongs to
the week that has just ended. So a sample counts for the moment it was *planned* for if it was taken within `TOLERANCE`
of it; otherwise it is *late* and counts for the moment it was taken. A day (and a week) takes its own end and leaves
out its beginning, (00:00, 24:00]: Monday 00:00 is Sunday's. Samples of one publication keep their order under this
rule, because a plan is never older than the sample before it (see `plans.planned`).

**What was gained.** A sample gains, count by count, its value minus the last value known before (0 before the first).
A counter that fell gains a negative number, and it is kept; the sample is marked (`Engagement.fell`). A count without a
value gains None, which is not 0, and leaves the last known value where it is.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dissem.channels.adapter import COUNTS
from dissem.clock import local_day
from dissem.config import EngagementSection

TOLERANCE = timedelta(hours=2)
CLOSE = timedelta(hours=3)  # readings at most this far apart say in which hour something was gained
YOUNG = EngagementSection().weeks_for
INTERACTIONS = ("likes", "comments", "shares", "saves")

Values = tuple[int | None, ...]  # in the order of COUNTS
NOTHING: Values = (None,) * len(COUNTS)

_VIEWS = COUNTS.index("views")
_interacted = itemgetter(*(COUNTS.index(name) for name in INTERACTIONS))


class Sample(NamedTuple):
    """Whole totals of one publication, read at *at*."""

    planned: datetime
    at: datetime
    values: Values

    @property
    def late(self) -> bool:
        """Taken too long after its plan to stand for that moment."""
        return self.at - self.planned > TOLERANCE

    @property
    def counts_for(self) -> datetime:
        """The instant this sample stands for in roll-up and report."""
        return self.at if self.late else self.planned


@lru_cache(maxsize=4096)  # many samples share their moments
def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The local day that takes *instant*; a midnight is the end of the day before."""
    return local_day(instant - datetime.resolution, zone)


def gained(values: Values, before: Values) -> Values:
    """What *values* have more than the last known ones *before*, None where they say nothing."""
    return tuple(None if v is None else v - (b or 0) for v, b in zip(values, before, strict=True))


def fell(gain: Values) -> list[str]:
    """Names of the counts that are below the last known value."""
    return [name for name, value in zip(COUNTS, gain, strict=True) if value is not None and value < 0]


def known(values: Values, before: Values) -> Values:
    """The last known values after *values* were read."""
    return tuple(b if v is None else v for v, b in zip(values, before, strict=True))


def plus(one: Values, other: Values) -> Values:
    """The sum of what is available; None where neither says anything."""
    return tuple([b if a is None else a if b is None else a + b for a, b in zip(one, other, strict=True)])


def summed(parts: Iterable[Values]) -> Values:
    """The sum of what is available, count by count; NOTHING of no *parts*."""
    return tuple([_sum(column) for column in zip(*parts, strict=True)]) or NOTHING


def _sum(column: Sequence[int | None]) -> int | None:
    known = [value for value in column if value is not None]
    return sum(known) if known else None


def interactions(values: Values) -> int | None:
    """Likes, comments, shares and saves together, as far as they are available."""
    said = [value for value in _interacted(values) if value is not None]
    return sum(said) if said else None


def rated(values: Values) -> tuple[int, int]:
    """Interactions and views, if there are both."""
    done, views = interactions(values), values[_VIEWS]
    return (0, 0) if done is None or views is None else (done, views)


@lru_cache(maxsize=256)
def labels(day: date) -> tuple[str, str]:
    """The week and the month of *day*, as "2026-W47" and "2026-11". Labels of one length are in the order of time."""
    year, week, _weekday = day.isocalendar()
    return f"{year:04}-W{week:02}", f"{day.year:04}-{day.month:02}"
