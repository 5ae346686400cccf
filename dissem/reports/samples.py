"""An audit: the figures of a period from every sample of it, publication by publication.

What a publication gained in a period is, count by count, the last known value by its end minus the last known value by
its beginning (0 before the first); `dissem.engagement.rollup` says which moment a sample counts for. The reading at
the beginning of a period was mostly taken within it, and so for most publications the samples of one period are
enough; what was before is asked for only where it is needed.

Rows come from the tables without the ORM, and moments without their zone where the database keeps none: there are
some hundred thousand of them. They are read as a stream, and what is kept of them are sums.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import DateTime, Select, bindparam, select, type_coerce
from sqlmodel import Session, SQLModel

from dissem.channels.adapter import COUNTS
from dissem.engagement.arithmetic import (
    CLOSE,
    INTERACTIONS,
    NOTHING,
    TOLERANCE,
    Values,
    interactions,
    known,
    plus,
    rated,
)
from dissem.reports.rows import Reached, as_kept, plain

CHUNK = 2000  # publications in hand at once

Row = tuple[Any, ...]  # publication, planned, at, then the counts


class About(NamedTuple):
    """What belongs to a publication. *since*: when it became public."""

    channel: int
    release: int
    kind: str
    since: datetime | None


@dataclass
class Looked:
    """Everything that was read for the period until *end*. *fresh*: numbers of the releases published in it."""

    end: datetime
    fresh: Collection[int]
    hours: "_Hours"
    cells: dict[tuple[int, str], tuple[int, Values]] = field(default_factory=dict)
    reached: dict[int, Reached] = field(default_factory=dict)  # by fresh release
    older: dict[int, Values] = field(default_factory=dict)  # gains by other release
    publications: int = 0
    late: int = 0
    fallen: int = 0
    seen: set[int] = field(default_factory=set)  # publications of fresh releases
    closed: set[int] = field(default_factory=set)  # publications read for the very end

    def add(self, number: int, about: About, before: Sequence[Row], inside: Sequence[Row], final: Values) -> None:
        """One publication: samples that count for what was before, those that do for the period, and what was known at
        its end by these."""
        base = last_known(before)
        gained = final if base is NOTHING else tuple(map(_gained, final, base))
        self.publications += 1
        self.late += any(row[2] - row[1] > TOLERANCE for row in inside)
        self.fallen += base is not NOTHING and min(filter(None, gained), default=0) < 0
        readings, total = self.cells.get((about.channel, about.kind), (0, NOTHING))
        self.cells[about.channel, about.kind] = readings + len(inside), plus(total, gained)
        if about.release in self.fresh:
            self.seen.add(number)
            self.reach(about.release, final if base is NOTHING else known(final, base))
        else:
            self.older[about.release] = plus(self.older.get(about.release, NOTHING), gained)
        self.hours.add(before[-1] if before else None, about.since, inside)
        if self.end in [row[1] for row in inside]:
            self.closed.add(number)

    def reach(self, release: int, values: Values) -> None:
        """What one of the posts of a fresh *release* had reached at the end."""
        had, (done, views) = self.reached.get(release, _NOT_YET), rated(values)
        self.reached[release] = Reached(plus(had.values, values), had.rated + done, had.rated_views + views)

    def best(self, most: int) -> dict[int, Values]:
        """Those of the older releases with most interactions, the best first."""

        def order(number: int) -> tuple[int, int, int]:
            gained = self.older[number]
            return (-(interactions(gained) or 0), -(gained[_VIEWS] or 0), number)

        return {number: self.older[number] for number in sorted(self.older, key=order)[:most]}


_NOT_YET = Reached(NOTHING, 0, 0)
_VIEWS = COUNTS.index("views")


def _gained(final: int | None, base: int | None) -> int | None:
    return None if final is None else final - (base or 0)


def look(session: Session, start: datetime, end: datetime, zone: ZoneInfo, fresh: Collection[int]) -> Looked:
    """Read the samples of the period; memory holds those of CHUNK publications. *fresh*: releases published in it."""
    bounds = _Bounds.of(session, start, end)
    looked = Looked(bounds.end, fresh, _Hours(zone))
    stream = groupby(_near(session, start, end), key=itemgetter(0))
    while some := {number: list(taken) for number, taken in islice(stream, CHUNK)}:
        _look(session, bounds, some, looked)
    for release, values in _of_before(session, bounds, looked):
        looked.reach(release, values)
    return looked


def _of_before(session: Session, bounds: "_Bounds", looked: Looked) -> Iterator[tuple[int, Values]]:
    """Of the fresh releases: what was known of each post that had been public before and was not read in the period."""
    posts = {number: release for number, release in _public_before(session, bounds) if number not in looked.seen}
    for number, taken in _taken_before(session, list(posts), bounds.end).items():
        if posts[number] in looked.fresh and (ahead := bounds.parted(taken)[0]):
            yield posts[number], last_known(ahead)


def _look(session: Session, bounds: "_Bounds", some: Mapping[int, list[Row]], looked: Looked) -> None:
    parted = {number: bounds.parted(taken) for number, taken in some.items()}
    parted = {number: (ahead, inside) for number, (ahead, inside) in parted.items() if inside}
    abouts = _about(session, parted)
    final = {number: last_known(inside) for number, (_ahead, inside) in parted.items()}
    unsure = [
        number
        for number, (ahead, _inside) in parted.items()
        if ((since := abouts[number].since) is None or since < bounds.start)
        and (not ahead or _lacks(last_known(ahead), final[number]))
    ]
    earlier = _taken_before(session, unsure, bounds.start)
    for number, (ahead, inside) in parted.items():
        looked.add(number, abouts[number], [*earlier.get(number, ()), *ahead], inside, final[number])


def _lacks(base: Values, final: Values) -> bool:
    return None in base and any(old is None and new is not None for old, new in zip(base, final, strict=True))


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

    def parted(self, taken: list[Row]) -> tuple[list[Row], list[Row]]:
        """Those that count for what was before, and those for the period; without those for the period after."""
        if self.start < taken[0][1] and taken[-1][2] <= self.end:
            return [], taken
        moments = [(row[2] if row[2] - row[1] > TOLERANCE else row[1], row) for row in taken]
        ahead = [row for moment, row in moments if moment <= self.start]
        return ahead, [row for moment, row in moments if self.start < moment <= self.end]


def last_known(rows: Sequence[Row]) -> Values:
    """Count by count, the newest value there is."""
    if not rows:
        return NOTHING
    newest = rows[-1][3:]
    if None not in newest or len(rows) == 1:
        return newest
    columns = list(zip(*rows, strict=True))[3:]
    return tuple([_newest(column) if value is None else value for value, column in zip(newest, columns, strict=True)])


def _newest(column: Sequence[int | None]) -> int | None:
    if column.count(None) == len(column):  # most that are missing are so in every row
        return None
    return next(value for value in reversed(column) if value is not None)


class _Hours:
    """Credits what was gained between two close readings to the local hour in their middle."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.sums = [[0] * 24 for _day in range(7)]  # by local weekday, Monday first, and hour
        self.zone, self.close = zone, 0

    def add(self, before: Row | None, since: datetime | None, inside: Iterable[Row]) -> None:
        at, done = (before[2], _interactions(before)) if before else (since, 0)
        for row in inside:
            now = _interactions(row)
            if at is not None and now is not None and done is not None and row[2] - at <= CLOSE:
                self.close += 1
                if now > done:
                    self._credit(at + (row[2] - at) / 2, now - done)
            at, done = row[2], now

    def _credit(self, moment: datetime, gained: int) -> None:
        local = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(self.zone)
        self.sums[local.weekday()][local.hour] += gained


def _interactions(row: Row) -> int | None:
    """`arithmetic.interactions`, without a slice."""
    said = [value for value in _interacted(row) if value is not None]
    return sum(said) if said else None


_interacted = itemgetter(*(3 + COUNTS.index(name) for name in INTERACTIONS))


# Queries


def _table(name: str) -> Any:
    return SQLModel.metadata.tables[name].c


def _moment(column: Any) -> Any:
    """As the database has it: quicker than as UTC by a third of the whole time."""
    return type_coerce(column, DateTime(timezone=True))


def _samples() -> Select[Any]:
    sample = _table("engagement")
    counts = [sample[name] for name in COUNTS]
    return select(sample.publication_id, _moment(sample.planned), _moment(sample.at), *counts)


def _near(session: Session, start: datetime, end: datetime) -> Iterator[Row]:
    """What was taken in the period, by publication and moment."""
    sample = _table("engagement")
    query = _samples().where(sample.at >= start, sample.at <= end + TOLERANCE)
    query = query.order_by(sample.publication_id, sample.at, sample.planned).execution_options(yield_per=CHUNK)
    for some in session.connection().execute(query).partitions():  # one by one they cost twice as much
        yield from map(tuple, some)  # plain tuples of numbers: the garbage collector leaves them alone


def _taken_before(session: Session, numbers: Sequence[int], moment: datetime) -> dict[int, list[Row]]:
    """All samples of *numbers* taken before *moment*."""
    found: dict[int, list[Row]] = defaultdict(list)
    if numbers:
        for row in session.connection().execute(_earlier(), {"numbers": numbers, "moment": moment}).all():
            found[row[0]].append(tuple(row))
    return found


@cache
def _earlier() -> Select[Any]:
    sample = _table("engagement")
    these = sample.publication_id.in_(bindparam("numbers", expanding=True))
    query = _samples().where(these, _moment(sample.at) < bindparam("moment"))
    return query.order_by(sample.publication_id, sample.at)


def _public_before(session: Session, bounds: _Bounds) -> Iterable[Any]:
    """Number and release of the posts of releases published in the period that were public before it."""
    return plain(session, _publics(), start=bounds.start, end=bounds.end)


@cache
def _publics() -> Select[Any]:
    publication, delivery = _table("publication"), _table("delivery")
    out = _moment(delivery.published)
    fresh = select(delivery.release_id).where(out >= bindparam("start"), out < bindparam("end"))
    other = SQLModel.metadata.tables["delivery"].alias().c
    return select(publication.id, other.release_id).where(
        other.release_id.in_(fresh),
        publication.delivery_id == other.id,
        _moment(publication.published) < bindparam("start"),
    )


def _about(session: Session, numbers: Collection[int]) -> dict[int, About]:
    if not numbers:
        return {}
    moment = as_kept(session)
    return {
        number: About(channel, release, kind, since and moment(since))
        for number, channel, release, kind, since in plain(session, _abouts(), numbers=[*numbers])
    }


@cache
def _abouts() -> Select[Any]:
    publication, delivery, release = _table("publication"), _table("delivery"), _table("release")
    columns = (publication.id, publication.channel_id, release.id, release.kind, publication.published)
    return select(*columns).where(
        publication.id.in_(bindparam("numbers", expanding=True)),
        delivery.id == publication.delivery_id,
        release.id == delivery.release_id,
    )


def unread(session: Session, end: datetime, weeks_for: timedelta, closed: set[int]) -> int:
    """Publications read before, young enough, still there, whose reading at the end did not come in time."""
    publication, sample = _table("publication"), _table("engagement")
    read = select(sample.id).where(sample.publication_id == publication.id, sample.at < end).exists()
    query = select(publication.id).where(
        publication.published < end,
        publication.published > end - weeks_for,
        *(moment.is_(None) | (moment >= end) for moment in (publication.removed, publication.gone)),
        read,
    )
    return sum(number not in closed for number in session.connection().execute(query).scalars())
