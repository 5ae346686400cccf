"""Many proofs in few statements: posts that are public, each the last of its delivery, with nothing else to follow."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, text, update
from sqlmodel import Session, col
from sqlmodel.sql.sqltypes import UTCDateTime

from dissem.channels.adapter import Receipt
from dissem.models import Delivery, Evidence, Publication, State, move
from dissem.queue import following
from dissem.queue.claims import Claimed
from dissem.queue.due import padded
from dissem.queue.moves import Lost, situation

if TYPE_CHECKING:
    from dissem.queue.carry import Outcome


def write(session: Session, proofs: "Sequence[tuple[Claimed, Outcome]]", now: datetime) -> None:
    """Write *proofs* of deliveries that end with them. Raises Lost, or a broken key, if one of them is not so plain."""
    for claimed, _ in proofs:
        if move(claimed.delivery.state, Evidence.PROOF, situation(claimed.delivery)).state is not State.PUBLISHED:
            raise Lost("One of them does not end here.")
    connection = session.connection()
    fences = {claimed.delivery.id or 0: claimed.delivery.fence + 1 for claimed, _ in proofs}
    moved = connection.execute(_PUBLISHED, {"ids": padded(fences), "moment": now})
    if {number: fence for number, fence in moved} != fences:  # noqa: C416 - a row is not a pair to `dict`
        raise Lost("One of them was moved by somebody else.")
    connection.execute(_PROOFS, [_publication(claimed, outcome, now) for claimed, outcome in proofs])
    attempts = [claimed.attempt.id for claimed, _ in proofs if claimed.attempt]
    closing = {"ids": padded(attempts), "moment": now, "evidence": Evidence.PROOF.value}
    connection.execute(_closed(connection.dialect.name), closing)
    following.tell_all(session, list(fences), now)


_PUBLISHED = (
    update(Delivery)
    .where(col(Delivery.id).in_(bindparam("ids", expanding=True)), col(Delivery.state) == State.PUBLISHING)
    .values(
        state=State.PUBLISHED,
        fence=col(Delivery.fence) + 1,
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
    .returning(col(Delivery.id), col(Delivery.fence))
)
# With what it returns, SQLAlchemy writes many rows by one statement. A part that has a proof is for the careful way.
_PROOFS = insert(Publication).returning(col(Publication.id))
_CLOSED = """
    UPDATE attempt SET settled = :moment, outcome = :evidence, detail = {object}('id', proof.remote_id)
    FROM publication proof WHERE proof.part_id = attempt.part_id AND attempt.id IN :ids
"""


@cache
def _closed(dialect: str) -> Any:
    """Closes attempts by the proofs just written."""
    made = _CLOSED.format(object="json_object" if dialect == "sqlite" else "jsonb_build_object")
    return text(made).bindparams(bindparam("ids", expanding=True), bindparam("moment", type_=UTCDateTime()))


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
