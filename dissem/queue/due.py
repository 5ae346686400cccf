"""What there is to do: finding rows by partial indexes, so that it takes as long in a full queue as in an empty one.

In SQL and with the states written out, as the indexes name them: SQLite uses a partial index only where it can see that
its condition holds, and builds and runs these in less time than it takes to put them together anew.
Ids are found here; whoever takes them in hand locks the rows and looks again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Integer, String, bindparam, or_, text
from sqlmodel import Session, col, select
from sqlmodel.sql.sqltypes import UTCDateTime

from dissem.models import Channel, ChannelState, Delivery, State

LOOKED_UP = (State.UNKNOWN, State.PROCESSING)
IN_HAND = (State.PREPARING, State.PUBLISHING)

# The channel is not paused, and it is known whose account it is.
_MAY_ACT = "c.state = 'active' AND c.account IS NOT NULL"
_RESTED = "(c.free_at IS NULL OR c.free_at <= :now)"
_FREE = "(d.lease_until IS NULL OR d.lease_until <= :now)"

_HEADS = f"""
    WITH lane AS MATERIALIZED (
        SELECT c.id, c.host, c.platform, c.agency, (
            SELECT head.id FROM delivery head
            WHERE head.channel_id = c.id AND head.state = 'waiting' AND head.ready AND head.urgent = {{urgent}}
                AND head.next_at <= :now AND head.due <= :now AND (head.not_before IS NULL OR head.not_before <= :now)
            ORDER BY head.next_at, head.id LIMIT 1
        ) AS head
        FROM channel c
        WHERE {_MAY_ACT} AND {_RESTED} AND c.id NOT IN :blocked AND c.host NOT IN :full
        AND NOT EXISTS (SELECT 1 FROM delivery busy WHERE busy.channel_id = c.id AND busy.state = 'publishing')
    )
    SELECT d.id, lane.id, lane.host, lane.platform FROM lane JOIN delivery d ON d.id = lane.head
    ORDER BY ROW_NUMBER() OVER (PARTITION BY lane.agency ORDER BY d.next_at, d.id), d.next_at, d.id LIMIT :most
"""  # noqa: S608 - nothing in it comes from outside
_URGENT = "SELECT 1 FROM delivery d WHERE d.state = 'waiting' AND d.urgent AND d.next_at <= :now LIMIT 1"
_WAITING = "SELECT 1 FROM delivery d WHERE d.state = 'waiting' AND d.next_at <= :now LIMIT 1"
_UNREADY = f"""
    SELECT d.id FROM delivery d JOIN channel c ON c.id = d.channel_id
    WHERE d.state = 'waiting' AND NOT d.ready AND d.next_at <= :now
    AND {_MAY_ACT} AND {_RESTED} AND c.id NOT IN :blocked
    ORDER BY d.urgent DESC, d.next_at LIMIT :most
"""  # noqa: S608
_DOUBTFUL = f"""
    SELECT d.id FROM delivery d JOIN channel c ON c.id = d.channel_id
    WHERE d.state IN ('processing', 'unknown') AND d.next_at <= :now AND {_FREE}
    AND {_MAY_ACT} AND c.id NOT IN :blocked
    ORDER BY d.next_at LIMIT :most
"""  # noqa: S608
_LEASES_OVER = """
    SELECT d.id FROM delivery d WHERE d.state IN ('preparing', 'publishing') AND d.lease_until <= :now LIMIT :most
"""
_LATE = """
    SELECT d.id FROM delivery d WHERE d.state IN ('proposed', 'waiting') AND d.until <= :now
    ORDER BY d.until LIMIT :most
"""
_STUCK = f"""
    SELECT d.id FROM delivery d
    WHERE d.state IN ('processing', 'unknown') AND {_FREE}
    AND ((d.state = 'unknown' AND d.since < :unknown) OR (d.state = 'processing' AND d.since < :processing))
    LIMIT :most
"""  # noqa: S608
_NEXT = {
    "waiting": f"""
        SELECT d.next_at AS moment FROM delivery d JOIN channel c ON c.id = d.channel_id
        WHERE d.state = 'waiting' AND d.next_at > :after AND {_MAY_ACT} ORDER BY d.next_at LIMIT 1
    """,  # noqa: S608
    "doubtful": f"""
        SELECT d.next_at AS moment FROM delivery d JOIN channel c ON c.id = d.channel_id
        WHERE d.state IN ('processing', 'unknown') AND d.next_at > :after AND {_MAY_ACT} ORDER BY d.next_at LIMIT 1
    """,  # noqa: S608
    "in hand": """
        SELECT d.lease_until AS moment FROM delivery d
        WHERE d.state IN ('preparing', 'publishing') AND d.lease_until > :after ORDER BY d.lease_until LIMIT 1
    """,
}
_BUSY = f"""
    SELECT 1 FROM delivery d JOIN channel c ON c.id = d.channel_id WHERE {_MAY_ACT} AND (
        (d.state = 'waiting' AND d.next_at <= :now)
        OR d.state IN ('preparing', 'publishing') OR d.state IN ('processing', 'unknown')
    ) LIMIT 1
"""  # noqa: S608


@dataclass(frozen=True)
class Head:
    """The delivery at the head of a free lane, and where it goes."""

    delivery: int
    channel: int
    host: str
    platform: str
    urgent: bool = False


def heads(
    session: Session, now: datetime, limit: int, blocked: Collection[int], full: Collection[str]
) -> Sequence[Head]:
    """Up to twice *limit* heads of free lanes, prepared and due, urgent ones first, then the longest due of each agency
    by turns: one that has hundreds to catch up with delays no other.

    One delivery of a channel is published at a time. *blocked* channels are left alone. Hosts that are *full* are left
    out here already, so that their queue does not hide those behind it.
    """
    found: list[Head] = []
    if not session.execute(_sql(_WAITING), {"now": now}).first():
        return found
    for urgent in (True, False):
        if urgent and not session.execute(_sql(_URGENT), {"now": now}).first():
            continue
        taken = [one.channel for one in found]
        query = _sql(_HEADS.format(urgent=urgent))
        values = {"now": now, "most": limit * 2, "blocked": [*blocked, *taken], "full": list(full)}
        rows = session.execute(query, values).all()
        found += [Head(row[0], row[1], row[2], row[3], urgent) for row in rows]
    return found


def within(
    found: Sequence[Head], room: Mapping[str, int], limit: int, ready: int, blind: Collection[str]
) -> list[Head]:
    """The first *limit* of *found* that their hosts have room for. Of *blind* platforms only as many as can be sent at
    once, *ready*: what is in hand when we die cannot be looked up there."""
    left = dict(room)
    chosen: list[Head] = []
    for one in found:
        if len(chosen) >= limit:
            break
        if left.get(one.host, 1) <= 0 or (one.platform in blind and len(chosen) >= ready):
            continue
        if one.host in left:
            left[one.host] -= 1
        chosen.append(one)
    return chosen


def unready(session: Session, now: datetime, limit: int, blocked: Collection[int]) -> Sequence[int]:
    """Deliveries whose next part is still to be prepared."""
    return _ids(session, _UNREADY, now=now, most=limit, blocked=list(blocked))


def doubtful(session: Session, now: datetime, limit: int, blocked: Collection[int]) -> Sequence[int]:
    """Unknown and processing deliveries whose time to be looked up has come."""
    return _ids(session, _DOUBTFUL, now=now, most=limit, blocked=list(blocked))


def leases_over(session: Session, now: datetime, limit: int) -> Sequence[int]:
    """Deliveries whose worker is gone."""
    return _ids(session, _LEASES_OVER, now=now, most=limit)


def late(session: Session, now: datetime, limit: int) -> Sequence[int]:
    """Deliveries whose latest useful time has passed."""
    return _ids(session, _LATE, now=now, most=limit)


def stuck(session: Session, now: datetime, limit: int, unknown: datetime, processing: datetime) -> Sequence[int]:
    """Those that are unknown, or processing, since before these moments, and in nobody's hand."""
    return _ids(session, _STUCK, now=now, most=limit, unknown=unknown, processing=processing)


_STILL_DUE = (
    select(Delivery, Channel.version, Channel.account)
    .join(Channel, col(Channel.id) == Delivery.channel_id)
    .where(
        col(Delivery.id).in_(bindparam("ids", expanding=True)),
        Delivery.state == State.WAITING,
        col(Delivery.ready),
        col(Delivery.next_at) <= bindparam("now"),
        col(Delivery.due) <= bindparam("now"),
        or_(col(Delivery.not_before).is_(None), col(Delivery.not_before) <= bindparam("now")),
        Channel.state == ChannelState.ACTIVE,
        col(Channel.account).is_not(None),
        or_(col(Channel.free_at).is_(None), col(Channel.free_at) <= bindparam("now")),
    )
    .with_for_update(skip_locked=True, of=Delivery)
    .execution_options(populate_existing=True)
)


def still_due(session: Session, heads: Sequence[Head], now: datetime) -> list[tuple[Delivery, int, str]]:
    """The rows of *heads* that are still prepared and due on a channel that may publish, in their order, for this
    transaction alone; each with its channel's version and account. What another owner is taking at this moment is
    passed over, as by `locked`."""
    numbers = [head.delivery for head in heads]
    rows = session.execute(_STILL_DUE, {"ids": numbers, "now": now})
    found = {delivery.id: (delivery, version, account) for delivery, version, account in rows}
    return [found[number] for number in numbers if number in found]


def locked(session: Session, ids: Sequence[int], *states: State) -> list[Delivery]:
    """The rows of *ids* that are still in *states*, in their order, for this transaction alone. Rows another owner is
    taking at this moment are passed over (PostgreSQL; SQLite has one writer at a time)."""
    if not ids:
        return []
    query = select(Delivery).where(col(Delivery.id).in_(ids), col(Delivery.state).in_(states))
    rows = session.exec(query.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    found = {row.id: row for row in rows}
    return [found[number] for number in ids if number in found]


def next_moment(session: Session, after: datetime) -> datetime | None:
    """The next moment *after* that a delivery of an active channel has something to do, or a lease ends."""
    moments = [session.execute(_sql(query), {"after": after}).scalar() for query in _NEXT.values()]
    return min((moment for moment in moments if moment), default=None)


def busy_until(session: Session, horizon: datetime) -> bool:
    """Whether anything is in hand, in doubt, or due by *horizon*, on channels that are not paused."""
    return session.execute(_sql(_BUSY), {"now": horizon}).first() is not None


def _ids(session: Session, query: str, **values: Any) -> Sequence[int]:
    return [number for (number,) in session.execute(_sql(query), values)]


_MOMENTS = ("now", "after", "unknown", "processing")
_LISTS: dict[str, Any] = {"blocked": Integer(), "full": String()}


@cache
def _sql(query: str) -> Any:
    lists: list[Any] = [bindparam(n, expanding=True, type_=kind) for n, kind in _LISTS.items() if f":{n}" in query]
    moments = [bindparam(name, type_=UTCDateTime()) for name in _MOMENTS if f":{name}" in query]
    built = text(query).bindparams(*lists, *moments)
    return built.columns(moment=UTCDateTime()) if "AS moment" in query else built
