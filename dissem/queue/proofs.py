"""Many proofs in few statements: posts that are public, each the last of its delivery, with nothing else to follow."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, col, select

from dissem.channels.adapter import Receipt
from dissem.models import Attempt, Delivery, Evidence, Publication, State, move
from dissem.queue import following
from dissem.queue.claims import Claimed
from dissem.queue.moves import Lost, situation

if TYPE_CHECKING:
    from dissem.queue.carry import Outcome


def write(session: Session, proofs: "Sequence[tuple[Claimed, Outcome]]", now: datetime) -> None:
    """Write *proofs* of deliveries that end with them. Raises Lost, or a broken key, if one of them is not so plain."""
    parts = [claimed.part.id for claimed, _ in proofs]
    if session.exec(select(Publication.id).where(col(Publication.part_id).in_(parts)).limit(1)).first():
        raise Lost("One of them has a publication already.")
    for claimed, _ in proofs:
        if move(claimed.delivery.state, Evidence.PROOF, situation(claimed.delivery)).state is not State.PUBLISHED:
            raise Lost("One of them does not end here.")
    connection = session.connection()
    moved = connection.execute(_PUBLISHED, [_delivery(claimed, now) for claimed, _ in proofs])
    if moved.rowcount != len(proofs):
        raise Lost("One of them was moved by somebody else.")
    connection.execute(_CLOSED, [_attempt(claimed, outcome, now) for claimed, outcome in proofs])
    connection.execute(insert(Publication), [_publication(claimed, outcome, now) for claimed, outcome in proofs])
    following.tell_all(session, [claimed.delivery.id or 0 for claimed, _ in proofs], now)


_PUBLISHED = (
    update(Delivery)
    .where(
        col(Delivery.id) == bindparam("the_id"),
        col(Delivery.fence) == bindparam("known_fence"),
        col(Delivery.state) == State.PUBLISHING,
    )
    .values(
        state=State.PUBLISHED,
        fence=bindparam("next_fence"),
        since=bindparam("moment"),
        published=bindparam("moment"),
        owner=None,
        lease_until=None,
        ambiguous=False,
        absences=0,
        failures=0,
        deaths=0,
        reason=None,
    )
)
_CLOSED = (
    update(Attempt)
    .where(col(Attempt.id) == bindparam("the_id"))
    .values(settled=bindparam("moment"), outcome=Evidence.PROOF.value, detail=bindparam("said"))
)


def _delivery(claimed: Claimed, now: datetime) -> dict[str, Any]:
    fence = claimed.delivery.fence
    return {"the_id": claimed.delivery.id, "known_fence": fence, "next_fence": fence + 1, "moment": now}


def _attempt(claimed: Claimed, outcome: "Outcome", now: datetime) -> dict[str, Any]:
    attempt = claimed.attempt.id if claimed.attempt else None
    return {"the_id": attempt, "moment": now, "said": {"id": _receipt(outcome).id}}


def _publication(claimed: Claimed, outcome: "Outcome", now: datetime) -> dict[str, Any]:
    receipt = _receipt(outcome)
    return {
        "part_id": claimed.part.id,
        "delivery_id": claimed.delivery.id,
        "channel_id": claimed.channel.id,
        "account": claimed.delivery.account or "",
        "remote_id": receipt.id,
        "also": list(receipt.also),
        "url": receipt.url,
        "fingerprint": claimed.attempt.fingerprint if claimed.attempt else "",
        "published": now,
    }


def _receipt(outcome: "Outcome") -> Receipt:
    if outcome.receipt is None:
        raise ValueError("a proof without a receipt")
    return outcome.receipt
