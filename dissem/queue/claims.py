"""Taking deliveries in hand. A claim is one transaction that changes the row: owner, fence and lease.

Any number of owners may claim at once; each delivery goes to one. A delivery that is prepared and due is claimed for
publishing, and its attempt is written in the same transaction, after the gate was asked.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

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
from dissem.queue import due, following, gate, heads, parts, silence
from dissem.queue.moves import advance, situation, start_publishing
from dissem.store.bell import ring
from dissem.store.database import Database


@dataclass(frozen=True)
class Written:
    """An attempt that is written down: its id, and what will be sent in short."""

    id: int
    fingerprint: str


@dataclass(frozen=True)
class Claimed:
    """A delivery in our hand, with all that is needed to carry it out."""

    delivery: Delivery
    part: Part
    channel: Channel
    attempt: Written | None  # only when claimed for publishing
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
        self._free = heads.Found()
        self._known: dict[int, Channel] = {}  # as last read; good while version and account are the same

    def publishing(
        self,
        *,
        now: datetime,
        limit: int,
        blocked: Collection[int] = (),
        room: Mapping[str, int] | None = None,
        ready: int | None = None,
        blind: Collection[str] = (),
        among: Sequence[heads.Head] | None = None,
    ) -> list[Claimed]:
        """Up to *limit* prepared and due deliveries, one a channel whose lane is free, urgent ones first, then the
        longest due. *blocked* channels are left alone; *room* is how many more each host may get. Of *blind* platforms,
        which cannot be asked what became of a post, no more than the *ready* senders can take at once. *among* these,
        if somebody has just found them by `heads.find`."""
        if limit <= 0:
            return []

        def choose(found: Sequence[heads.Head]) -> list[heads.Head]:
            return heads.within(found, room or {}, limit, limit if ready is None else ready, blind, blocked)

        if among is not None:
            chosen = choose(among)
        else:
            with self.database.read() as session:
                chosen = self._free.take(session, now, limit, choose)
        if not chosen:
            return []
        taken = boot_time()
        try:
            with self.database.write() as session:
                rows = self._with_channels(session, heads.still_due(session, chosen, now))
                return self._to_publishing(session, rows, now, taken) if rows else []
        except IntegrityError:  # another owner took the same lane a moment earlier
            self._free.forget()
            return []

    def foresee(self, moment: datetime) -> None:
        """Look for what will be due at *moment*, so that it can be claimed then without a look."""
        with self.database.read() as session:
            self._free.foresee(session, moment)

    def foresaw(self, now: datetime) -> bool:
        """Whether what is due *now* was foreseen; asked again, it was not."""
        return self._free.foresaw(now)

    def rehearse(self, now: datetime) -> None:
        """Run the statements of a claim once over nothing: the first one that is due need not wait until they are
        built."""
        with self.database.write() as session:
            heads.find(session, now)
            heads.still_due(session, [], now)
            gate.covered(session, [])
            _channels(session, [])
            start_publishing(session, [], now=now, owner=self.owner, lease_until=now)

    def preparing(self, *, now: datetime, limit: int, blocked: Collection[int] = ()) -> list[Claimed]:
        """Up to *limit* deliveries whose next part is still to be prepared."""
        found = self._found(due.unready, now, limit, blocked)
        if not found:
            return []
        with self.database.write() as session:
            chosen = [d for d in due.locked(session, found, State.WAITING) if not d.ready and d.next_at <= now]
            useful = [d for d in chosen if not _too_late(session, d, now)]
            channels = _channels(session, useful)
            allowed = self._through_the_gate(session, [(d, channels[d.channel_id]) for d in useful], now)
            lease = now + self.timing.preparing
            for delivery, _, _ in allowed:
                advance(
                    session,
                    delivery,
                    Evidence.CLAIMED,
                    now=now,
                    seen=situation(delivery, ready=False),
                    owner=self.owner,
                    lease_until=lease,
                )
            return _gathered(session, allowed, {}, boot_time())

    def looking(self, *, now: datetime, limit: int, blocked: Collection[int] = ()) -> list[Claimed]:
        """Up to *limit* unknown or processing deliveries whose time to be looked up has come."""
        found = self._found(due.doubtful, now, limit, blocked)
        if not found:
            return []
        with self.database.write() as session:
            chosen = [d for d in due.locked(session, found, *due.LOOKED_UP) if _is_free(d, now)]
            for delivery in chosen:
                lease = now + self.timing.request + self.timing.margin
                values = {"owner": self.owner, "fence": delivery.fence + 1, "lease_until": lease}
                session.execute(update(Delivery).where(col(Delivery.id) == delivery.id).values(**values))
                for name, value in values.items():
                    setattr(delivery, name, value)
            return _gathered(session, _known(session, chosen), {}, boot_time())

    def _found(
        self,
        query: Callable[[Session, datetime, int, Collection[int]], Sequence[int]],
        now: datetime,
        limit: int,
        blocked: Collection[int],
    ) -> Sequence[int]:
        """Ids that *query* finds; mostly there are none, and then nobody has to wait for the writers' line."""
        if limit <= 0:
            return []
        with self.database.read() as session:
            return query(session, now, limit, blocked)

    def _with_channels(
        self, session: Session, rows: Sequence[tuple[Delivery, int, str]]
    ) -> list[tuple[Delivery, Channel]]:
        known = self._known
        for delivery, version, account in rows:
            channel = known.get(delivery.channel_id)
            if channel is None or (channel.version, channel.account) != (version, account):
                known |= _channels(session, [delivery for delivery, _, _ in rows])
                break
        return [(delivery, known[delivery.channel_id]) for delivery, _, _ in rows]

    def _to_publishing(
        self, session: Session, chosen: Sequence[tuple[Delivery, Channel]], now: datetime, taken: float
    ) -> list[Claimed]:
        sent_by = now + self.timing.send_deadline + self.timing.request
        useful = [
            one for one in chosen if not _too_late(session, one[0], now) and not _outlived(session, one[0], sent_by)
        ]
        allowed = self._through_the_gate(session, useful, now)
        if not allowed:
            return []
        lease = sent_by + self.timing.margin
        deliveries = [delivery for delivery, _, _ in allowed]
        start_publishing(session, deliveries, now=now, owner=self.owner, lease_until=lease)
        return _gathered(session, allowed, self._written(session, allowed, now), taken)

    def _written(self, session: Session, taken: Sequence["Taken"], now: datetime) -> dict[int, Written]:
        """An attempt for each, written down; by delivery id."""
        rows = [
            {
                "part_id": part.id,
                "delivery_id": delivery.id,
                "number": delivery.attempts,
                "fence": delivery.fence,
                "owner": self.owner,
                "fingerprint": fingerprint(part.post),
                "started": now,
            }
            for delivery, part, _ in taken
        ]
        written = session.connection().execute(_ATTEMPTS, rows)
        return {delivery: Written(number or 0, sent) for number, delivery, sent in written}

    def _through_the_gate(
        self, session: Session, chosen: Sequence[tuple[Delivery, Channel]], now: datetime
    ) -> list["Taken"]:
        """Those that are approved as they are; the others go back to proposed and say why."""
        if not chosen:
            return []
        frozen, approvals = gate.covered(session, [delivery for delivery, _ in chosen])
        allowed: list[Taken] = []
        for delivery, channel in chosen:
            number = delivery.id or 0
            why = gate.objection(delivery, frozen[number], channel, approvals.get(number))
            if why:
                advance(session, _row(session, delivery), Evidence.VOIDED, now=now, reason=why.reason())
            else:
                allowed.append((delivery, next(p for p in frozen[number] if p.number == delivery.part), channel))
        return allowed


_ATTEMPTS = insert(Attempt).returning(col(Attempt.id), col(Attempt.delivery_id), col(Attempt.fingerprint))

Taken = tuple[Delivery, Part, Channel]  # a delivery, its part to publish next, its channel


def _is_free(delivery: Delivery, now: datetime) -> bool:
    """To be looked up now, and in nobody's hand."""
    return delivery.next_at <= now and (delivery.lease_until is None or delivery.lease_until <= now)


def _too_late(session: Session, delivery: Delivery, now: datetime) -> bool:
    if delivery.until > now:
        return False
    reason = stopped_halfway(delivery) or _missed(delivery).reason()
    advance(session, _row(session, delivery), Evidence.TOO_LATE, now=now, reason=reason)
    return True


def _row(session: Session, delivery: Delivery) -> Delivery:
    """Its row as the session knows it."""
    return session.get_one(Delivery, delivery.id)


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
    row = _row(session, delivery)
    row.ready, row.prepared_until = False, None
    return True


def _channels(session: Session, deliveries: Sequence[Delivery]) -> dict[int, Channel]:
    numbers = {d.channel_id for d in deliveries}
    rows = session.exec(select(Channel).where(col(Channel.id).in_(numbers)))
    return {c.id or 0: c for c in rows}


def _known(session: Session, deliveries: Sequence[Delivery]) -> list[Taken]:
    if not deliveries:
        return []
    wanted = {d.id or 0: d.part for d in deliveries}
    rows = session.exec(select(Part).where(col(Part.delivery_id).in_(wanted)))
    current = {p.delivery_id: p for p in rows if p.number == wanted[p.delivery_id]}
    channels = _channels(session, deliveries)
    return [(d, current[d.id or 0], channels[d.channel_id]) for d in deliveries]


def _gathered(
    session: Session, taken: Sequence[Taken], attempts: Mapping[int, Written], moment: float
) -> list[Claimed]:
    deliveries = [delivery for delivery, _, _ in taken]
    before = _receipts_before(session, [d for d in deliveries if d.part > 1 and not d.independent])
    links = following.links(session, deliveries)
    return [
        Claimed(d, part, channel, attempts.get(d.id or 0), before.get(d.id or 0), moment, links.get(d.id or 0))
        for d, part, channel in taken
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
    """Let what ran out take its course: leases of the dead, also of those not heard of for the time of `preparing`; the
    latest useful time; and what nobody could tell for too long, also where the channel is paused. Answers how many rows
    moved."""
    with database.read() as session:
        if not any(_ran_out(session, timing, now, limit)):
            return 0  # as mostly, and then no writer had to wait for us
    with database.write() as session:
        leases, silent, late, stuck = _ran_out(session, timing, now, limit)
        over = [d for d in due.locked(session, [*leases, *silent], *due.IN_HAND) if _is_left(d, timing, now)]
        for delivery in over:
            _lease_over(session, delivery, now)
        missed = [d for d in due.locked(session, late, State.PROPOSED, State.WAITING) if _too_late(session, d, now)]
        bound = due.locked(session, stuck, *due.LOOKED_UP)
        for delivery in bound:
            advance(session, delivery, Evidence.BOUND_PASSED, now=now, reason=_nobody_told(delivery).reason())
        ring(session)
        return len(over) + len(missed) + len(bound)


def _ran_out(session: Session, timing: Timing, now: datetime, limit: int) -> tuple[Sequence[int], ...]:
    """Ids: leases that are over, those in silent hands, late ones, and those that nobody could tell of."""
    return (
        due.leases_over(session, now, limit),
        silence.in_silent_hands(session, now, limit, timing.preparing),
        due.late(session, now, limit),
        due.stuck(session, now, limit, now - timing.unknown_bound, now - timing.processing_bound),
    )


def _is_left(delivery: Delivery, timing: Timing, now: datetime) -> bool:
    """Still what was found: neither renewed nor taken anew a moment ago."""
    return delivery.lease_until is None or delivery.lease_until <= now or delivery.since <= now - timing.preparing


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
