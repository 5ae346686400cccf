"""Owners that are not heard of any more: their lanes need not wait until the last lease ends.

A daemon says that it lives; one that is dead, cut off or stopped does not. What it was sending may still arrive, so
nothing follows from this but that the delivery is looked up and its lane is free: the wait before an absence counts is
that of the attempt (`dissem.queue.reconcile`), and a proof that comes late is kept.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from dissem.models import Daemon, Delivery, State


def in_silent_hands(session: Session, now: datetime, limit: int, silence: timedelta) -> Sequence[int]:
    """Deliveries being sent for longer than *silence*, under a lease, by owners that were not heard of for as long.

    Measured from whoever was heard last: if nobody could reach the database, or *now* has jumped, nobody is silent.
    Owners that never gave a sign of life keep their lease.
    """
    newest = session.exec(select(func.max(col(Daemon.beat)))).one()
    if newest is None:
        return []
    before = min(now, newest) - silence
    query = (
        select(Delivery.id)
        .join(Daemon, col(Daemon.owner) == Delivery.owner)
        .where(Delivery.state == State.PUBLISHING, col(Delivery.lease_until) > now)
        .where(Delivery.since <= before, Daemon.beat <= before)
        .limit(limit)
    )
    return [number or 0 for number in session.exec(query)]
