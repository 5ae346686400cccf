"""Finding out what became of a delivery: lost answers are looked up, processing posts are asked after.

A positive finding counts at once. A negative one counts only after the settle time, twice, and only if the platform
answered completely; then keys and staged objects allow another try, everything else is for a person.
The settle time is that of the attempts themselves, whatever made the delivery unknown and however early.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from dissem.channels.adapter import Adapter, Certainty, Receipt
from dissem.config import Timing
from dissem.errors import DissemError
from dissem.models import Attempt, Delivery, Evidence, Publication, Situation, State
from dissem.queue import pacing, parts, restored
from dissem.queue.carry import (
    Carrier,
    Outcome,
    keep_receipt,
    pause,
    post_of,
    prepared_of,
    replace_row,
    there_twice,
)
from dissem.queue.claims import Claimed, receipt_of
from dissem.queue.moves import Lost, advance, situation
from dissem.queue.points import Point
from dissem.store.bell import ring

_UNSURE = (None, Evidence.UNCERTAIN.value, Evidence.LEASE_OVER.value, Evidence.RESTORED.value)
_REFUSED = (Evidence.REFUSED.value, Evidence.NO_RECIPIENT.value)
BEFORE = timedelta(minutes=2)  # clocks differ: look this much earlier than the attempt


class Anywhere(dict[str, Path]):
    """Stands for every file's place where only the text of a part matters."""

    def __missing__(self, key: str) -> Path:
        return Path(key)


@dataclass(frozen=True)
class Seen:
    """What one look showed."""

    outcome: Outcome
    situation: Situation
    settled: bool = False  # the settle time was over before the look began, so that "not there" counts


def look(carrier: Carrier, claimed: Claimed) -> None:
    """Ask the platform about one unknown or processing delivery, and write the verdict down."""
    carrier.reached(Point.BEFORE_LOOK)
    try:
        ask = _confirm if claimed.delivery.state is State.PROCESSING else _find
        seen = ask(carrier, claimed)
    except Exception as error:  # noqa: BLE001 — a failed look says nothing
        seen = Seen(_unable(error, claimed), situation(claimed.delivery))
    seen = replace(seen, outcome=_within(seen.outcome, claimed, carrier))
    carrier.tell_breakers(claimed.channel, seen.outcome)
    carrier.reached(Point.AFTER_LOOK)
    try:
        with carrier.installation.database.write() as session:
            _record(session, carrier, claimed, seen)
            ring(session)
            carrier.reached(Point.IN_VERDICT)
    except Lost:
        return
    carrier.reached(Point.AFTER_VERDICT)


def _unable(error: Exception, claimed: Claimed) -> Outcome:
    """What a look that failed says. A refused search is no verdict: only a post whose id is known can be given up."""
    outcome = Outcome.of_error(error, Evidence.UNCERTAIN)
    if outcome.evidence is Evidence.REFUSED and claimed.delivery.state is State.UNKNOWN:
        return Outcome(Evidence.UNCERTAIN, error=outcome.error)
    return outcome


def _confirm(carrier: Carrier, claimed: Claimed) -> Seen:
    with carrier.installation.database.read() as session:
        kept = session.exec(select(Publication).where(Publication.part_id == claimed.part.id)).one()
    receipt = carrier.adapter_of(claimed).confirm(receipt_of(kept))
    outcome = Outcome.of_receipt(receipt)
    if outcome.evidence is Evidence.ACCEPTED:
        outcome = Outcome(Evidence.LATER)
    return Seen(outcome, situation(claimed.delivery))


def _find(carrier: Carrier, claimed: Claimed) -> Seen:
    adapter = carrier.adapter_of(claimed)
    post = post_of(claimed, Anywhere())
    certainty = adapter.certainty(post)
    attempts = _attempts(carrier, claimed)
    unsure = [a for a in attempts if a.outcome in _UNSURE]
    settled = _is_settled(carrier, claimed, adapter, unsure)
    seen = situation(
        claimed.delivery,
        blind=certainty is Certainty.BLIND,
        resends=_may_resend(adapter, certainty, unsure, claimed.delivery) and not _was_refused(attempts),
        settled=settled and claimed.delivery.absences >= 1,  # one more is the second
    )
    if certainty is Certainty.BLIND:
        if adapter.facts.recipients and seen.resends:  # the same message again, which mail servers and readers fold
            return Seen(Outcome(Evidence.ABSENT, error=_absent(claimed)), seen, settled)
        return Seen(Outcome(Evidence.UNCERTAIN, error=_nobody_knows(claimed, unsure)), seen)
    first = min((a.started for a in unsure), default=claimed.delivery.since)
    found = adapter.find(post, prepared_of(claimed.part), first - BEFORE)
    return Seen(_judged(carrier, claimed, found, unsure), seen, settled)


def _attempts(carrier: Carrier, claimed: Claimed) -> Sequence[Attempt]:
    """Every attempt for this part, in order."""
    with carrier.installation.database.read() as session:
        return session.exec(
            select(Attempt).where(Attempt.part_id == claimed.part.id).order_by(col(Attempt.number))
        ).all()


def _was_refused(attempts: Sequence[Attempt]) -> bool:
    """Whether the platform said no to the last attempt: it would again, so a person decides."""
    return bool(attempts) and attempts[-1].outcome in _REFUSED


def _may_resend(adapter: Adapter, certainty: Certainty, unsure: Sequence[Attempt], delivery: Delivery) -> bool:
    """Whether it may be sent again once it is seen not to be there, after the attempts *unsure*."""
    allowed = adapter.settings.on_absent == "resend_once" and len(unsure) <= 1
    if any(restored.is_marked(a) for a in unsure):
        # what was staged after the backup is not known here, and a mail is not folded into one of last week
        listed = certainty is Certainty.READABLE and (allowed or all(restored.was_early(a, delivery) for a in unsure))
        return certainty is Certainty.KEYED or listed
    return allowed or certainty in (Certainty.KEYED, Certainty.STAGED)


def _is_settled(carrier: Carrier, claimed: Claimed, adapter: Adapter, unsure: Sequence[Attempt]) -> bool:
    """Whether none of the attempts *unsure* can still take effect unseen. Clocks differ, so what was written down last
    counts, by whomever."""
    began = max([claimed.delivery.since, *(a.started for a in unsure)])
    return carrier.now() >= settled_at(began, carrier.timing, adapter.facts.lag)


def settled_at(began: datetime, timing: Timing, lag: timedelta) -> datetime:
    """From when on "not there" can be believed of a request that *began* then."""
    return began + timing.send_deadline + timing.request + lag


def _judged(carrier: Carrier, claimed: Claimed, found: Sequence[Receipt], unsure: Sequence[Attempt]) -> Outcome:
    """What the proofs say, those left out that belong to other deliveries."""
    with carrier.installation.database.read() as session:
        others = session.exec(
            select(Publication.remote_id).where(
                Publication.channel_id == claimed.channel.id,
                Publication.account == (claimed.delivery.account or ""),
                Publication.part_id != claimed.part.id,
            )
        )
        taken = set(others)
    ours = [receipt for receipt in found if receipt.id not in taken]
    if len(ours) == 1:
        return Outcome.of_receipt(ours[0])
    return (
        Outcome(Evidence.PROOFS, error=there_twice(claimed))
        if ours
        else Outcome(Evidence.ABSENT, error=_absent(claimed, unsure))
    )


def _within(outcome: Outcome, claimed: Claimed, carrier: Carrier) -> Outcome:
    """What is still open after its bound is for a person."""
    timing, processing = carrier.timing, claimed.delivery.state is State.PROCESSING
    bound = timing.processing_bound if processing else timing.unknown_bound
    still_open = outcome.receipt is None and outcome.evidence not in (
        Evidence.REFUSED,
        Evidence.PROOFS,
        Evidence.ABSENT,
    )
    if still_open and carrier.now() - claimed.delivery.since > bound:
        return Outcome(Evidence.BOUND_PASSED, error=outcome.error or _nobody_knows(claimed))
    return outcome


def _record(session: Session, carrier: Carrier, claimed: Claimed, seen: Seen) -> None:
    now, delivery, outcome = carrier.now(), replace_row(claimed.delivery), seen.outcome
    if outcome.evidence is Evidence.PROOF:
        values = parts.proven(session, delivery, now)
        advance(session, delivery, Evidence.PROOF, now=now, **values)
    else:
        values = _values(carrier, claimed, seen, now)
        if outcome.evidence is Evidence.ABSENT and seen.situation.settled and seen.situation.resends:
            values |= restored.absent(session, delivery)
        advance(session, delivery, outcome.evidence, now=now, seen=seen.situation, **values)
    if outcome.receipt:
        keep_receipt(session, claimed, outcome.receipt, now)
    if outcome.evidence is Evidence.UNAUTHORIZED and outcome.error:
        pause(session, carrier.installation, claimed.channel, outcome.error, now)
    if delivery.state not in (State.UNKNOWN, State.PROCESSING):  # else the request may still be on its way
        carrier.close_media(claimed, outcome)


def _values(carrier: Carrier, claimed: Claimed, seen: Seen, now: datetime) -> dict[str, Any]:
    delivery, outcome = claimed.delivery, seen.outcome
    asked = getattr(outcome.error, "retry_after", None)
    values: dict[str, Any] = {
        "next_at": now + (asked or pacing.next_look(delivery.failures, carrier.timing)),
        "failures": delivery.failures + 1,
    }
    if outcome.error:
        values["reason"] = outcome.error.reason()
    if outcome.evidence is Evidence.ABSENT and seen.situation.settled:
        values |= {"absences": 0, "next_at": now, "failures": 0}
    elif outcome.evidence is Evidence.ABSENT:
        values["absences"] = delivery.absences + seen.settled
    return values


def _nobody_knows(claimed: Claimed, unsure: Sequence[Attempt] = ()) -> DissemError:
    since_backup = "It may have been published on {channel} after the backup, and the platform cannot be asked."
    return DissemError(
        since_backup if _restored(unsure) else "It may or may not be on {channel}, and the platform cannot be asked.",
        hint="Look there. If it is there: dissem delivery resolve {delivery} --published URL. "
        "If not: dissem delivery resolve {delivery} --absent",
        channel=claimed.channel.name,
        delivery=claimed.delivery.id or 0,
    )


def _absent(claimed: Claimed, unsure: Sequence[Attempt] = ()) -> DissemError:
    lost = "The answer of {channel} was lost, and the post was not found there so far."
    since_backup = "It may have been published on {channel} after the backup, and was not found there so far."
    return DissemError(
        since_backup if _restored(unsure) else lost,
        hint="If a person has to decide: dissem delivery resolve {delivery} --published URL or --absent",
        channel=claimed.channel.name,
        delivery=claimed.delivery.id,
    )


def _restored(unsure: Sequence[Attempt]) -> bool:
    """Whether nothing but a restore is why it may be public."""
    return bool(unsure) and all(restored.is_marked(a) for a in unsure)


def is_in_doubt(delivery: Delivery) -> bool:
    """Whether *delivery* may be public without proof."""
    in_doubt = delivery.ambiguous or delivery.doubtful_parts > 0
    return in_doubt or delivery.state in (State.UNKNOWN, State.PROCESSING, State.PUBLISHING)
