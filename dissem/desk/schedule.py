"""Which channels, at what time. A change of either is an edit: the approval is void."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, CompoundSelect, union_all
from sqlmodel import Session, col, select

from dissem import clock
from dissem.desk.acting import Acting
from dissem.desk.channels import known
from dissem.desk.releases import EARLY, reopen
from dissem.desk.rights import Action, allow
from dissem.desk.times import times
from dissem.errors import Conflict, NotAllowed
from dissem.i18n import moment
from dissem.models import Channel, Delivery, Evidence, Release, State
from dissem.queue import quotas
from dissem.queue.claims import stopped_halfway
from dissem.queue.moves import advance

ENDED = (State.CANCELLED, State.MISSED, State.REFUSED)
UNFINISHED = (*EARLY, State.PUBLISHING, State.PROCESSING, State.UNKNOWN, State.HELD)


def schedule(acting: Acting, number: int, names: Sequence[str], at: datetime) -> list[tuple[Delivery, Channel]]:
    """Propose release *number* on the channels *names* at *at*: all of them, or none."""
    now = acting.now()
    clock.refuse_past(at, now=now, zone=acting.installation.zone)
    with acting.write() as session:
        release = acting.release(session, number, Action.SCHEDULE)
        channels = [_usable(acting, release, known(session, name)) for name in dict.fromkeys(names)]
        reopen(session, release, now=now)
        release.editor_id, release.edited = acting.somebody.id or 0, now
        deliveries = [(_proposed(session, acting, release, channel, at, now), channel) for channel in channels]
        acting.record(
            session, "release.schedule", f"release {number}", channels=[c.name for c in channels], at=at.isoformat()
        )
        session.flush()
    return deliveries


def _usable(acting: Acting, release: Release, channel: Channel) -> Channel:
    person = acting.somebody
    if channel.agency != release.agency and not allow(person, Action.SCHEDULE, None):
        raise NotAllowed(
            "Channel {channel} belongs to {agency}.",
            hint="Ask a coordinator.",
            channel=channel.name,
            agency=channel.agency,
        )
    return channel


def _proposed(
    session: Session, acting: Acting, release: Release, channel: Channel, at: datetime, now: datetime
) -> Delivery:
    values = times(release, at, acting.installation.config.windows)
    query = select(Delivery).where(Delivery.release_id == release.id, Delivery.channel_id == channel.id)
    there = session.exec(query).first()
    if there is None or there.state in ENDED:
        _require_room(session, acting, channel, at)
    if there is None:
        made = Delivery(
            release_id=release.id or 0,
            channel_id=channel.id or 0,
            next_at=at,
            since=now,
            **values,
        )
        session.add(made)
        return made
    if there.state in ENDED:
        advance(session, there, Evidence.RETRIED, now=now, reason=None, next_at=at, **values)
    elif there.state is State.PROPOSED:
        there.sqlmodel_update(values)
        session.add(there)
    else:
        raise Conflict(
            "Release {release} is on {channel} already ({state}).",
            release=release.id,
            channel=channel.name,
            state=there.state,
        )
    return there


def _require_room(session: Session, acting: Acting, channel: Channel, at: datetime) -> None:
    most = quotas.most(channel)
    if most is not None and quotas.planned(session, channel, at) >= most:
        raise Conflict(
            "Channel {channel} has {most} posts within a day of {at} already, which is its limit.",
            hint="Choose another day.",
            channel=channel.name,
            most=most,
            at=moment(at, acting.installation.zone),
        )


def reschedule(acting: Acting, number: int, at: datetime) -> tuple[Delivery, Channel]:
    """Another time for one delivery; the release has to be approved again."""
    now = acting.now()
    clock.refuse_past(at, now=now, zone=acting.installation.zone)
    with acting.write() as session:
        delivery, release, channel = acting.delivery(session, number, Action.SCHEDULE)
        reopen(session, release, now=now)
        session.refresh(delivery)
        values = times(release, at, acting.installation.config.windows)
        if delivery.state in ENDED:
            advance(session, delivery, Evidence.RETRIED, now=now, reason=None, next_at=at, **values)
        else:
            delivery.sqlmodel_update(values)
            session.add(delivery)
        release.editor_id, release.edited = acting.somebody.id or 0, now
        acting.record(session, "delivery.reschedule", f"delivery {number}", at=at.isoformat())
    return delivery, channel


def cancel(acting: Acting, number: int) -> tuple[Delivery, Channel]:
    """Do not publish it. Refused once it is being sent."""
    now = acting.now()
    with acting.write() as session:
        delivery, _, channel = acting.delivery(session, number, Action.CANCEL)
        if delivery.state not in EARLY:
            raise Conflict(
                "Delivery {delivery} cannot be cancelled: it is {state}.",
                hint="dissem delivery show {delivery} tells what can be done.",
                delivery=number,
                state=delivery.state,
            )
        advance(session, delivery, Evidence.CANCELLED, now=now, reason=stopped_halfway(delivery))
        acting.record(session, "delivery.cancel", f"delivery {number}")
    return delivery, channel


def queue(
    acting: Acting, *, states: Sequence[State] = (), names: Sequence[str] = (), limit: int = 50
) -> Sequence[tuple[Delivery, Channel, Release]]:
    """Deliveries the person may see, the next ones first; without *states* those that are not over."""
    person = acting.somebody
    asked: list[ColumnElement[bool]] = []
    if not allow(person, Action.SEE, None):
        acting.require(Action.SEE, person.agency)
        asked.append(_of_agency(person.agency))
    with acting.installation.database.read() as session:
        if names:
            asked.append(col(Delivery.channel_id).in_([known(session, name).id for name in names]))
        query = (
            select(Delivery, Channel, Release)
            .join(Channel, col(Channel.id) == Delivery.channel_id)
            .join(Release, col(Release.id) == Delivery.release_id)
            .where(col(Delivery.id).in_(_nearest(states or UNFINISHED, asked, limit)))
            .order_by(col(Delivery.due), col(Delivery.id))
            .limit(limit)
        )
        return session.exec(query).all()


def _nearest(states: Sequence[State], asked: Sequence[ColumnElement[bool]], limit: int) -> CompoundSelect[int]:
    """Ids among which are the next *limit* of all that is *asked* for: so many of each state, as the index has them in
    order. To sort all states together would read a full queue from end to end."""
    next_ones = select(Delivery.id).where(*asked).order_by(col(Delivery.due), col(Delivery.id)).limit(limit)
    return union_all(*(select(next_ones.where(Delivery.state == state).subquery().c.id) for state in states))


def _of_agency(agency: str | None) -> ColumnElement[bool]:
    """Asked of one delivery after the other, so that they are still read in order."""
    return select(Release.id).where(Release.id == Delivery.release_id, Release.agency == agency).exists()
