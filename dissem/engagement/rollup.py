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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Executable, delete, func, or_, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col

from dissem.channels.adapter import COUNTS
from dissem.clock import local_day
from dissem.config import EngagementSection
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


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The local day that takes *instant*; a midnight is the end of the day before."""
    return local_day(instant - datetime.resolution, zone)


def gained(values: Values, before: Values) -> Values:
    """What *values* have more than the last known ones *before*, None where they say nothing."""
    if before is NOTHING:  # most posts are read for the first time
        return values
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
    days: dict[tuple[date, int, str], Values] = field(default_factory=dict)
    read: dict[tuple[str, int, str], list[int]] = field(default_factory=dict)  # by period; READ alone
    releases: dict[tuple[int, date], Values] = field(default_factory=dict)  # by day
    hours: dict[tuple[date, int], Values] = field(default_factory=dict)

    def counted(self, post: Post, label: str) -> list[int]:
        """How well the week or month *label* of posts like *post* was read, to be added to: READ."""
        key = (label, post.channel, post.kind)
        found = self.read.get(key)
        if found is None:
            found = self.read[key] = [0] * len(READ)
        return found

    def rows(self) -> dict[str, dict[Any, Values]]:
        """By table and key."""
        periods: dict[Any, Values] = {key: (0, *counted, *NOTHING) for key, counted in self.read.items()}
        for (day, channel, kind), (samples, *gain) in self.days.items():
            for label in labels(day):
                _more(periods, (label, channel, kind), (samples, *UNREAD, *gain))
        releases: dict[tuple[int, str], Values] = {}
        for (release, day), more in self.releases.items():
            for label in labels(day):
                _more(releases, (release, label), more)
        return dict(zip(TABLES, (self.days, periods, releases, self.hours), strict=True))


READ = ("publications", "late", "fallen", "due", "ended")  # see EngagementPeriod
UNREAD: Values = (0,) * len(READ)
_DUE, _ENDED = READ.index("due"), READ.index("ended")
TABLES = {
    "engagementday": (("day", "channel_id", "kind"), ("samples", *COUNTS)),
    "engagementperiod": (("period", "channel_id", "kind"), ("samples", *READ, *COUNTS)),
    "releaseperiod": (("release_id", "period"), ("rated", "rated_views", *COUNTS)),
    "engagementhour": (("day", "hour"), ("interactions", "readings")),
}  # keys and sums


def _more(rows: dict[Any, Values], key: Any, more: Values) -> None:
    had = rows.get(key)
    rows[key] = more if had is None else plus(had, more)


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
        self.runs: list[_Run | None] = [None, None]  # the week, the month

    def take(self, sample: Sample, sums: Sums, *, anew: bool = True) -> Values:
        """What *sample* gained; not *anew*: it was added to the sums before."""
        before, gain = self.known, gained(sample.values, self.known)
        self.known = sample.values if self.last is None else known(sample.values, before)
        day = day_of(sample.counts_for, sums.zone)
        for place, label in enumerate(labels(day)):
            self._read(place, label, sample, before, sums if anew else None)
        if anew:
            self._add(day, sample, before, gain, sums)
        self.first, self.last = self.first or sample.at, sample
        return gain

    def _read(self, place: int, label: str, sample: Sample, before: Values, sums: Sums | None) -> None:
        run = self.runs[place]
        new = run is None or run.label != label
        if run is None or new:
            run = self.runs[place] = _Run(label, before)
        late = run.late or sample.late
        fallen = run.base is not NOTHING and _below(self.known, run.base)
        if sums:
            counted = sums.counted(self.post, label)
            counted[0] += new
            counted[1] += late - run.late
            counted[2] += fallen - run.fallen
        run.late, run.fallen = late, fallen

    def _add(self, day: date, sample: Sample, before: Values, gain: Values, sums: Sums) -> None:
        _more(sums.days, (day, self.post.channel, self.post.kind), (1, *gain))
        done, seen = rated(self.known)
        if self.last is not None:
            done_before, seen_before = rated(before)
            done, seen = done - done_before, seen - seen_before
        _more(sums.releases, (self.post.release, day), (done, seen, *gain))
        self._add_hour(day, sample, sums)
        self._add_ends(sample, sums)

    def _add_hour(self, day: date, sample: Sample, sums: Sums) -> None:
        """What was gained since the reading before, or since it became public, if that was not long ago."""
        since = self.last.at if self.last else self.post.published
        if since is None or sample.at - since > CLOSE:
            return
        done, now = (interactions(self.last.values) if self.last else 0), interactions(sample.values)
        if done is None or now is None:
            return
        local = (since + (sample.at - since) / 2).astimezone(sums.zone)
        _more(sums.hours, (day, 24 * local.weekday() + local.hour), (max(now - done, 0), 1))

    def _add_ends(self, sample: Sample, sums: Sums) -> None:
        """The first sample: at the end of which weeks another one is due. Later ones: whether that was taken."""
        if self.post.published is None:
            return
        too_old = self.post.published + sums.young
        if self.last is None:
            first, over = sample.at + datetime.resolution, day_of(too_old, sums.zone)
            for label in _weeks_between(day_of(first, sums.zone), over):
                sums.counted(self.post, label)[_DUE] += 1
        elif sample.planned < too_old and not sample.late:
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
    dialect = session.get_bind().dialect.name
    for table, rows in tables.items():
        if rows:
            names = [name for part in TABLES[table] for name in part]
            # sorted, so that two writers on PostgreSQL lock the rows in the same order
            made = [dict(zip(names, (*key, *rows[key]), strict=True)) for key in sorted(rows)]
            session.connection().execute(_upsert(table, dialect), made)


@cache
def _upsert(name: str, dialect: str) -> Executable:
    table, (keys, columns) = SQLModel.metadata.tables[name], TABLES[name]
    insert: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    summed = {
        # None only while neither side has a value
        column: func.coalesce(table.c[column] + insert.excluded[column], insert.excluded[column], table.c[column])
        for column in columns
    }
    upsert: Executable = insert.on_conflict_do_update(index_elements=list(keys), set_=summed)
    return upsert


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
