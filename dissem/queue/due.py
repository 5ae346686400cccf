"""What there is to do: finding rows by partial indexes, so that it takes as long in a full queue as in an empty one.

In SQL and with the states written out, as the indexes name them: SQLite uses a partial index only where it can see that
its condition holds, and builds and runs these in less time than it takes to put them together anew.
Ids are found here; whoever takes them in hand locks the rows and looks again.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Integer, bindparam, text
from sqlmodel import Session, col, select
from sqlmodel.sql.sqltypes import UTCDateTime

from dissem.models import Delivery, State

LOOKED_UP = (State.UNKNOWN, State.PROCESSING)
IN_HAND = (State.PREPARING, State.PUBLISHING)

# The channel is not paused, and it is known whose account it is.
MAY_ACT = "c.state = 'active' AND c.account IS NOT NULL"
RESTED = "(c.free_at IS NULL OR c.free_at <= :now)"
_FREE = "(d.lease_until IS NULL OR d.lease_until <= :now)"

_UNREADY = f"""
    SELECT d.id FROM delivery d JOIN channel c ON c.id = d.channel_id
    WHERE d.state = 'waiting' AND NOT d.ready AND d.next_at <= :now
    AND {MAY_ACT} AND {RESTED} AND c.id NOT IN :blocked
    ORDER BY d.urgent DESC, d.next_at LIMIT :most
"""  # noqa: S608
_DOUBTFUL = f"""
    SELECT d.id FROM delivery d JOIN channel c ON c.id = d.channel_id
    WHERE d.state IN ('processing', 'unknown') AND d.next_at <= :now AND {_FREE}
    AND {MAY_ACT} AND c.id NOT IN :blocked
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
_WAITS = f"FROM delivery d JOIN channel c ON c.id = d.channel_id WHERE d.state = 'waiting' AND {MAY_ACT}"
_IN_DOUBT = f"""
    FROM delivery d JOIN channel c ON c.id = d.channel_id WHERE d.state IN ('processing', 'unknown') AND {MAY_ACT}
"""
_LEASED = "FROM delivery d WHERE d.state IN ('preparing', 'publishing')"
_LOOK = f"""
    SELECT
        (SELECT 1 {_WAITS} AND d.next_at <= :now ORDER BY d.next_at LIMIT 1) IS NOT NULL AS due,
        EXISTS (SELECT 1 {_WAITS} AND d.next_at <= :now AND NOT d.ready AND {RESTED}) AS unready,
        EXISTS (SELECT 1 {_IN_DOUBT} AND d.next_at <= :now) AS doubtful,
        EXISTS (SELECT 1 {_LEASED} AND d.lease_until <= :now) AS left_over,
        (SELECT d.next_at {_WAITS} AND d.next_at > :now ORDER BY d.next_at LIMIT 1) AS next_due,
        (SELECT d.next_at {_IN_DOUBT} AND d.next_at > :now ORDER BY d.next_at LIMIT 1) AS next_doubtful,
        (SELECT d.lease_until {_LEASED} AND d.lease_until > :now ORDER BY d.lease_until LIMIT 1) AS next_lease
"""
_BUSY = f"""
    SELECT 1 FROM delivery d JOIN channel c ON c.id = d.channel_id WHERE {MAY_ACT} AND (
        (d.state = 'waiting' AND d.next_at <= :now)
        OR d.state IN ('preparing', 'publishing') OR d.state IN ('processing', 'unknown')
    ) LIMIT 1
"""  # noqa: S608


def padded(ids: Collection[int]) -> list[int]:
    """*ids*, the last one repeated until they are a power of two: a list of each length is another statement, which
    PostgreSQL plans anew."""
    many = list(ids)
    return many + many[-1:] * ((1 << (len(many) - 1).bit_length()) - len(many) if many else 0)


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


def locked(session: Session, ids: Sequence[int], *states: State) -> list[Delivery]:
    """The rows of *ids* that are still in *states*, in their order, for this transaction alone. Rows another owner is
    taking at this moment are passed over (PostgreSQL; SQLite has one writer at a time)."""
    if not ids:
        return []
    query = select(Delivery).where(col(Delivery.id).in_(ids), col(Delivery.state).in_(states))
    rows = session.exec(query.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    found = {row.id: row for row in rows}
    return [found[number] for number in ids if number in found]


class Look(NamedTuple):
    """What one look at the queue shows. *due*: something waiting is, be its lane free or not; *unready*: something is
    to be prepared; *doubtful*: something is to be looked up; *left_over*: a lease has ended. *coming*: the next moment
    at which any of that is so."""

    due: bool
    unready: bool
    doubtful: bool
    left_over: bool
    coming: datetime | None

    @property
    def anything(self) -> bool:
        return self.due or self.doubtful or self.left_over


def look(session: Session, now: datetime) -> Look:
    """The queue as it is, but for channels that are paused."""
    due, unready, doubtful, left_over, *moments = session.execute(sql(_LOOK), {"now": now}).one()
    coming = min((moment for moment in moments if moment), default=None)
    return Look(bool(due), bool(unready), bool(doubtful), bool(left_over), coming)


def busy_until(session: Session, horizon: datetime) -> bool:
    """Whether anything is in hand, in doubt, or due by *horizon*, on channels that are not paused."""
    return session.execute(sql(_BUSY), {"now": horizon}).first() is not None


def _ids(session: Session, query: str, **values: Any) -> Sequence[int]:
    return [number for (number,) in session.execute(sql(query), values)]


_MOMENTS = ("now", "unknown", "processing")
_ANSWERED = ("next_due", "next_doubtful", "next_lease")


@cache
def sql(query: str) -> Any:
    """*query* as it is run: moments and lists of ids go in, moments come out, in the form of the database."""
    moments = [bindparam(name, type_=UTCDateTime()) for name in _MOMENTS if f":{name}" in query]
    lists: list[Any] = [bindparam("blocked", expanding=True, type_=Integer())] if ":blocked" in query else []
    built = text(query).bindparams(*lists, *moments)
    return built.columns(**dict.fromkeys(_ANSWERED, UTCDateTime())) if "AS next_due" in query else built
