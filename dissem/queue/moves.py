"""The one place where a delivery's row changes its state: the table decides, the fence guards."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col

from dissem.errors import Conflict
from dissem.models import Delivery, Evidence, Held, Move, Situation, State, move
from dissem.queue import following, parts
from dissem.queue.due import padded

# What says that the current part itself may be public, whatever is in doubt beside it.
_OF_ITSELF = frozenset(
    {Evidence.UNCERTAIN, Evidence.LEASE_OVER, Evidence.PROOFS, Evidence.HANDED_OVER, Evidence.BOUND_PASSED}
)


class Lost(Conflict):
    """Somebody else has moved the delivery in the meantime."""


def situation(delivery: Delivery, **more: Any) -> Situation:
    """What the row itself says; *more* adds what only the caller knows."""
    independent = delivery.independent
    known = {
        "last_part": not delivery.open_parts if independent else delivery.part >= delivery.parts,
        "public_part": bool(delivery.public_parts) if independent else delivery.part > 1,
        "independent": independent,
        "doubtful": delivery.doubtful_parts > 0,
        "ambiguous": delivery.ambiguous,
        "ready": delivery.ready,
    }
    return Situation(**{**known, **more})


def advance(
    session: Session,
    delivery: Delivery,
    evidence: Evidence,
    *,
    now: datetime,
    seen: Situation | None = None,
    **values: Any,
) -> Move:
    """Move *delivery* on *evidence*, only if its row is still as we know it; *values* are further columns.

    The row's fence grows, so whoever held it before can no longer write. Raises Lost if the row has moved.
    """
    if delivery.independent and delivery.doubtful_parts:
        parts.recount(session, delivery)
        known = situation(delivery)
        seen = seen and replace(seen, doubtful=known.doubtful, public_part=known.public_part)
    target = move(delivery.state, evidence, seen or situation(delivery))
    if target.state is not delivery.state:
        values = {"since": now, **values}
    values = {
        "state": target.state,
        "held": target.held,
        "fence": delivery.fence + 1,
        **_released(target.state),
        **_turned(session, delivery, evidence, target, now),
        **values,
    }
    if target.state is State.UNKNOWN or target.held in (Held.UNKNOWN, Held.TWICE, Held.PROCESSING, Held.HANDED):
        values["ambiguous"] = True
    changed = session.execute(
        update(Delivery)
        .where(
            col(Delivery.id) == delivery.id,
            col(Delivery.fence) == delivery.fence,
            col(Delivery.state) == delivery.state,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise Lost("Delivery {delivery} was moved by somebody else.", hint="Look at it again.", delivery=delivery.id)
    for name, value in values.items():
        set_committed_value(delivery, name, value)
    following.tell(session, delivery, now)
    return target


def start_publishing(
    session: Session, deliveries: Sequence[Delivery], *, now: datetime, owner: str, lease_until: datetime
) -> None:
    """Move *deliveries*, which wait and whose rows nobody else can change meanwhile, to publishing, each with one more
    attempt. They are bare rows, of `heads.still_due`. Raises Lost if a row has moved, and Impossible or ValueError if
    the table sends one elsewhere."""
    if any(move(d.state, Evidence.CLAIMED, situation(d, due=True)).state is not State.PUBLISHING for d in deliveries):
        raise ValueError("a claim does not lead to publishing for all of them")
    values = {"since": now, "owner": owner, "lease_until": lease_until}
    numbers = padded([delivery.id or 0 for delivery in deliveries])
    changed = session.connection().execute(_CLAIMED, {"ids": numbers, **{f"the_{n}": v for n, v in values.items()}})
    if changed.rowcount != len(deliveries):
        raise Lost("Some deliveries were moved by somebody else.", hint="Look at them again.")
    for delivery in deliveries:
        counts = {"fence": delivery.fence + 1, "attempts": delivery.attempts + 1}
        vars(delivery).update(state=State.PUBLISHING, **values, **counts)


_CLAIMED = (
    update(Delivery)
    .where(col(Delivery.id).in_(bindparam("ids", expanding=True)), col(Delivery.state) == State.WAITING)
    .values(
        state=State.PUBLISHING,
        since=bindparam("the_since"),
        owner=bindparam("the_owner"),
        lease_until=bindparam("the_lease_until"),
        fence=col(Delivery.fence) + 1,
        attempts=col(Delivery.attempts) + 1,
    )
)


def _turned(session: Session, delivery: Delivery, evidence: Evidence, target: Move, now: datetime) -> dict[str, Any]:
    """Where another part than the current one is why *delivery* is in doubt, that one becomes the current one."""
    return parts.at_doubt(session, delivery, now) if turns(delivery, evidence, target) else {}


def turns(delivery: Delivery, evidence: Evidence, target: Move) -> bool:
    """Whether *delivery*, going to *target* on *evidence*, is in doubt for another part than its current one."""
    itself = delivery.ambiguous or evidence in _OF_ITSELF
    return bool(delivery.doubtful_parts) and not itself and target.state in (State.UNKNOWN, State.HELD)


def _released(state: State) -> dict[str, Any]:
    """A row that is in nobody's hand has no owner and no lease."""
    if state in (State.PREPARING, State.PUBLISHING):
        return {}
    return {"owner": None, "lease_until": None}
