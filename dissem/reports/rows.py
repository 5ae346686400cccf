"""What the report reads from the tables, but for the samples: plain rows, a few queries each over an index.

A report is some twenty queries, and to put one together costs more than most of them take: so each is made once, of
the tables themselves, and asked with the bounds of the period.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import CompoundSelect, Select, bindparam, case, func, literal, or_, select, text, union_all
from sqlmodel import Session, SQLModel

from dissem.channels.adapter import COUNTS
from dissem.engagement.arithmetic import INTERACTIONS, Values
from dissem.engagement.sums import READ
from dissem.models import ChannelState, State
from dissem.reports.figures import Doubts, Link, Trouble

FAILURES = (State.REFUSED, State.MISSED)
OPEN = (State.HELD, State.UNKNOWN)


class Place(NamedTuple):
    """A channel, without its settings and secrets."""

    id: int
    name: str
    platform: str
    agency: str
    paused: bool
    created: datetime


class About(NamedTuple):
    """What is told of a release."""

    title: str
    kind: str
    agency: str


class Read(NamedTuple):
    """How well a period was read; see `dissem.models.EngagementPeriod`."""

    publications: int
    late: int
    fallen: int
    due: int = 0
    ended: int = 0


class Reached(NamedTuple):
    """Counts of a release's posts together, and interactions and views of those that gave both."""

    values: Values
    rated: int
    rated_views: int


Sent = tuple[int, int, int, float]  # delivery, channel, release, seconds from due to published
# By channel and kind: readings, interactions and views if there are both, then the gains.
Cells = Mapping[tuple[int, str], Values]


def _table(name: str) -> Any:
    return SQLModel.metadata.tables[name].c


def _rows(session: Session, query: Select[Any], **said: Any) -> Sequence[Any]:
    return session.connection().execute(query, said).all()  # one by one they cost twice as much


def plain(session: Session, query: Any, **said: Any) -> list[tuple[Any, ...]]:
    """The rows as the driver gives them, for the thousands: moments as the database keeps them (`as_kept`), words for
    states."""
    answer: Any = session.connection().execute(query, said)
    found: list[tuple[Any, ...]] = answer.cursor.fetchall()
    return found


def as_kept(session: Session) -> Callable[[Any], datetime]:
    """Makes a moment of what `plain` gives: PostgreSQL has moments, SQLite texts without a zone, which is UTC."""
    return datetime.fromisoformat if session.get_bind().dialect.name == "sqlite" else _itself


def _itself(moment: datetime) -> datetime:
    return moment


def _between(moment: Any, number: int | str = "") -> Any:
    """In the period, or in that of this number."""
    return (moment >= bindparam(f"start{number}")) & (moment < bindparam(f"end{number}"))


def _on(channel: Any, agency: str | None) -> tuple[Any, ...]:
    """What is on the channels of *agency*; None: on all."""
    own = _table("channel")
    return () if agency is None else (channel.in_(select(own.id).where(own.agency == agency)),)


def _by(release: Any, agency: str | None) -> tuple[Any, ...]:
    """What is a release of *agency*; None: all."""
    own = _table("release")
    return () if agency is None else (release.in_(select(own.id).where(own.agency == agency)),)


def _concerns(agency: str | None) -> tuple[Any, ...]:
    """Deliveries of its releases, and those on its channels."""
    delivery = _table("delivery")
    either = (*_on(delivery.channel_id, agency), *_by(delivery.release_id, agency))
    return (or_(*either),) if either else ()


def places(session: Session) -> dict[int, Place]:
    """By number; in the order of agency and name."""
    found = [Place(*row) for row in _rows(session, _places())]
    # sorted here: databases differ in how they order letters
    return {place.id: place for place in sorted(found, key=lambda place: (place.agency, place.name))}


@cache
def _places() -> Select[Any]:
    channel = _table("channel")
    paused = channel.state == ChannelState.PAUSED
    return select(channel.id, channel.name, channel.platform, channel.agency, paused, channel.created)


def agencies(session: Session) -> list[tuple[str, str]]:
    """Code and name, by code."""
    return sorted((code, name) for code, name in plain(session, _agencies()))


@cache
def _agencies() -> Select[Any]:
    agency = _table("agency")
    return select(agency.code, agency.name)


def sent(session: Session, start: datetime, end: datetime) -> list[Sent]:
    """What was published in the period, in no order."""
    moment = as_kept(session)
    return [
        (number, channel, release, (moment(published) - moment(due)).total_seconds())
        for number, channel, release, due, published in plain(session, _sent(), start=start, end=end)
    ]


@cache
def _sent() -> Select[Any]:
    delivery = _table("delivery")
    columns = [delivery[name] for name in ("id", "channel_id", "release_id", "due", "published")]
    return select(*columns).where(_between(delivery.published))


def first_published(session: Session, agency: str | None = None) -> datetime | None:
    """When anything was published for the first time."""
    found: datetime | None = _rows(session, _first_published(agency))[0][0]
    return found


@cache
def _first_published(agency: str | None) -> Select[Any]:
    delivery = _table("delivery")
    return select(func.min(delivery.published)).where(
        delivery.published.is_not(None), *_on(delivery.channel_id, agency)
    )


def about(session: Session, start: datetime, end: datetime) -> dict[int, About]:
    """Of the releases published in the period."""
    return _told(plain(session, _about(), start=start, end=end))


@cache
def _about() -> Select[Any]:
    return _titles().where(_table("release").id.in_(_fresh()))


def _titles() -> Select[Any]:
    release = _table("release")
    return select(release.id, release.title, release.kind, release.agency)


def _fresh() -> Select[Any]:
    """Numbers of the releases published in the period."""
    delivery = _table("delivery")
    return select(delivery.release_id).where(_between(delivery.published))


def titles(session: Session, numbers: Sequence[int]) -> dict[int, About]:
    """Of the few releases *numbers*."""
    return _told(plain(session, _named(), numbers=numbers))


@cache
def _named() -> Select[Any]:
    return _titles().where(_table("release").id.in_(bindparam("numbers", expanding=True)))


def _told(rows: Iterable[Any]) -> dict[int, About]:
    return {number: About(title, kind, agency) for number, title, kind, agency in rows}


class Count(NamedTuple):
    """What went out in one period, and what failed."""

    releases: int
    published: int
    failures: int


def counted(session: Session, spans: Sequence[tuple[datetime, datetime]], agency: str | None = None) -> list[Count]:
    """Of each period from its start to its end; what failed of *agency* is whatever concerns it."""
    if not spans:
        return []
    starts = {f"start{number}": start for number, (start, _end) in enumerate(spans)}
    ends = {f"end{number}": end for number, (_start, end) in enumerate(spans)}
    found = plain(session, _counted(len(spans), agency), **starts, **ends)
    return [Count(*counts) for _number, *counts in sorted(found)]


@cache
def _counted(spans: int, agency: str | None) -> CompoundSelect[Any]:
    return union_all(*(_counted_in(number, agency) for number in range(spans)))


def _counted_in(number: int, agency: str | None) -> Select[Any]:
    delivery = _table("delivery")
    failed = select(func.count()).where(_failed(number), *_concerns(agency)).scalar_subquery()
    return select(literal(number), func.count(delivery.release_id.distinct()), func.count(), failed).where(
        _between(delivery.published, number), *_on(delivery.channel_id, agency)
    )


def _failed(number: int | str = "") -> Any:
    delivery = _table("delivery")
    return delivery.state.in_(FAILURES) & _between(delivery.since, number)


def cancelled(session: Session, start: datetime, end: datetime, agency: str | None = None) -> int:
    return int(plain(session, _cancelled(agency), start=start, end=end)[0][0])


@cache
def _cancelled(agency: str | None) -> Select[Any]:
    delivery = _table("delivery")
    inside = (delivery.state == State.CANCELLED) & _between(delivery.since)
    return select(func.count()).where(inside, *_concerns(agency))


# What was gained


class Gained(NamedTuple):
    """What one period gained. *both*: interactions and views of what gave both."""

    views: int | None
    interactions: int | None
    both: tuple[int, int]


def cells(session: Session, period: str, agency: str | None = None) -> tuple[Cells, Read]:
    """By the roll-up."""
    found = plain(session, _cells(agency), period=period)
    read = Read(*map(sum, zip(*(row[-len(READ) :] for row in found), strict=True))) if found else Read(0, 0, 0)
    return {row[:2]: row[2 : -len(READ)] for row in found if row[2]}, read  # without those that are only awaited


@cache
def _cells(agency: str | None) -> Select[Any]:
    table = _table("engagementperiod")
    _done, *rated = _interactions(table)
    named = [table[name] for name in ("channel_id", "kind", "samples")]
    both = [func.coalesce(value, 0) for value in rated]
    return select(*named, *both, *(table[name] for name in (*COUNTS, *READ))).where(
        table.period == bindparam("period"), *_on(table.channel_id, agency)
    )


def _interactions(table: Any) -> tuple[Any, Any, Any]:
    """Those of a row as far as they are known; interactions, and views, if there are both."""
    parts = [table[name] for name in INTERACTIONS]
    known = func.coalesce(*parts).is_not(None)
    done = case((known, sum((func.coalesce(part, 0) for part in parts), literal(0))))
    return done, case((table.views.is_not(None), done)), case((known, table.views))


def gained(session: Session, periods: Sequence[str], agency: str | None = None) -> dict[str, Gained]:
    """By the roll-up, for those of *periods* in which anything was read: summed in the database, as there are many
    rows and only four sums."""
    return {
        period: Gained(_whole(views), _whole(done), (int(pair[0] or 0), int(pair[1] or 0)))
        for period, views, done, *pair in plain(session, _gained(agency), periods=list(periods))
    }


@cache
def _gained(agency: str | None) -> Select[Any]:
    table = _table("engagementperiod")
    these = table.period.in_(bindparam("periods", expanding=True))
    sums = [func.sum(value) for value in (table.views, *_interactions(table))]
    read = select(table.period, *sums).where(these, table.samples > 0, *_on(table.channel_id, agency))
    return read.group_by(table.period)


def _whole(total: Any) -> int | None:
    return None if total is None else int(total)  # a sum may come as Decimal


def hours(session: Session, first: date, last: date) -> tuple[list[list[int]], int]:
    """Interactions by local weekday and hour, and how many readings said so, of the local days *first* to *last*."""
    found, readings = [[0] * 24 for _day in range(7)], 0
    for hour, done, close in plain(session, _hours(), first=first, last=last):
        found[hour // 24][hour % 24] = int(done)
        readings += int(close)
    return found, readings


@cache
def _hours() -> Select[Any]:
    table = _table("engagementhour")
    sums = select(table.hour, func.sum(table.interactions), func.sum(table.readings))
    return sums.where(table.day >= bindparam("first"), table.day <= bindparam("last")).group_by(table.hour)


# The releases and their posts


def reached(session: Session, period: str, start: datetime, end: datetime) -> dict[int, Reached]:
    """What all posts of the releases published in the period had reached at its end, by the roll-up."""
    return {
        number: Reached(tuple(map(_whole, values)), int(rated), int(views))
        for number, rated, views, *values in plain(session, _reached(len(period)), period=period, start=start, end=end)
    }


@cache
def _reached(length: int) -> Select[Any]:
    """*length* of the labels tells weeks from months."""
    table = _table("releaseperiod")
    sums = [func.sum(table[name]) for name in ("rated", "rated_views", *COUNTS)]
    by_then = (table.period <= bindparam("period")) & (func.length(table.period) == length)
    return select(table.release_id, *sums).where(table.release_id.in_(_fresh()), by_then).group_by(table.release_id)


def older(
    session: Session, period: str, start: datetime, end: datetime, most: int, agency: str | None = None
) -> dict[int, Values]:
    """Gains of releases of which nothing was published in the period, those with most interactions first."""
    rows = plain(session, _older(agency), period=period, start=start, end=end, most=most)
    return {number: tuple(values) for number, *values in rows}


@cache
def _older(agency: str | None) -> Select[Any]:
    table = _table("releaseperiod")
    done = sum((func.coalesce(table[name], 0) for name in INTERACTIONS), literal(0))
    return (
        select(table.release_id, *(table[name] for name in COUNTS))
        .where(table.period == bindparam("period"), table.release_id.not_in(_fresh()), *_by(table.release_id, agency))
        .order_by(done.desc(), func.coalesce(table.views, 0).desc(), table.release_id)
        .limit(bindparam("most"))
    )


def links(session: Session, start: datetime, end: datetime, named: Mapping[int, Place]) -> dict[int, list[Link]]:
    """Of the deliveries published in the period; by release, by name of the channel."""
    made: dict[int, list[Link]] = defaultdict(list)
    for release, channel, url, gone in plain(session, _links(), start=start, end=end):
        made[release].append(Link(named[channel].name, url, bool(gone)))
    for some in made.values():
        some.sort(key=attrgetter("channel"))
    return made


@cache
def _links() -> Select[Any]:
    publication, delivery = _table("publication"), _table("delivery")
    over = func.coalesce(publication.removed, publication.gone).is_not(None)
    return (
        select(delivery.release_id, publication.channel_id, publication.url, over)
        .where(publication.delivery_id == delivery.id, _between(delivery.published), publication.published.is_not(None))
        .order_by(publication.id)
    )


def over(session: Session, end: datetime, young: datetime, agency: str | None = None) -> int:
    """Posts published since *young* that had been read before *end*, but were not there any more then."""
    return int(plain(session, _over(agency), end=end, young=young)[0][0])


@cache
def _over(agency: str | None) -> Select[Any]:
    publication, sample = _table("publication"), _table("engagement")
    read = select(sample.id).where(sample.publication_id == publication.id, sample.at < bindparam("end")).exists()
    return select(func.count()).where(
        func.coalesce(publication.removed, publication.gone).is_not(None),  # what the index holds
        publication.published > bindparam("young"),
        publication.published < bindparam("end"),
        or_(publication.removed < bindparam("end"), publication.gone < bindparam("end")),
        read,
        *_on(publication.channel_id, agency),
    )


# What went wrong


def failures(session: Session, start: datetime, end: datetime, agency: str | None = None) -> tuple[Trouble, ...]:
    """Refused or missed in the period."""
    return _troubles(_rows(session, _failures(agency), start=start, end=end))


@cache
def _failures(agency: str | None) -> Select[Any]:
    return _trouble().where(_failed(), *_concerns(agency))


def holds(session: Session, end: datetime, agency: str | None = None) -> tuple[Trouble, ...]:
    """Held or unknown now, since before *end*."""
    return _troubles(_rows(session, _holds(agency), end=end))


@cache
def _holds(agency: str | None) -> Select[Any]:
    delivery = _table("delivery")
    return _trouble().where(delivery.state.in_(OPEN), delivery.since < bindparam("end"), *_concerns(agency))


def _trouble() -> Select[Any]:
    delivery, release, channel = _table("delivery"), _table("release"), _table("channel")
    told = [delivery[name] for name in ("state", "held", "due", "since", "reason")]
    return (
        select(delivery.id, release.id, release.title, channel.name, release.agency, *told)
        .where(release.id == delivery.release_id, channel.id == delivery.channel_id)
        .order_by(delivery.since, delivery.id)
    )


def _troubles(rows: Iterable[Any]) -> tuple[Trouble, ...]:
    return tuple(
        Trouble(number, release, title, channel, agency, state.value, held and held.value, due, since, reason)
        for number, release, title, channel, agency, state, held, due, since, reason in rows
    )


def doubts(session: Session, start: datetime, end: datetime, agency: str | None = None) -> Doubts:
    """Deliveries with an attempt of the period whose answer was lost, and what became of them."""
    rows = _rows(session, _lost(agency), start=start, end=end)
    said = _decided(session, [row[0] for row in rows])
    became = [_became(state, unsure, newest, number in said) for number, state, unsure, newest in rows]
    return Doubts(len(became), *(became.count(what) for what in ("found", "absent", "person", "open")))


@cache
def _lost(agency: str | None) -> Select[Any]:
    """Each delivery with its last lost attempt of the period, and its last one at all."""
    attempt, delivery = _table("attempt"), _table("delivery")
    lost = (
        select(attempt.delivery_id, func.max(attempt.id).label("last"))
        .where(text("outcome IN ('uncertain', 'lease over')"), _between(attempt.started))  # as the index has it
        .group_by(attempt.delivery_id)
        .subquery()
    )
    newest = select(func.max(attempt.id)).where(attempt.delivery_id == delivery.id).scalar_subquery()
    return select(delivery.id, delivery.state, lost.c.last, newest).where(
        delivery.id == lost.c.delivery_id, *_concerns(agency)
    )


def _became(state: State, unsure: int, newest: int, decided: bool) -> str:
    if decided:
        return "person"
    if state is not State.PUBLISHED:
        return "open" if state in (*OPEN, State.PUBLISHING, State.PROCESSING) else "absent"
    return "found" if newest == unsure else "absent"


def _decided(session: Session, deliveries: Sequence[int]) -> set[int]:
    """Those of *deliveries* a person gave a verdict on."""
    objects = {f"delivery {number}": number for number in deliveries}
    return {objects[name] for (name,) in plain(session, _verdicts(), objects=[*objects])}


@cache
def _verdicts() -> Select[Any]:
    entry = _table("audit_entry")
    these = entry.object.in_(bindparam("objects", expanding=True))
    return select(entry.object).where(these, entry.action == "delivery.resolve")
