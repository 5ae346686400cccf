"""The lanes: what each channel would publish next. One delivery of a channel is published at a time.

A probe of a partial index for each channel, so that the time it takes does not grow with the queue.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from dissem.models import Channel, ChannelState, Delivery, State


@dataclass(frozen=True)
class Next:
    """The delivery at the head of a free lane, and where it goes."""

    delivery: Delivery
    host: str
    platform: str


def free(
    session: Session, now: datetime, limit: int, blocked: Collection[int], full: Collection[str]
) -> Sequence[Next]:
    """Up to twice *limit* heads of free lanes, prepared and due, urgent ones first, then the longest due.

    *blocked* channels are left alone. Hosts that are *full* are left out here already, so that their queue does not
    hide those behind it.
    """
    found: list[Next] = []
    for urgent in (True, False):
        if urgent and not _is_urgent(session, now):
            continue
        taken = [one.delivery.channel_id for one in found]
        values = {"now": now, "most": limit * 2, "blocked": [*blocked, *taken], "full": list(full)}
        found += [Next(*row) for row in session.execute(_heads(urgent), values)]
    return found


def within(
    found: Sequence[Next], room: Mapping[str, int], limit: int, ready: int, blind: Collection[str]
) -> list[Next]:
    """The first *limit* of *found* that their hosts have room for. Of *blind* platforms only as many as can be sent at
    once, *ready*: what is in hand when we die cannot be looked up there."""
    left = dict(room)
    chosen: list[Next] = []
    for one in found:
        if len(chosen) >= limit:
            break
        if left.get(one.host, 1) <= 0 or (one.platform in blind and len(chosen) >= ready):
            continue
        if one.host in left:
            left[one.host] -= 1
        chosen.append(one)
    return chosen


def may_act() -> ColumnElement[bool]:
    """The channel is not paused, and it is known whose account it is."""
    return and_(col(Channel.state) == ChannelState.ACTIVE, col(Channel.account).is_not(None))


def is_free(now: Any) -> ColumnElement[bool]:
    """The channel need not rest."""
    return or_(col(Channel.free_at).is_(None), col(Channel.free_at) <= now)


def _is_urgent(session: Session, now: datetime) -> bool:
    return session.execute(_urgent(), {"now": now}).first() is not None


@cache
def _urgent() -> Any:
    return (
        select(Delivery.id)
        .where(
            Delivery.state == State.WAITING, col(Delivery.urgent).is_(True), col(Delivery.next_at) <= bindparam("now")
        )
        .limit(1)
    )


@cache
def _heads(urgent: bool) -> Any:
    """Built once: to build it takes longer than to run it."""
    lane, first = aliased(Delivery), aliased(Delivery)
    now: Any = bindparam("now")
    head = (
        select(first.id)
        .where(
            first.channel_id == Channel.id,
            first.state == State.WAITING,
            col(first.ready).is_(True),
            col(first.urgent).is_(urgent),
            col(first.next_at) <= now,
            col(first.due) <= now,
            or_(col(first.not_before).is_(None), col(first.not_before) <= now),
        )
        .order_by(col(first.next_at), col(first.id))
        .limit(1)
        .correlate(Channel)
        .scalar_subquery()
    )
    busy = select(lane.id).where(lane.channel_id == Channel.id, lane.state == State.PUBLISHING).exists()
    return (
        select(Delivery, Channel.host, Channel.platform)
        .join(Channel, col(Delivery.channel_id) == Channel.id)
        .where(
            Delivery.id == head,
            Delivery.state == State.WAITING,
            may_act(),
            is_free(now),
            col(Channel.id).not_in(bindparam("blocked", expanding=True)),
            col(Channel.host).not_in(bindparam("full", expanding=True)),
            ~busy,
        )
        .order_by(col(Delivery.next_at), col(Delivery.id))
        .limit(bindparam("most"))
        # rows another owner is taking at this moment are passed over (PostgreSQL; SQLite has one writer at a time)
        .with_for_update(of=Delivery, skip_locked=True)
    )
