"""What the report reads from the tables, but for the samples: plain rows, a few queries each over an index.

A report is some twenty queries, and to put one together costs more than most of them take: so each is made once, of
the tables themselves, and asked with the bounds of the period.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import DateTime, Select, String, bindparam, case, func, literal, or_, select, text, type_coerce
from sqlmodel import Session, SQLModel, col

from dissem.channels.adapter import COUNTS
from dissem.engagement.rollup import INTERACTIONS, READ, Values
from dissem.models import AuditEntry, Channel, ChannelState, Delivery, Release, State
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


class Sent(NamedTuple):
    """A delivery published in the period."""

    delivery: int
    channel: int
    release: int
    due: datetime
    published: datetime


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


Cells = Mapping[tuple[int, str], tuple[int, Values]]  # readings and gains by channel and kind


def _table(name: str) -> Any:
    return SQLModel.metadata.tables[name].c


def _rows(session: Session, query: Select[Any], **said: Any) -> Sequence[Any]:
    return session.connection().execute(query, said).all()  # one by one they cost twice as much


def _between(moment: Any) -> Any:
    return (moment >= bindparam("start")) & (moment < bindparam("end"))


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
    agency = _table("agency")
    return sorted((code, name) for code, name in _rows(session, select(agency.code, agency.name)))


def sent(session: Session, start: datetime, end: datetime) -> list[Sent]:
    """In no order. Moments as the database has them, as only their differences count."""
    return [Sent(*row) for row in _rows(session, _sent(), start=start, end=end)]


@cache
def _sent() -> Select[Any]:
    delivery = _table("delivery")
    moments = [type_coerce(delivery[name], DateTime(timezone=True)) for name in ("due", "published")]
    numbers = (delivery.id, delivery.channel_id, delivery.release_id)
    return select(*numbers, *moments).where(_between(delivery.published))


def first_published(session: Session, agency: str | None = None) -> datetime | None:
    """When anything was published for the first time."""
    published = col(Delivery.published)
    return session.scalar(
        select(func.min(published)).where(published.is_not(None), *_on(col(Delivery.channel_id), agency))
    )


def about(session: Session, start: datetime, end: datetime) -> dict[int, About]:
    """Of the releases published in the period."""
    return _told(_rows(session, _about(), start=start, end=end))


@cache
def _about() -> Select[Any]:
    return _titles().where(_table("release").id.in_(_fresh()))


def _titles() -> Select[Any]:
    release = _table("release")
    return select(release.id, release.title, type_coerce(release.kind, String), release.agency)


def _fresh() -> Select[Any]:
    """Numbers of the releases published in the period."""
    delivery = _table("delivery")
    return select(delivery.release_id).where(_between(delivery.published))


def titles(session: Session, numbers: Sequence[int]) -> dict[int, About]:
    """Of the few releases *numbers*."""
    return _told(_rows(session, _titles().where(_table("release").id.in_(numbers))))


def _told(rows: Iterable[Any]) -> dict[int, About]:
    return {number: About(title, kind, agency) for number, title, kind, agency in rows}


class Count(NamedTuple):
    """What went out in one period, and what failed."""

    releases: int
    published: int
    failures: int


def counted(session: Session, start: datetime, end: datetime, agency: str | None = None) -> Count:
    """Of the period; what failed of *agency* is whatever concerns it."""
    return Count(*_rows(session, _counted(agency), start=start, end=end)[0])


@cache
def _counted(agency: str | None) -> Select[Any]:
    delivery = _table("delivery")
    failed = select(func.count()).where(delivery.state.in_(FAILURES), _between(delivery.since), *_concerns(agency))
    return select(func.count(delivery.release_id.distinct()), func.count(), failed.scalar_subquery()).where(
        _between(delivery.published), *_on(delivery.channel_id, agency)
    )


def cancelled(session: Session, start: datetime, end: datetime, agency: str | None = None) -> int:
    query = select(func.count()).where(
        col(Delivery.state) == State.CANCELLED, _between(col(Delivery.since)), *_concerns(agency)
    )
    return session.scalar(query, {"start": start, "end": end}) or 0


# What was gained


class Gained(NamedTuple):
    """What one period gained. *both*: interactions and views of what gave both."""

    views: int | None
    interactions: int | None
    both: tuple[int, int]


def cells(session: Session, period: str, agency: str | None = None) -> tuple[Cells, Read]:
    """By the roll-up."""
    found, read = {}, [0] * len(READ)
    for channel, kind, samples, *row in _rows(session, _cells(agency), period=period):
        read = [one + more for one, more in zip(read, row[: len(READ)], strict=True)]
        if samples:  # else only awaited
            found[channel, kind] = (samples, tuple(row[len(READ) :]))
    return found, Read(*read)


@cache
def _cells(agency: str | None) -> Select[Any]:
    table = _table("engagementperiod")
    columns = [table[name] for name in ("channel_id", "kind", "samples", *READ, *COUNTS)]
    return select(*columns).where(table.period == bindparam("period"), *_on(table.channel_id, agency))


def gained(session: Session, periods: Sequence[str], agency: str | None = None) -> dict[str, Gained]:
    """By the roll-up, for those of *periods* in which anything was read: summed in the database, as there are many
    rows and only four sums."""
    return {
        period: Gained(_whole(views), _whole(done), (int(pair[0] or 0), int(pair[1] or 0)))
        for period, views, done, *pair in _rows(session, _gained(agency), periods=list(periods))
    }


@cache
def _gained(agency: str | None) -> Select[Any]:
    table = _table("engagementperiod")
    parts = [table[name] for name in INTERACTIONS]
    known = or_(*(part.is_not(None) for part in parts))
    done = case((known, sum((func.coalesce(part, 0) for part in parts), literal(0))))
    sums = [
        func.sum(value)
        for value in (table.views, done, case((table.views.is_not(None), done)), case((known, table.views)))
    ]
    return (
        select(table.period, *sums)
        .where(
            table.period.in_(bindparam("periods", expanding=True)), table.samples > 0, *_on(table.channel_id, agency)
        )
        .group_by(table.period)
    )


def _whole(total: Any) -> int | None:
    return None if total is None else int(total)  # a sum may come as Decimal


def hours(session: Session, first: date, last: date) -> tuple[list[list[int]], int]:
    """Interactions by local weekday and hour, and how many readings said so, of the local days *first* to *last*."""
    found, readings = [[0] * 24 for _day in range(7)], 0
    for hour, done, close in _rows(session, _hours(), first=first, last=last):
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
        for number, rated, views, *values in _rows(session, _reached(len(period)), period=period, start=start, end=end)
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
    rows = _rows(session, _older(agency), period=period, start=start, end=end, most=most)
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
    rows = _rows(session, _links(), start=start, end=end)
    for release, channel, url, gone in sorted(rows, key=lambda row: named[row[1]].name):
        made[release].append(Link(named[channel].name, url, bool(gone)))
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
    return int(_rows(session, _over(agency), end=end, young=young)[0][0])


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
    inside = _within(col(Delivery.since), start, end)
    return _troubles(session, col(Delivery.state).in_(FAILURES), inside, *_concerns(agency))


def _within(moment: Any, start: datetime, end: datetime) -> Any:
    return (moment >= start) & (moment < end)


def holds(session: Session, end: datetime, agency: str | None = None) -> tuple[Trouble, ...]:
    """Held or unknown now, since before *end*."""
    return _troubles(session, col(Delivery.state).in_(OPEN), col(Delivery.since) < end, *_concerns(agency))


def _troubles(session: Session, *where: Any) -> tuple[Trouble, ...]:
    query = (
        select(
            col(Delivery.id),
            col(Release.id),
            col(Release.title),
            col(Channel.name),
            col(Release.agency),
            col(Delivery.state),
            col(Delivery.held),
            col(Delivery.due),
            col(Delivery.since),
            col(Delivery.reason),
        )
        .join(Release, col(Release.id) == col(Delivery.release_id))
        .join(Channel, col(Channel.id) == col(Delivery.channel_id))
        .where(*where)
        .order_by(col(Delivery.since), col(Delivery.id))
    )
    return tuple(
        Trouble(number, release, title, channel, agency, state.value, held and held.value, due, since, reason)
        for number, release, title, channel, agency, state, held, due, since, reason in session.execute(query)
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
    query = select(col(AuditEntry.object)).where(
        col(AuditEntry.object).in_(objects), col(AuditEntry.action) == "delivery.resolve"
    )
    return {objects[name] for name in session.scalars(query)}
