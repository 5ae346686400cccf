"""Which part of a delivery comes next.

Chained parts follow each other: the next one refers to the one before. Independent parts, one a recipient, wait for
nobody: a dead address is passed over, one that asks for patience is put off, and those whose answer was lost come last.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, select

from dissem.models import Delivery, Part, Settled

_FRESH: dict[str, Any] = {"ambiguous": False, "absences": 0, "failures": 0, "deaths": 0, "reason": None}


def proven(session: Session, delivery: Delivery, now: datetime) -> dict[str, Any]:
    """Columns of *delivery* whose current part is public: it is published, or its next part waits."""
    if delivery.independent:
        return settled(session, delivery, Settled.PUBLIC, now)
    if delivery.part >= delivery.parts:
        return {**_FRESH, "published": now}
    part = session.exec(select(Part).where(Part.delivery_id == delivery.id, Part.number == delivery.part + 1)).one()
    doubtful = delivery.doubtful_parts > 0  # after a restore: what follows may be public, too
    return {
        **_FRESH,
        "part": part.number,
        "ready": not part.prepares,
        "next_at": now,
        "prepared_until": None,
        **({"ambiguous": True, "doubtful_parts": delivery.doubtful_parts - 1, "since": now} if doubtful else {}),
    }


def settled(
    session: Session, delivery: Delivery, outcome: Settled | None, now: datetime, *, again: datetime | None = None
) -> dict[str, Any]:
    """Columns of *delivery*, of independent parts, whose current part came to *outcome*; None: put off until *again*.

    What *delivery* says of its other parts is brought up to date first, as the transition table will ask for it.
    """
    session.execute(
        update(Part)
        .where(col(Part.delivery_id) == delivery.id, col(Part.number) == delivery.part)
        .values(settled=outcome, next_at=again)
    )
    parts = _parts(session, delivery)
    _recount(delivery, parts, beside=delivery.part)
    chosen = _next(parts, now)
    if chosen is None:
        return {**_FRESH, **counted(parts, beside=delivery.part), "published": now}
    return _pointed(parts, chosen, now)


def at_doubt(session: Session, delivery: Delivery, now: datetime) -> dict[str, Any]:
    """Columns of *delivery* that make a part in doubt its current one; nothing if there is none."""
    parts = _parts(session, delivery)
    doubtful = [part for part in parts if part.settled is Settled.UNSURE]
    return _pointed(parts, doubtful[0], now) if doubtful else {}


def recount(session: Session, delivery: Delivery) -> None:
    """Bring what *delivery* says of its other parts up to date: a late proof may have come of one of them."""
    _recount(delivery, _parts(session, delivery), beside=delivery.part)


def counted(parts: Sequence[Part], *, beside: int) -> dict[str, int]:
    """How many parts stand where, the one with the number *beside* not counted."""
    others = [part.settled for part in parts if part.number != beside]
    return {
        "open_parts": others.count(None),
        "doubtful_parts": others.count(Settled.UNSURE),
        "public_parts": others.count(Settled.PUBLIC),
    }


def _parts(session: Session, delivery: Delivery) -> Sequence[Part]:
    query = select(Part).where(Part.delivery_id == delivery.id, col(Part.number) <= delivery.parts)
    return session.exec(query.order_by(col(Part.number)).execution_options(populate_existing=True)).all()


def _recount(delivery: Delivery, parts: Sequence[Part], *, beside: int) -> None:
    for name, count in counted(parts, beside=beside).items():
        setattr(delivery, name, count)


def _next(parts: Sequence[Part], now: datetime) -> Part | None:
    """The open part that may be tried first, else the first one in doubt."""
    untried = [part for part in parts if part.settled is None]
    if untried:
        return min(untried, key=lambda part: (max(part.next_at or now, now), part.number))
    return next((part for part in parts if part.settled is Settled.UNSURE), None)


def _pointed(parts: Sequence[Part], part: Part, now: datetime) -> dict[str, Any]:
    """Columns of a delivery whose current part is *part*."""
    doubtful = part.settled is Settled.UNSURE
    return {
        **_FRESH,
        **counted(parts, beside=part.number),
        "part": part.number,
        "ready": not part.prepares,
        "prepared_until": None,
        "next_at": max(part.next_at or now, now),
        "ambiguous": doubtful,
        **({"since": now} if doubtful else {}),
    }
