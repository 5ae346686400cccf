"""What only the samples tell: gains publication by publication, and how far the readings can be trusted.

What a publication gained in a period is, count by count, the last known value by its end minus the last known value by
its beginning (0 before the first); `dissem.engagement.rollup` says which moment a sample counts for. The reading at
the beginning of a period was mostly taken within it, and so for most publications the samples of one period are
enough; what was before is asked for only where it is needed.

Rows come from the tables without the ORM, and moments without their zone where the database keeps none: there are
some hundred thousand of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter
from sys import intern
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import DateTime, String, func, select, type_coerce
from sqlmodel import Session, SQLModel

from dissem.channels.adapter import COUNTS
from dissem.engagement.rollup import NOTHING, TOLERANCE, Values
from dissem.reports.figures import INTERACTIONS

CLOSE = timedelta(hours=3)  # readings at most this far apart say in which hour something was gained
ENOUGH = 100  # of them, below which hours say nothing
CHUNK = 500  # numbers in one query

Hours = list[list[int]]  # interactions by local weekday, Monday first, and hour
Row = Sequence[Any]  # publication, planned, at, then the counts


class About(NamedTuple):
    """What belongs to a publication. *since*: when it became public; *published*: when its delivery was, whole."""

    channel: int
    release: int
    kind: str
    since: datetime | None
    published: datetime | None


class Read(NamedTuple):
    """A publication with at least one sample that counts for the period. *reached*: the last known totals of those,
    if its delivery was published in the period."""

    publication: int
    about: About
    readings: int
    late: bool
    gained: Values
    reached: Values

    @property
    def fallen(self) -> bool:
        return any(value is not None and value < 0 for value in self.gained)


@dataclass(frozen=True)
class Looked:
    """Everything that was read for the period. *close*: readings that said in which hour; *closed*: publications read
    for the very end."""

    reads: list[Read]
    hours: Hours
    close: int
    closed: set[int]


def look(session: Session, start: datetime, end: datetime, zone: ZoneInfo) -> Looked:
    """Read the samples of the period as a stream; memory holds those of CHUNK publications, and a row for each."""
    bounds, hours = _Bounds.of(session, start, end), _Hours(zone)
    looked = Looked([], hours.hours, 0, set())
    stream = groupby(_near(session, start, end), key=itemgetter(0))
    while some := {number: list(taken) for number, taken in islice(stream, CHUNK)}:
        looking = _Looking(bounds, hours)
        for number, taken in some.items():
            looking.see(number, taken)
        looking.before = _before(session, looking.unsure, start)
        abouts = _about(session, list(looking.inside))
        looked.reads.extend(looking.read(number, abouts[number]) for number in looking.inside if number in abouts)
        looked.closed.update(looking.closed)
    return replace(looked, close=hours.close)


@dataclass(frozen=True)
class _Bounds:
    """The period as the database writes moments: SQLite without a zone, in UTC."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, session: Session, start: datetime, end: datetime) -> "_Bounds":
        if session.get_bind().dialect.name == "sqlite":
            return cls(start.replace(tzinfo=None), end.replace(tzinfo=None))
        return cls(start, end)

    def holds(self, row: Row) -> bool:
        """Whether the sample counts for the period."""
        planned, at = row[1], row[2]
        return bool(self.start < (at if at - planned > TOLERANCE else planned) <= self.end)


@dataclass
class _Looking:
    """The samples of the period by publication: those that count for it, and what was known when it began."""

    bounds: _Bounds
    hours: "_Hours"
    inside: dict[int, list[Row]] = field(default_factory=dict)
    ahead: dict[int, list[Row]] = field(default_factory=dict)  # taken in the period, but for its beginning
    before: Mapping[int, list[Row]] = field(default_factory=dict)
    unsure: list[int] = field(default_factory=list)  # of which older samples have to be looked at
    closed: set[int] = field(default_factory=set)

    def see(self, number: int, taken: list[Row]) -> None:
        start, end = self.bounds.start, self.bounds.end
        inside = [row for row in taken if (start < row[1] and row[2] <= end) or self.bounds.holds(row)]
        if not inside:
            return
        ahead = taken[: taken.index(inside[0])]
        self.inside[number], self.ahead[number] = inside, ahead
        if not ahead or _lacks(last_known(ahead), last_known(inside)):
            self.unsure.append(number)
        if end in [row[1] for row in inside]:
            self.closed.add(number)

    def read(self, number: int, about: About) -> Read:
        inside = self.inside[number]
        known = [*self.before.get(number, ()), *self.ahead[number]]
        base, final = last_known(known), last_known(inside)
        gained = tuple(
            [
                None if new is None else new - (old or 0) for new, old in zip(final, base, strict=True)
            ]  # a list is faster
        )
        late = any(row[2] - row[1] > TOLERANCE for row in inside)
        self.hours.add(known[-1] if known else None, about.since, inside)
        fresh = about.published is not None and about.published >= self.bounds.start
        return Read(number, about, len(inside), late, gained, final if fresh else NOTHING)


def _lacks(base: Values, final: Values) -> bool:
    return None in base and any(old is None and new is not None for old, new in zip(base, final, strict=True))


def last_known(rows: Sequence[Row]) -> Values:
    """Count by count, the newest value there is."""
    if not rows:
        return NOTHING
    known = rows[-1][3:]
    missing = [place for place, value in enumerate(known, start=3) if value is None]
    if missing and len(rows) > 1:
        filled = {place: value for place in missing if (value := _newest(rows, place)) is not None}
        if filled:
            known = [filled.get(place, value) for place, value in enumerate(known, start=3)]
    return tuple(known)


def _newest(rows: Sequence[Row], place: int) -> int | None:
    for row in reversed(rows):
        if row[place] is not None:
            return int(row[place])
    return None


class _Hours:
    """Credits what was gained between two close readings to the local hour in their middle."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.hours: Hours = [[0] * 24 for _day in range(7)]
        self.zone, self.close = zone, 0

    def add(self, before: Row | None, since: datetime | None, inside: Iterable[Row]) -> None:
        at = before[2] if before else since
        done = _interactions(before) if before else 0
        for row in inside:
            now = _interactions(row)
            if now is not None and done is not None and at is not None and row[2] - at <= CLOSE:
                self.close += 1
                if now > done:
                    self._credit(at + (row[2] - at) / 2, now - done)
            at, done = row[2], now

    def _credit(self, moment: datetime, gained: int) -> None:
        local = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(self.zone)
        self.hours[local.weekday()][local.hour] += gained


def _interactions(row: Row) -> int | None:
    """`figures.interactions`, without a slice: asked for every sample."""
    known = [value for value in _interacted(row) if value is not None]
    return sum(known) if known else None


_interacted = itemgetter(*(3 + COUNTS.index(name) for name in INTERACTIONS))


# Queries


def _table(name: str) -> Any:
    return SQLModel.metadata.tables[name].c


def _moment(column: Any) -> Any:
    """As the database has it: quicker than as UTC by a third of the whole time."""
    return type_coerce(column, DateTime(timezone=True))


def _samples() -> Any:
    sample = _table("engagement")
    counts = [sample[name] for name in COUNTS]
    return select(sample.publication_id, _moment(sample.planned), _moment(sample.at), *counts)


def _near(session: Session, start: datetime, end: datetime) -> Iterator[Row]:
    """What was taken in the period, by publication and moment."""
    sample = _table("engagement")
    query = _samples().where(sample.at >= start, sample.at <= end + TOLERANCE)
    query = query.order_by(sample.publication_id, sample.at, sample.planned)
    # plain tuples of numbers: the garbage collector leaves them alone
    return map(tuple, session.execute(query.execution_options(yield_per=CHUNK)))


def _before(session: Session, numbers: Sequence[int], start: datetime) -> dict[int, list[Row]]:
    """All samples of *numbers* taken before the beginning."""
    sample = _table("engagement")
    found: dict[int, list[Row]] = defaultdict(list)
    for some in _chunks(numbers):
        query = _samples().where(sample.publication_id.in_(some), sample.at < start)
        for row in session.execute(query.order_by(sample.publication_id, sample.at)):
            found[row[0]].append(row)
    return found


def _about(session: Session, numbers: Sequence[int]) -> dict[int, About]:
    publication, delivery, release = _table("publication"), _table("delivery"), _table("release")
    found = {}
    for some in _chunks(numbers):
        query = select(
            publication.id,
            publication.channel_id,
            release.id,
            type_coerce(release.kind, String),
            _moment(publication.published),
            _moment(delivery.published),
        ).where(publication.id.in_(some), delivery.id == publication.delivery_id, release.id == delivery.release_id)
        for number, channel, of, kind, since, published in session.execute(query):
            found[number] = About(channel, of, intern(kind), since, published)
    return found


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[first : first + CHUNK] for first in range(0, len(numbers), CHUNK))


def unread(session: Session, end: datetime, weeks_for: timedelta, closed: set[int]) -> int:
    """Publications read before, young enough, still there, whose reading at the end did not come in time.

    What they gained since their last reading counts for the period it is read in.
    """
    publication, sample = _table("publication"), _table("engagement")
    query = select(publication.id).where(
        publication.published < end,
        publication.published > end - weeks_for,
        *(moment.is_(None) | (moment >= end) for moment in (publication.removed, publication.gone)),
    )
    missing = [number for number in session.scalars(query) if number not in closed]
    before = select(func.count(sample.publication_id.distinct())).where(sample.at < end)
    return sum(session.scalar(before.where(sample.publication_id.in_(some))) or 0 for some in _chunks(missing))


# Sums


def cells(reads: Iterable[Read]) -> dict[tuple[int, str], tuple[int, Values]]:
    """Readings and gains by channel and kind, as `dissem.engagement.rollup.rolled_up` answers them."""
    found: dict[tuple[int, str], tuple[int, list[int | None]]] = {}
    for read in reads:
        key = (read.about.channel, read.about.kind)
        readings, total = found.get(key, (0, list(NOTHING)))
        total = [b if a is None else a if b is None else a + b for a, b in zip(total, read.gained, strict=True)]
        found[key] = (readings + read.readings, total)
    return {key: (readings, tuple(total)) for key, (readings, total) in found.items()}


def by_release(reads: Iterable[Read]) -> Mapping[int, list[Values]]:
    """What each part of a release gained."""
    found: dict[int, list[Values]] = {}
    for read in reads:
        found.setdefault(read.about.release, []).append(read.gained)
    return found
