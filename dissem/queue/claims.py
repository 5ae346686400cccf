"""Taking deliveries in hand. A claim is one transaction that changes the row: owner, fence and lease.

Any number of owners may claim at once; each delivery goes to one. A delivery that is prepared and due is claimed for
publishing, and its attempt is written in the same transaction, after the gate was asked.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col, select

from dissem.channels.adapter import Part as Post
from dissem.channels.adapter import Receipt, Stage, fingerprint
from dissem.config import Timing
from dissem.errors import DissemError
from dissem.models import (
    Attempt,
    Channel,
    Delivery,
    Evidence,
    Part,
    Publication,
    Settled,
    State,
)
from dissem.queue import following, gate, lanes, parts
from dissem.queue.lanes import is_free, may_act
from dissem.queue.moves import advance, advance_alike, situation
from dissem.store.bell import ring
from dissem.store.database import Database

LOOKED_UP = (State.UNKNOWN, State.PROCESSING)
IN_HAND = (State.PREPARING, State.PUBLISHING)


@dataclass(frozen=True)
class Claimed:
    """A delivery in our hand, with all that is needed to carry it out."""

    delivery: Delivery
    part: Part
    channel: Channel
    attempt: Attempt | None  # only when claimed for publishing
    before: Receipt | None  # of the part before
    taken: float  # boot-time clock when claimed, seconds; it also counts while the machine sleeps
    link: str | None = None  # of the publication it waited for, if it did


def boot_time() -> float:
    """Seconds on a clock that never jumps and counts suspension."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Claims:
    """The claims of one owner."""

    def __init__(self, database: Database, owner: str, timing: Timing) -> None:
        self.database = database
        self.owner = owner
        self.timing = timing

    def publishing(
        self,
        *,
        now: datetime,
        limit: int,
        blocked: Collection[int] = (),
        room: Mapping[str, int] | None = None,
        ready: int | None = None,
        blind: Collection[str] = (),
    ) -> list[Claimed]:
        """Up to *limit* prepared and due deliveries, one a channel whose lane is free, urgent ones first, then the
        longest due. *blocked* channels are left alone; *room* is how many more each host may get. Of *blind* platforms,
        which cannot be asked what became of a post, no more than the *ready* senders can take at once."""
        if limit <= 0:
            return []
        taken = boot_time()
        try:
            with self.database.write() as session:
                room = room or {}
                full = [host for host, left in room.items() if left <= 0]
                found = lanes.free(session, now, limit, blocked, full)
                chosen = lanes.within(found, room, limit, limit if ready is None else ready, blind)
                return self._to_publishing(session, [one.delivery for one in chosen], now, taken) if chosen else []
        except IntegrityError:  # another owner took the same lane a moment earlier
            return []

    def preparing(self, *, now: datetime, limit: int, blocked: Collection[int] = ()) -> list[Claimed]:
        """Up to *limit* deliveries whose next part is still to be prepared."""
        if limit <= 0:
            return []
        with self.database.write() as session:
            chosen = _to_prepare(session, now, limit, blocked)
            useful = [d for d in chosen if not _too_late(session, d, now)]
            allowed = self._through_the_gate(session, useful, now)
            lease = now + self.timing.preparing
            for delivery in allowed:
                advance(
                    session,
                    delivery,
                    Evidence.CLAIMED,
                    now=now,
                    seen=situation(delivery, ready=False),
                    owner=self.owner,
                    lease_until=lease,
                )
            return _gathered(session, allowed, [], boot_time())

    def looking(self, *, now: datetime, limit: int, blocked: Collection[int] = ()) -> list[Claimed]:
        """Up to *limit* unknown or processing deliveries whose time to be looked up has come."""
        if limit <= 0:
            return []
        with self.database.write() as session:
            query = (
                select(Delivery)
                .join(Channel, col(Channel.id) == Delivery.channel_id)
                .where(
                    col(Delivery.state).in_(LOOKED_UP),
                    Delivery.next_at <= now,
                    or_(col(Delivery.lease_until).is_(None), col(Delivery.lease_until) <= now),
                    may_act(),
                    col(Channel.id).not_in(blocked),
                )
                .order_by(col(Delivery.next_at))
                .limit(limit)
            )
            chosen = session.exec(_locked(query)).all()
            for delivery in chosen:
                lease = now + self.timing.request + self.timing.margin
                values = {"owner": self.owner, "fence": delivery.fence + 1, "lease_until": lease}
                session.execute(update(Delivery).where(col(Delivery.id) == delivery.id).values(**values))
                for name, value in values.items():
                    setattr(delivery, name, value)
            return _gathered(session, chosen, [], boot_time())

    def _to_publishing(
        self, session: Session, chosen: Sequence[Delivery], now: datetime, taken: float
    ) -> list[Claimed]:
        sent_by = now + self.timing.send_deadline + self.timing.request
        useful = [d for d in chosen if not _too_late(session, d, now) and not _outlived(session, d, sent_by)]
        allowed = self._through_the_gate(session, useful, now)
        if not allowed:
            return []
        lease = now + self.timing.send_deadline + self.timing.request + self.timing.margin
        advance_alike(
            session,
            allowed,
            Evidence.CLAIMED,
            State.PUBLISHING,
            now=now,
            owner=self.owner,
            lease_until=lease,
            attempts=col(Delivery.attempts) + 1,
        )
        for delivery in allowed:
            set_committed_value(delivery, "attempts", delivery.attempts + 1)
        current = _current_parts(session, allowed)
        attempts = [self._attempt(d, current[d.id or 0], now) for d in allowed]
        session.add_all(attempts)
        session.flush()
        return _gathered(session, allowed, attempts, taken)

    def _attempt(self, delivery: Delivery, part: Part, now: datetime) -> Attempt:
        return Attempt(
            part_id=part.id or 0,
            delivery_id=delivery.id or 0,
            number=delivery.attempts,
            fence=delivery.fence,
            owner=self.owner,
            fingerprint=fingerprint(Post.thawed(part.post, Anywhere())),
            started=now,
        )

    def _through_the_gate(self, session: Session, deliveries: Sequence[Delivery], now: datetime) -> list[Delivery]:
        """Those that are approved as they are; the others go back to proposed and say why."""
        frozen = gate.parts_of(session, deliveries)
        approvals = gate.valid_approvals(session, deliveries)
        channels = _channels(session, deliveries)
        allowed = []
        for delivery in deliveries:
            number = delivery.id or 0
            why = gate.objection(delivery, frozen[number], channels[delivery.channel_id], approvals.get(number))
            if why:
                advance(session, delivery, Evidence.VOIDED, now=now, reason=why.reason())
            else:
                allowed.append(delivery)
        return allowed


class Anywhere(dict[str, Path]):
    """Stands for every file's place where only the text of a part matters."""

    def __missing__(self, key: str) -> Path:
        return Path(key)


def _to_prepare(session: Session, now: datetime, limit: int, blocked: Collection[int]) -> Sequence[Delivery]:
    query = (
        select(Delivery)
        .join(Channel, col(Channel.id) == Delivery.channel_id)
        .where(
            Delivery.state == State.WAITING,
            col(Delivery.ready).is_(False),
            Delivery.next_at <= now,
            may_act(),
            is_free(now),
            col(Channel.id).not_in(blocked),
        )
        .order_by(col(Delivery.urgent).desc(), col(Delivery.next_at))
        .limit(limit)
    )
    found: Sequence[Delivery] = session.exec(_locked(query)).all()
    return found


def _locked(query: Any) -> Any:
    """Rows another owner is taking at this moment are passed over (PostgreSQL; SQLite has one writer at a time)."""
    return query.with_for_update(of=Delivery, skip_locked=True)


def _too_late(session: Session, delivery: Delivery, now: datetime) -> bool:
    if delivery.until > now:
        return False
    reason = stopped_halfway(delivery) or _missed(delivery).reason()
    advance(session, delivery, Evidence.TOO_LATE, now=now, reason=reason)
    return True


def stopped_halfway(delivery: Delivery) -> dict[str, Any] | None:
    """Why a delivery is held instead of ended, when it is stopped and something of it is public or may be."""
    if delivery.ambiguous or delivery.doubtful_parts:
        return _nobody_told(delivery).reason()
    public = delivery.public_parts if delivery.independent else delivery.part - 1
    if not public:
        return None
    return DissemError(
        "Only {done} of {parts} parts are public; the rest was stopped.",
        hint="To go on: dissem delivery retry {delivery}. To take it down: dissem delivery remove {delivery}",
        done=public,
        parts=delivery.parts,
        delivery=delivery.id,
    ).reason()


def _missed(delivery: Delivery) -> DissemError:
    if delivery.follows is not None and delivery.attempts == 0:
        return DissemError(
            "The link it should show (delivery {leader}) was not there before its latest useful time.",
            hint="Give it a new time with: dissem delivery reschedule {delivery} --at TIME",
            leader=delivery.follows,
            delivery=delivery.id,
        )
    return DissemError(
        "It could not be published before its latest useful time.",
        hint="Give it a new time with: dissem delivery reschedule {delivery} --at TIME",
        delivery=delivery.id,
    )


def _outlived(session: Session, delivery: Delivery, sent_by: datetime) -> bool:
    """What was prepared at the platform may have expired there when the request arrives: it is prepared anew."""
    if delivery.prepared_until is None or delivery.prepared_until > sent_by:
        return False
    session.execute(
        update(Part)
        .where(col(Part.delivery_id) == delivery.id, col(Part.number) == delivery.part)
        .values(prepared={}, prepared_until=None)
    )
    delivery.ready, delivery.prepared_until = False, None
    session.add(delivery)
    return True


def _channels(session: Session, deliveries: Sequence[Delivery]) -> dict[int, Channel]:
    numbers = {d.channel_id for d in deliveries}
    rows = session.exec(select(Channel).where(col(Channel.id).in_(numbers)))
    return {c.id or 0: c for c in rows}


def _current_parts(session: Session, deliveries: Sequence[Delivery]) -> dict[int, Part]:
    """By delivery id, the part to publish next."""
    wanted = {d.id or 0: d.part for d in deliveries}
    rows = session.exec(select(Part).where(col(Part.delivery_id).in_(wanted)))
    return {p.delivery_id: p for p in rows if p.number == wanted[p.delivery_id]}


def _gathered(
    session: Session, deliveries: Sequence[Delivery], attempts: Sequence[Attempt], taken: float
) -> list[Claimed]:
    current = _current_parts(session, deliveries)
    channels = _channels(session, deliveries)
    before = _receipts_before(session, [d for d in deliveries if d.part > 1 and not d.independent])
    by_delivery = {a.delivery_id: a for a in attempts}
    links = following.links(session, deliveries)
    return [
        Claimed(
            d,
            current[d.id or 0],
            channels[d.channel_id],
            by_delivery.get(d.id or 0),
            before.get(d.id or 0),
            taken,
            links.get(d.id or 0),
        )
        for d in deliveries
    ]


def _receipts_before(session: Session, deliveries: Sequence[Delivery]) -> dict[int, Receipt]:
    if not deliveries:
        return {}
    wanted = {d.id or 0: d.part - 1 for d in deliveries}
    rows = session.exec(
        select(Publication, Part.number)
        .join(Part, col(Part.id) == Publication.part_id)
        .where(col(Publication.delivery_id).in_(wanted))
    )
    return {p.delivery_id: receipt_of(p) for p, number in rows if number == wanted[p.delivery_id]}


def receipt_of(publication: Publication) -> Receipt:
    """The receipt a publication row keeps; one that is not public yet is still processing."""
    stage = Stage.PUBLIC if publication.published else Stage.PROCESSING
    return Receipt(publication.remote_id, publication.url, tuple(publication.also), stage)


def sweep(database: Database, timing: Timing, *, now: datetime, limit: int = 500) -> int:
    """Let what ran out take its course: leases of the dead, the latest useful time, and what nobody could tell for too
    long, also where the channel is paused. Answers how many rows moved."""
    with database.write() as session:
        over = session.exec(
            _locked(
                select(Delivery).where(col(Delivery.state).in_(IN_HAND), col(Delivery.lease_until) <= now).limit(limit)
            )
        ).all()
        for delivery in over:
            _lease_over(session, delivery, now)
        late = session.exec(
            _locked(
                select(Delivery)
                .where(col(Delivery.state).in_((State.PROPOSED, State.WAITING)), Delivery.until <= now)
                .order_by(col(Delivery.until))
                .limit(limit)
            )
        ).all()
        for delivery in late:
            _too_late(session, delivery, now)
        stuck = session.exec(_locked(_past_bound(timing, now).limit(limit))).all()
        for delivery in stuck:
            advance(session, delivery, Evidence.BOUND_PASSED, now=now, reason=_nobody_told(delivery).reason())
        moved = len(over) + len(late) + len(stuck)
        if moved:
            ring(session)
        return moved


def _past_bound(timing: Timing, now: datetime) -> Any:
    """Deliveries that are unknown or processing for longer than their bound, and in nobody's hand."""
    unknown = (col(Delivery.state) == State.UNKNOWN) & (col(Delivery.since) < now - timing.unknown_bound)
    processing = (col(Delivery.state) == State.PROCESSING) & (col(Delivery.since) < now - timing.processing_bound)
    free = or_(col(Delivery.lease_until).is_(None), col(Delivery.lease_until) <= now)
    return select(Delivery).where(or_(unknown, processing), free)


def _nobody_told(delivery: Delivery) -> DissemError:
    return DissemError(
        "It may be there already, and the platform could not tell.",
        hint="Look there. If it is there: dissem delivery resolve {delivery} --published URL. "
        "If not: dissem delivery resolve {delivery} --absent",
        delivery=delivery.id,
    )


def _lease_over(session: Session, delivery: Delivery, now: datetime) -> None:
    publishing = delivery.state is State.PUBLISHING
    deaths = delivery.deaths + (not publishing)
    why = (
        DissemError("dissem stopped while this was being sent, so it may be public already.")
        if publishing
        else DissemError("dissem stopped while this was being prepared.")
    )
    values: dict[str, Any] = {"deaths": deaths, "next_at": now, "reason": why.reason()}
    if publishing and delivery.independent:
        values |= parts.settled(session, delivery, Settled.UNSURE, now)
    session.execute(
        update(Attempt)
        .where(col(Attempt.delivery_id) == delivery.id, col(Attempt.fence) == delivery.fence)
        .values(settled=now, outcome=Evidence.LEASE_OVER.value)
    )
    advance(session, delivery, Evidence.LEASE_OVER, now=now, seen=situation(delivery, deaths=deaths), **values)


def end_leases(database: Database, *, now: datetime, but: str) -> int:
    """End the leases of every other owner: on SQLite whoever holds the daemon's lock file is the only one alive."""
    with database.write() as session:
        changed = session.execute(
            update(Delivery)
            .where(col(Delivery.lease_until).is_not(None), col(Delivery.owner) != but)
            .values(lease_until=now)
        )
        return int(changed.rowcount)  # type: ignore[attr-defined]


def renew(database: Database, *, owner: str, fences: Mapping[int, int], lease: timedelta, now: datetime) -> None:
    """Hold on to the deliveries being prepared, by id and fence."""
    with database.write() as session:
        for number, fence in fences.items():
            session.execute(
                update(Delivery)
                .where(
                    col(Delivery.id) == number,
                    col(Delivery.owner) == owner,
                    col(Delivery.fence) == fence,
                    col(Delivery.state) == State.PREPARING,
                )
                .values(lease_until=now + lease)
            )


def next_moment(session: Session, after: datetime | None = None) -> datetime | None:
    """When the next delivery of an active channel has something to do, or a lease ends; *after* an instant if given."""
    moments = (
        _least(session, Delivery.next_at, col(Delivery.state) == State.WAITING, after),
        _least(session, Delivery.next_at, col(Delivery.state).in_(LOOKED_UP), after),
        _least(session, Delivery.lease_until, col(Delivery.state).in_(IN_HAND), after, paused=True),
    )
    return min((m for m in moments if m), default=None)


def _least(
    session: Session, column: Any, state: ColumnElement[bool], after: datetime | None, *, paused: bool = False
) -> datetime | None:
    query = select(column).where(state, column.is_not(None)).order_by(column).limit(1)
    if after is not None:
        query = query.where(column > after)
    if not paused:
        query = query.join(Channel, col(Channel.id) == Delivery.channel_id).where(may_act())
    found: datetime | None = session.exec(query).first()
    return found


def busy_until(session: Session, horizon: datetime) -> bool:
    """Whether anything is in hand, in doubt, or due by *horizon*, on channels that are not paused."""
    soon = (col(Delivery.state) == State.WAITING) & (Delivery.next_at <= horizon)
    doubt = col(Delivery.state).in_((*IN_HAND, *LOOKED_UP))
    found = session.exec(
        select(Delivery.id)
        .join(Channel, col(Channel.id) == Delivery.channel_id)
        .where(or_(soon, doubt), may_act())
        .limit(1)
    ).first()
    return found is not None
