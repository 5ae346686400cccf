"""What the report reads from the tables, but for the samples: plain rows, a few queries each over an index."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import DateTime, String, case, func, literal, or_, select, type_coerce
from sqlmodel import Session, SQLModel, col

from dissem.channels.adapter import COUNTS
from dissem.engagement.rollup import NOTHING, TOLERANCE, Sample, Values, known
from dissem.models import (
    Agency,
    Attempt,
    AuditEntry,
    Channel,
    ChannelState,
    Delivery,
    Engagement,
    Evidence,
    Publication,
    Release,
    State,
)
from dissem.reports.figures import INTERACTIONS, Doubts, Link, Trouble

FAILURES = (State.REFUSED, State.MISSED)
OPEN = (State.HELD, State.UNKNOWN)
LOST = (Evidence.UNCERTAIN.value, Evidence.LEASE_OVER.value)


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


class Proof(NamedTuple):
    """A part of a delivery published in the period, with its last reading that counts for it; None: none does."""

    publication: int
    channel: int
    release: int
    url: str | None
    gone: bool
    values: Values | None


def within(moment: Any, start: datetime, end: datetime) -> Any:
    return (col(moment) >= start) & (col(moment) < end)


def places(session: Session) -> dict[int, Place]:
    """By number; in the order of agency and name."""
    query = select(
        col(Channel.id),
        col(Channel.name),
        col(Channel.platform),
        col(Channel.agency),
        col(Channel.state) == ChannelState.PAUSED,
        col(Channel.created),
    )
    found = [Place(*row) for row in session.execute(query)]
    # sorted here: databases differ in how they order letters
    return {place.id: place for place in sorted(found, key=lambda place: (place.agency, place.name))}


def agencies(session: Session) -> list[tuple[str, str]]:
    """Code and name, by code."""
    return sorted((code, name) for code, name in session.execute(select(col(Agency.code), col(Agency.name))))


def sent(session: Session, start: datetime, end: datetime) -> list[Sent]:
    """In no order. Moments as the database has them, as only their differences count."""
    delivery = SQLModel.metadata.tables["delivery"].c
    moments = [type_coerce(delivery[name], DateTime(timezone=True)) for name in ("due", "published")]
    query = select(delivery.id, delivery.channel_id, delivery.release_id, *moments)
    query = query.where(delivery.published >= start, delivery.published < end)
    return [Sent(*row) for row in session.execute(query)]


def first_published(session: Session) -> datetime | None:
    """When anything was published for the first time."""
    return session.scalar(select(func.min(col(Delivery.published))))


def about(session: Session, numbers: Any) -> dict[int, About]:
    """Of the releases *numbers*, a query or a set of few."""
    query = select(
        col(Release.id), col(Release.title), type_coerce(col(Release.kind), String), col(Release.agency)
    ).where(col(Release.id).in_(numbers))
    return {number: About(title, kind, agency) for number, title, kind, agency in session.execute(query)}


def released(start: datetime, end: datetime) -> Any:
    """A query for the numbers of the releases published in the period."""
    return select(col(Delivery.release_id)).where(within(Delivery.published, start, end))


class Count(NamedTuple):
    """What went out in one period, and what failed."""

    releases: int
    published: int
    failures: int


def counted(session: Session, start: datetime, end: datetime) -> Count:
    """Of the period."""
    out = select(func.count(col(Delivery.release_id).distinct()), func.count()).where(
        within(Delivery.published, start, end)
    )
    releases, published = session.execute(out).one()
    failed = select(func.count()).where(col(Delivery.state).in_(FAILURES), within(Delivery.since, start, end))
    return Count(releases, published, session.scalar(failed) or 0)


class Gained(NamedTuple):
    """What one period gained, by the roll-up. *both*: interactions and views of what gave both."""

    views: int | None
    interactions: int | None
    both: tuple[int, int]


def rolled(session: Session, first: date, last: date) -> Gained:
    """Of the local days *first* to *last*: summed in the database, as there are many rows and only four sums."""
    table = SQLModel.metadata.tables["engagementday"]
    days = (
        select(*(func.sum(table.c[name]).label(name) for name in ("views", *INTERACTIONS)))
        .where(table.c.day >= first, table.c.day <= last)
        .group_by(table.c.channel_id, table.c.kind)
        .subquery()
    )
    parts = [days.c[name] for name in INTERACTIONS]
    known = or_(*(part.is_not(None) for part in parts))
    done = case((known, sum((func.coalesce(part, 0) for part in parts), literal(0))))
    both = known & days.c.views.is_not(None)
    views, interactions, *pair = session.execute(
        select(
            func.sum(days.c.views), func.sum(done), func.sum(case((both, done))), func.sum(case((both, days.c.views)))
        )
    ).one()
    whole = [None if value is None else int(value) for value in (views, interactions)]  # a sum may come as Decimal
    return Gained(whole[0], whole[1], (int(pair[0] or 0), int(pair[1] or 0)))


def cancelled(session: Session, start: datetime, end: datetime) -> int:
    query = select(func.count()).where(col(Delivery.state) == State.CANCELLED, within(Delivery.since, start, end))
    return session.scalar(query) or 0


# The releases and their proofs


def proofs(session: Session, start: datetime, end: datetime) -> list[Proof]:
    """Every part of the deliveries published in the period, by release, channel and number."""
    newest = (
        select(col(Engagement.id))
        .where(
            col(Engagement.publication_id) == col(Publication.id),
            col(Engagement.at) > start,
            col(Engagement.at) <= end + TOLERANCE,
            col(Engagement.planned) <= end,  # later plans count for the next period
        )
        .order_by(col(Engagement.at).desc())
        .limit(1)
        .correlate(Publication)
        .scalar_subquery()
    )
    # only a reading near a bound has to say what it was planned for
    near = (col(Engagement.at) > end) | (col(Engagement.at) <= start + TOLERANCE)
    query = (
        select(
            col(Publication.id),
            col(Publication.channel_id),
            col(Delivery.release_id),
            col(Publication.url),
            func.coalesce(col(Publication.removed), col(Publication.gone)).is_not(None),
            case((near, col(Engagement.planned))),
            case((near, col(Engagement.at))),
            col(Engagement.id),
            *(col(getattr(Engagement, name)) for name in COUNTS),
        )
        .join(Delivery, col(Delivery.id) == col(Publication.delivery_id))
        .outerjoin(Engagement, col(Engagement.id) == newest)
        .where(within(Delivery.published, start, end), col(Publication.published).is_not(None))
        .order_by(col(Delivery.release_id), col(Publication.channel_id), col(Publication.id))
    )
    found, outside = [], []
    for number, channel, release, url, gone, planned, at, sample, *values in session.execute(query):
        if at is not None and not start < Sample(planned, at, ()).counts_for <= end:
            outside.append(number)
        found.append(Proof(number, channel, release, url, bool(gone), tuple(values) if sample else None))
    return _looked_up(session, found, outside, start, end)


def completed(
    session: Session, found: Sequence[Proof], given: Mapping[int, Sequence[bool]], start: datetime, end: datetime
) -> list[Proof]:
    """*found*, with the last known value where the last reading was without one although the channel gives it."""
    partly = [
        proof.publication
        for proof in found
        if proof.values is not None
        and any(value is None and there for value, there in zip(proof.values, given[proof.channel], strict=True))
    ]
    return _looked_up(session, found, partly, start, end)


def _looked_up(
    session: Session, found: Sequence[Proof], numbers: Sequence[int], start: datetime, end: datetime
) -> list[Proof]:
    """*found*, those of *numbers* with the last known values among all their samples of the period."""
    values: dict[int, Values] = {}
    for first in range(0, len(numbers), 500):
        query = (
            select(
                col(Engagement.publication_id),
                col(Engagement.planned),
                col(Engagement.at),
                *(col(getattr(Engagement, name)) for name in COUNTS),
            )
            .where(
                col(Engagement.publication_id).in_(numbers[first : first + 500]),
                col(Engagement.at) <= end + TOLERANCE,
            )
            .order_by(col(Engagement.publication_id), col(Engagement.at))
        )
        for number, planned, at, *counts in session.execute(query):
            if start < Sample(planned, at, ()).counts_for <= end:
                values[number] = known(tuple(counts), values.get(number, NOTHING))
    looked = set(numbers)
    return [
        proof._replace(values=values.get(proof.publication)) if proof.publication in looked else proof
        for proof in found
    ]


def links(found: Iterable[Proof], named: Mapping[int, Place]) -> dict[int, list[Link]]:
    """By release, by name of the channel."""
    made: dict[int, list[Link]] = defaultdict(list)
    for proof in found:
        made[proof.release].append(Link(named[proof.channel].name, proof.url, proof.gone))
    return {release: sorted(some, key=lambda link: link.channel) for release, some in made.items()}


# What went wrong


def failures(session: Session, start: datetime, end: datetime) -> tuple[Trouble, ...]:
    """Refused or missed in the period."""
    return _troubles(session, col(Delivery.state).in_(FAILURES), within(Delivery.since, start, end))


def holds(session: Session, end: datetime) -> tuple[Trouble, ...]:
    """Held or unknown now, since before *end*."""
    return _troubles(session, col(Delivery.state).in_(OPEN), col(Delivery.since) < end)


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


def doubts(session: Session, start: datetime, end: datetime) -> Doubts:
    """Deliveries with an attempt of the period whose answer was lost, and what became of them."""
    last = select(func.max(col(Attempt.id))).where(col(Attempt.delivery_id) == col(Delivery.id)).correlate(Delivery)
    newest = last.scalar_subquery()
    query = (
        select(col(Delivery.id), col(Delivery.state), func.max(col(Attempt.id)), newest)
        .join(Attempt, col(Attempt.delivery_id) == col(Delivery.id))
        .where(col(Attempt.outcome).in_(LOST), within(Attempt.started, start, end))
        .group_by(col(Delivery.id), col(Delivery.state))
    )
    rows = session.execute(query).all()
    said = _decided(session, [row[0] for row in rows])
    became = [_became(state, unsure, newest, number in said) for number, state, unsure, newest in rows]
    return Doubts(len(became), *(became.count(what) for what in ("found", "absent", "person", "open")))


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
