"""From whole totals to what was gained, and on which day: the one arithmetic of roll-up and report.

**Which moment a sample counts for.** The reading planned for Monday 00:00 is taken some minutes later and belongs to
the week that has just ended. So a sample counts for the moment it was *planned* for if it was taken within `TOLERANCE`
of it; otherwise it is *late* and counts for the moment it was taken. A day (and a week) takes its own end and leaves
out its beginning, (00:00, 24:00]: Monday 00:00 is Sunday's. Samples of one publication keep their order under this
rule, because a plan is never older than the sample before it (see `collect.planned`).

**What was gained.** A sample gains, count by count, its value minus the last value known before (0 before the first).
A counter that fell gains a negative number, and it is kept; the sample is marked (`Engagement.fell`). A count without a
value gains None, which is not 0, and leaves the last known value where it is.

**Which sums are kept.** By local day, channel and kind; by week and month, channel and kind, with how well they were
read; by release and week or month; by day and hour of the week (`dissem.models.engagement`). They are all a report
needs, whatever the number of samples.

**What stays.** Days whose samples were thrown away are closed (`dissem.engagement.keeping`), and with them the weeks
and months that begin by then: no row of theirs is made again from the samples that are left.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Dialect, bindparam, delete, false, func, or_, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col

from dissem.channels.adapter import COUNTS
from dissem.clock import local_day
from dissem.config import EngagementSection
from dissem.engagement.prepared import Prepared
from dissem.models import Delivery, Engagement, EngagementDay, Publication, Release

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


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


# From one publication's samples to all sums


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
    days: "_Heaps" = field(default_factory=dict)
    read: dict[tuple[str, int, str], list[int]] = field(default_factory=dict)  # by period; READ alone
    awaited: Counter[tuple[date, date, int, str]] = field(default_factory=Counter)  # of which days, but for the last
    releases: "_Heaps" = field(default_factory=dict)  # by day
    hours: "_Heaps" = field(default_factory=dict)

    def first(self, post: Post, sample: Sample) -> None:
        """Add the first sample of *post*: it gained all that it says, and tells at the end of which weeks another one
        is due."""
        day, late, values = day_of(sample.counts_for, self.zone), sample.late, sample.values
        for label in labels(day):
            counted = self.counted(post, label)
            counted[_PUBLICATIONS] += 1
            counted[_LATE] += late
        _more(self.days, (day, post.channel, post.kind), (1, *values))
        _more(self.releases, (post.release, day), (*rated(values), *values))
        if post.published is not None:
            self.within(day, post.published, sample.at, 0, interactions(values))
            since, over = sample.at + datetime.resolution, post.published + self.young
            self.awaited[day_of(since, self.zone), day_of(over, self.zone), post.channel, post.kind] += 1

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
        for (day, channel, kind), heap in self.days.items():
            samples, *gain = summed(heap)
            for label in labels(day):
                _more(periods, (label, channel, kind), (samples, *UNREAD, *gain))
        releases: _Heaps = {}
        for (release, day), heap in self.releases.items():
            for label in labels(day):
                _more(releases, (release, label), summed(heap))
        heaps = zip(TABLES, (self.days, periods, releases, self.hours), strict=True)
        return {table: {key: summed(heap) for key, heap in rows.items()} for table, rows in heaps}


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
        _more(sums.days, (day, self.post.channel, self.post.kind), (1, *gain))
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


# In the database


def add(session: Session, sums: Sums) -> None:
    """Add *sums* to the rows that are kept, each by one atomic statement; several writers may do so at once.

    Belongs in the transaction that stores the samples themselves, or a crash between the two loses or doubles a day.
    """
    _put(session, sums.rows())


def _put(session: Session, tables: Mapping[str, Mapping[Any, Values]]) -> None:
    connection = session.connection()
    for table, rows in tables.items():
        if rows:
            # sorted, so that two writers on PostgreSQL lock the rows in the same order
            _upsert(table, connection.dialect).run(connection, [(*key, *rows[key]) for key in sorted(rows)])


@cache
def _upsert(name: str, dialect: Dialect) -> Prepared:
    table, (keys, columns) = SQLModel.metadata.tables[name], TABLES[name]
    insert: Any = (postgresql if dialect.name == "postgresql" else sqlite).insert(table)
    summed_up = {
        # None only while neither side has a value
        column: func.coalesce(table.c[column] + insert.excluded[column], insert.excluded[column], table.c[column])
        for column in columns
    }
    names = [*keys, *columns]
    opened = {"closed": false()} if "closed" in table.c else {}
    filled = insert.values({**{column: bindparam(column) for column in names}, **opened})
    upsert = filled.on_conflict_do_update(index_elements=list(keys), set_=summed_up)
    return Prepared(upsert, table, names, dialect, shared=("day",))


def rebuild(session: Session, zone: ZoneInfo, *, young: timedelta = YOUNG) -> int:
    """Make every sum that is not closed anew from the samples, as after a restored backup, in another zone, or for a
    database of a dissem that kept fewer; answers how many rows of days.

    Reads the samples as a stream: memory holds the sums only. Collectors wait meanwhile.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"LOCK TABLE engagement, {', '.join(TABLES)} IN EXCLUSIVE MODE"))
    sums = Sums(zone, young)
    for _publication, rows in groupby(session.execute(_everything()), key=lambda row: row[0]):
        course: Course | None = None
        for _number, channel, kind, release, published, planned, at, *values in rows:
            course = course or Course(Post(channel, kind.value, release, published))
            course.take(Sample(planned, at, tuple(values)), sums)
    made = _Open(closed_until(session))
    for table in TABLES:
        session.execute(delete(SQLModel.metadata.tables[table]).where(made.where(table)))
    kept = {table: made.only(table, all_rows) for table, all_rows in sums.rows().items()}
    _put(session, kept)
    return len(kept["engagementday"])


class _Open:
    """The days after *closed*, and the weeks and months that begin after it."""

    def __init__(self, closed: date | None) -> None:
        self.closed = closed or date.min
        self.labels = {len(label): label for label in labels(self.closed)}

    def where(self, table: str) -> Any:
        columns = SQLModel.metadata.tables[table].c
        if "day" in columns:
            return columns.day > self.closed
        period = columns.period
        return or_(*((func.length(period) == size) & (period > label) for size, label in self.labels.items()))

    def only(self, table: str, rows: Mapping[Any, Values]) -> dict[Any, Values]:
        keys = TABLES[table][0]
        if "day" in keys:
            place = keys.index("day")
            return {key: sums for key, sums in rows.items() if key[place] > self.closed}
        place = keys.index("period")
        return {key: sums for key, sums in rows.items() if key[place] > self.labels[len(key[place])]}


def closed_until(session: Session) -> date | None:
    """The last day whose samples are not all there any more, None if all are: figures of such days stand in the
    roll-up alone."""
    found: date | None = session.scalar(select(func.max(col(EngagementDay.day))).where(col(EngagementDay.closed)))
    return found


def rolled_up(session: Session, first: date, last: date) -> dict[tuple[int, str], tuple[int, Values]]:
    """Samples and gains of the local days *first* to *last*, both included, by channel and kind."""
    table = SQLModel.metadata.tables["engagementday"]
    sums = [func.sum(table.c[name]) for name in ("samples", *COUNTS)]
    query = (
        select(table.c.channel_id, table.c.kind, *sums)
        .where(table.c.day >= first, table.c.day <= last)
        .group_by(table.c.channel_id, table.c.kind)
    )
    return {(row[0], row[1]): (int(row[2]), _whole(row[3:])) for row in session.execute(query)}


def _everything() -> Any:
    counts = [col(getattr(Engagement, name)) for name in COUNTS]
    return (
        select(
            col(Engagement.publication_id),
            col(Publication.channel_id),
            col(Release.kind),
            col(Release.id),
            col(Publication.published),
            col(Engagement.planned),
            col(Engagement.at),
            *counts,
        )
        .join(Publication, col(Publication.id) == col(Engagement.publication_id))
        .join(Delivery, col(Delivery.id) == col(Publication.delivery_id))
        .join(Release, col(Release.id) == col(Delivery.release_id))
        .order_by(col(Engagement.publication_id), col(Engagement.at))
        .execution_options(yield_per=1000)
    )


def _whole(sums: Iterable[Any]) -> Values:
    return tuple(None if s is None else int(s) for s in sums)  # a sum may come as Decimal
