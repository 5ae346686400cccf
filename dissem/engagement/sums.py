"""From the samples of each publication to all sums that are kept, in memory.

**Which sums are kept.** By local day, channel and kind; by week and month, channel and kind, with how well they were
read; by release and week or month; by day and hour of the week (`dissem.models.engagement`). They are all a report
needs, whatever the number of samples.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from dissem.channels.adapter import COUNTS
from dissem.clock import local_day
from dissem.engagement.arithmetic import (
    CLOSE,
    NOTHING,
    Sample,
    Values,
    day_of,
    gained,
    interactions,
    known,
    labels,
    rated,
    summed,
)


class Post(NamedTuple):
    """What a publication's samples are added up under. *published*: when it became public."""

    channel: int
    kind: str
    release: int
    published: datetime | None


@dataclass
class Sums:
    """What samples add to the sums, in memory: by key, in the order of the columns in `TABLES`.

    *young*: how long a post is read at the end of each week.
    """

    zone: ZoneInfo
    young: timedelta
    days: "_Heaps" = field(default_factory=dict)  # with samples, publications and late, as of first samples
    read: dict[tuple[str, int, str], list[int]] = field(default_factory=dict)  # by period, of later ones; READ alone
    awaited: Counter[tuple[date, date, int, str]] = field(default_factory=Counter)  # of which days, but for the last
    releases: "_Heaps" = field(default_factory=dict)  # by day
    hours: "_Heaps" = field(default_factory=dict)

    def first(self, post: Post, sample: Sample) -> None:
        """Add the first sample of *post*: it gained all that it says, and tells at the end of which weeks another one
        is due."""
        channel, kind, release, published = post
        _planned, at, values = sample
        late = sample.late
        day = day_of(at if late else sample.planned, self.zone)
        _more(self.days, (day, channel, kind), (1, 1, int(late), *values))
        _more(self.releases, (release, day), (*rated(values), *values))
        if published is not None:
            if at - published <= CLOSE:
                self.within(day, published, at, 0, interactions(values))
            since, over = _day(at, self.zone), day_of(published + self.young, self.zone)
            self.awaited[since, over, channel, kind] += 1

    def within(self, day: date, since: datetime, at: datetime, before: int | None, now: int | None) -> None:
        """What was gained since the reading before, or since the post became public, if that was not long ago."""
        if at - since > CLOSE or before is None or now is None:
            return
        local = (since + (at - since) / 2).astimezone(self.zone)
        _more(self.hours, (day, 24 * local.weekday() + local.hour), (max(now - before, 0), 1))

    def counted(self, post: Post, label: str) -> list[int]:
        """How well the week or month *label* of posts like *post* was read, to be added to: READ."""
        key = (label, post.channel, post.kind)
        found = self.read.get(key)
        if found is None:
            found = self.read[key] = [0] * len(READ)
        return found

    def rows(self) -> dict[str, dict[Any, Values]]:
        """By table and key."""
        periods: _Heaps = {key: [(0, *counted, *NOTHING)] for key, counted in self.read.items()}
        for (since, over, channel, kind), posts in self.awaited.items():
            for label in _weeks_between(since, over):
                _more(periods, (label, channel, kind), (0, *UNREAD[:_DUE], posts, *UNREAD[_DUE + 1 :], *NOTHING))
        days: _Heaps = {}
        for (day, channel, kind), heap in self.days.items():
            samples, began, late, *gain = _total(heap)
            days[day, channel, kind] = [(samples, *gain)]
            for label in labels(day):
                _more(periods, (label, channel, kind), (samples, began, late, *UNREAD[_FALLEN:], *gain))
        releases: _Heaps = {}
        for (release, day), heap in self.releases.items():
            gained_there = _total(heap)
            for label in labels(day):
                _more(releases, (release, label), gained_there)
        heaps = zip(TABLES, (days, periods, releases, self.hours), strict=True)
        return {table: {key: _total(heap) for key, heap in rows.items()} for table, rows in heaps}


READ = ("publications", "late", "fallen", "due", "ended")  # see EngagementPeriod
UNREAD: Values = (0,) * len(READ)
_PUBLICATIONS, _LATE, _FALLEN, _DUE, _ENDED = range(len(READ))
TABLES = {
    "engagementday": (("day", "channel_id", "kind"), ("samples", *COUNTS)),
    "engagementperiod": (("period", "channel_id", "kind"), ("samples", *READ, *COUNTS)),
    "releaseperiod": (("release_id", "period"), ("rated", "rated_views", *COUNTS)),
    "engagementhour": (("day", "hour"), ("interactions", "readings")),
}  # keys and sums


_Heaps = dict[Any, list[Values]]  # by key, what is to be summed: all at once costs a tenth of one by one
HIGH = 200  # a heap is summed up when it has grown so high, so that memory holds the sums


def _more(heaps: _Heaps, key: Any, more: Values) -> None:
    heap = heaps.get(key)
    if heap is None:
        heaps[key] = [more]
        return
    heap.append(more)
    if len(heap) >= HIGH:
        heap[:] = [summed(heap)]


def _total(heap: list[Values]) -> Values:
    return heap[0] if len(heap) == 1 else summed(heap)


@dataclass
class _Run:
    """A publication's samples of one week or month."""

    label: str
    base: Values  # known when it began
    late: bool = False
    fallen: bool = False


class Course:
    """One publication, sample by sample in the order they were taken."""

    def __init__(self, post: Post) -> None:
        self.post, self.known = post, NOTHING
        self.first: datetime | None = None  # when it was read first
        self.last: Sample | None = None
        self.runs: list[_Run] = []  # the week, the month

    def take(self, sample: Sample, sums: Sums, *, anew: bool = True) -> Values:
        """What *sample* gained; not *anew*: it was added to the sums before."""
        if self.last is None:
            return self._begin(sample, sums, anew)
        before, last, gain = self.known, self.last, gained(sample.values, self.known)
        self.known, self.last = known(sample.values, before), sample
        day = day_of(sample.counts_for, sums.zone)
        for place, label in enumerate(labels(day)):
            self._read(place, label, sample, before, sums if anew else None)
        if anew:
            self._add(day, sample, before, gain, sums)
            sums.within(day, last.at, sample.at, interactions(last.values), interactions(sample.values))
        return gain

    def _begin(self, sample: Sample, sums: Sums, anew: bool) -> Values:
        self.known, self.first, self.last = sample.values, sample.at, sample
        days = labels(day_of(sample.counts_for, sums.zone))
        self.runs = [_Run(label, NOTHING, sample.late) for label in days]
        if anew:
            sums.first(self.post, sample)
        return sample.values

    def _read(self, place: int, label: str, sample: Sample, before: Values, sums: Sums | None) -> None:
        run = self.runs[place]
        new = run.label != label
        if new:
            run = self.runs[place] = _Run(label, before)
        late = run.late or sample.late
        fallen = run.base is not NOTHING and _below(self.known, run.base)
        if sums:
            counted = sums.counted(self.post, label)
            counted[_PUBLICATIONS] += new
            counted[_LATE] += late - run.late
            counted[_FALLEN] += fallen - run.fallen
        run.late, run.fallen = late, fallen

    def _add(self, day: date, sample: Sample, before: Values, gain: Values, sums: Sums) -> None:
        _more(sums.days, (day, self.post.channel, self.post.kind), (1, 0, 0, *gain))
        (done, seen), (done_before, seen_before) = rated(self.known), rated(before)
        _more(sums.releases, (self.post.release, day), (done - done_before, seen - seen_before, *gain))
        published = self.post.published
        if published is not None and sample.planned < published + sums.young and not sample.late:
            self._add_end(sample, sums)

    def _add_end(self, sample: Sample, sums: Sums) -> None:
        """Whether this is the reading at the end of a week that was due."""
        label, end = _week_of(day_of(sample.planned, sums.zone), sums.zone)
        if sample.planned == end and self.first is not None and self.first < end:
            sums.counted(self.post, label)[_ENDED] += 1


def _below(values: Values, base: Values) -> bool:
    return any(v is not None and b is not None and v < b for v, b in zip(values, base, strict=True))


@lru_cache(maxsize=256)
def _weeks_between(first: date, over: date) -> tuple[str, ...]:
    """The week of *first* and those after, without that of *over*."""
    monday, last = (day - timedelta(days=day.weekday()) for day in (first, over))
    return tuple(labels(monday + timedelta(days=7 * week))[0] for week in range((last - monday).days // 7))


@lru_cache(maxsize=256)
def _week_of(day: date, zone: ZoneInfo) -> tuple[str, datetime]:
    """The week of *day*, and when it ends."""
    return labels(day)[0], _midnight(day + timedelta(days=7 - day.weekday()), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


_day = lru_cache(maxsize=256)(local_day)  # all samples of one call are taken at one moment
