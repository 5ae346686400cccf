"""The one place where a delivery's row changes its state: the table decides, the fence guards."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col

from dissem.errors import Conflict
from dissem.models import Delivery, Evidence, Held, Move, Situation, State, move
from dissem.queue import following, parts


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


def advance_alike(
    session: Session, deliveries: Sequence[Delivery], evidence: Evidence, target: State, *, now: datetime, **values: Any
) -> None:
    """Move *deliveries*, whose rows nobody else can change meanwhile, all to *target* on the same *evidence*.

    *values* are further columns, the same for all, or expressions. Raises Lost if a row has moved, and
    `dissem.models.life.Impossible` or ValueError if the table sends one elsewhere.
    """
    if any(move(d.state, evidence, situation(d, due=True)).state is not target for d in deliveries):
        raise ValueError(f"{evidence} does not lead to {target} for all of them")
    fences = [d.fence for d in deliveries]
    changed = session.execute(
        update(Delivery)
        .where(
            col(Delivery.id).in_([d.id for d in deliveries]),
            col(Delivery.state).in_({d.state for d in deliveries}),
            col(Delivery.fence).in_(set(fences)),
        )
        .values(state=target, held=None, since=now, fence=col(Delivery.fence) + 1, **values)
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount != len(deliveries):  # type: ignore[attr-defined]
        raise Lost("Some deliveries were moved by somebody else.", hint="Look at them again.")
    for delivery in deliveries:
        known = {name: value for name, value in values.items() if not isinstance(value, ColumnElement)}
        for name, value in {"state": target, "held": None, "since": now, "fence": delivery.fence + 1, **known}.items():
            set_committed_value(delivery, name, value)


def _turned(session: Session, delivery: Delivery, evidence: Evidence, target: Move, now: datetime) -> dict[str, Any]:
    """Where another part than the current one is why *delivery* is in doubt, that one becomes the current one."""
    itself = delivery.ambiguous or evidence in (Evidence.UNCERTAIN, Evidence.LEASE_OVER, Evidence.PROOFS)
    if not delivery.doubtful_parts or itself or target.state not in (State.UNKNOWN, State.HELD):
        return {}
    return parts.at_doubt(session, delivery, now)


def _released(state: State) -> dict[str, Any]:
    """A row that is in nobody's hand has no owner and no lease."""
    if state in (State.PREPARING, State.PUBLISHING):
        return {}
    return {"owner": None, "lease_until": None}
