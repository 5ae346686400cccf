"""At which ages counts are read, and which publications are due.

Often while a post is young, seldom when it is old: the ages are those of `config.samples`, and each Monday 00:00 while
it is younger than `config.weeks_for`. Of several missed plans only the newest is taken, since what the counters said at
the older ones cannot be read any more; so after an outage one reading catches up.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlmodel import Session, col

from dissem.clock import week_bounds
from dissem.config import EngagementSection
from dissem.models import Engagement, Publication, Reading

AT_ONCE = 1000  # candidates in memory
PATIENCE = timedelta(days=30)  # how long after its last plan a publication that could not be read is still tried
LAST_LOOK = timedelta(hours=4)  # before the end of a post that does not last
MARGIN = timedelta(hours=1)  # before its end a post may be gone already


class Last(NamedTuple):
    """The newest plan that was taken of a publication, and when its newest sample was read; None: no sample yet."""

    planned: datetime | None = None
    at: datetime | None = None

    def covers(self, plan: datetime) -> bool:
        """Whether *plan* needs no sample any more."""
        return (self.planned is not None and self.planned >= plan) or (self.at is not None and self.at >= plan)


NEVER = Last()


class Plans:
    """The ages at which publications of one kind of channel are read, as settings and *lasts* say.

    *lasts*: how long its posts are shown (`Facts.lasts`); the last reading is `LAST_LOOK` before that end, and none
    comes later, for what is over by itself is no loss to be told.
    """

    def __init__(self, config: EngagementSection, zone: ZoneInfo, lasts: timedelta | None = None) -> None:
        self.zone, self.lasts, self.weeks_for = zone, lasts, config.weeks_for
        ages = set(config.samples)
        if lasts is not None:
            last = lasts - LAST_LOOK
            ages = {age for age in ages if age < last} | {last}
            self.weeks_for = min(self.weeks_for, last)
        self.ages: Sequence[timedelta] = sorted(ages)

    def newest(self, published: datetime, now: datetime) -> datetime | None:
        """The newest plan that is not after *now*; None before the first, and when the post is not shown any more."""
        age = now - published
        if self.lasts is not None and age > self.lasts - MARGIN:
            return None
        place = bisect_right(self.ages, age)
        plan = published + self.ages[place - 1] if place else None
        week = self._week_end(published, now)
        return week if week is not None and (plan is None or week > plan) else plan

    def _week_end(self, published: datetime, now: datetime) -> datetime | None:
        """The newest end of a local week that is not after *now* and finds the publication young enough, if any."""
        youngest = published + self.weeks_for - datetime.resolution
        monday = _monday(min(now, youngest), self.zone)
        return monday if monday > published else None

    def due(self, published: datetime, last: Last, now: datetime) -> datetime | None:
        """The plan to take now; None: nothing is due."""
        plan = self.newest(published, now)
        return None if plan is None or last.covers(plan) else plan


@lru_cache(maxsize=1024)  # nearly every publication of one call asks for the same one
def _monday(instant: datetime, zone: ZoneInfo) -> datetime:
    _label, monday, _end = week_bounds("this", now=instant, zone=zone)
    return monday


def planned(publication: Publication, plans: Plans, *, now: datetime, last: Last = NEVER) -> datetime | None:
    """The sample of *publication* to take now, named by the moment it was planned for; None: nothing is due.

    *last* tells what was taken before; a sample read after a plan covers it.
    """
    if publication.published is None or publication.removed or publication.gone:
        return None
    return plans.due(publication.published, last, now)


# A sample to take: its plan, the publication, and when that became public. There are many, and a plain tuple of such
# values is none of the garbage collector's business.
Due = tuple[datetime, int, datetime]


def due(
    session: Session,
    *,
    now: datetime,
    config: EngagementSection,
    zone: ZoneInfo,
    lasts: Mapping[int, timedelta] | None = None,
) -> dict[int, list[Due]]:
    """Every sample that is due, by channel, those planned last first, as they can still be taken in time. Channels
    whose platform asked for a pause are left out until it is over. *lasts*: by channel, how long its posts are shown.

    Looks at what was published since the longest age and `PATIENCE`, a range of the index on `published`; the newest
    plan and sample of each come from the two indexes that begin with the publication, so that no sample row is read
    and what this costs does not grow with the samples kept. Older publications are done or given up.
    """
    usual = Plans(config, zone)
    brief = {channel: Plans(config, zone, span) for channel, span in (lasts or {}).items()}
    found: dict[int, list[Due]] = defaultdict(list)
    candidates = session.connection().execute(_candidates(now, config)).partitions()
    for number, channel, published, planned, at in chain.from_iterable(candidates):
        last = Last(planned, at) if planned else NEVER
        plan = brief.get(channel, usual).due(published, last, now)
        if plan is not None:
            found[channel].append((plan, number, published))
    for samples in found.values():
        samples.sort(reverse=True)
    return found


def _candidates(now: datetime, config: EngagementSection) -> Any:
    """Publications that may be due, each with its newest plan and reading."""
    horizon = now - max((*config.samples, config.weeks_for)) - PATIENCE
    newest = [
        select(func.max(moment)).where(col(Engagement.publication_id) == col(Publication.id)).scalar_subquery()
        for moment in (col(Engagement.planned), col(Engagement.at))
    ]
    paused = select(col(Reading.channel_id)).where(col(Reading.free_at) > now)
    return (
        select(col(Publication.id), col(Publication.channel_id), col(Publication.published), *newest)
        .where(
            col(Publication.published) > horizon,
            col(Publication.published) <= now,
            col(Publication.removed).is_(None),
            col(Publication.gone).is_(None),
            col(Publication.channel_id).not_in(paused),
        )
        .execution_options(yield_per=AT_ONCE)
    )
