"""The heads of free lanes: of each channel the one delivery that may be published next.

Found by the moments of what is due while that is little, and by a look at each lane while it is much. A look at
hundreds of lanes takes its time, so what it found and nobody has taken yet serves the claims after it.
Ids are found here; whoever takes them in hand locks the rows and looks again, by `still_due`.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from sqlalchemy import bindparam, exists, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from dissem.models import Channel, ChannelState, Delivery, State
from dissem.queue.due import MAY_ACT, RESTED, padded, sql

FEW = 200  # so many due deliveries are read one by one rather than a look be taken at each lane
GOOD_FOR = timedelta(seconds=0.5)  # how long what was found is used: something urgent waits that long at most

_COUNT = "SELECT count(*) FROM (SELECT 1 FROM delivery d WHERE d.state = 'waiting' AND d.next_at <= :now LIMIT :few) x"
_URGENT = "SELECT 1 FROM delivery d WHERE d.state = 'waiting' AND d.urgent AND d.next_at <= :now LIMIT 1"
_DUE = "{0}.ready AND {0}.next_at <= :now AND {0}.due <= :now AND ({0}.not_before IS NULL OR {0}.not_before <= :now)"
_FREE_LANE = f"""
    {MAY_ACT} AND {RESTED}
    AND NOT EXISTS (SELECT 1 FROM delivery busy WHERE busy.channel_id = c.id AND busy.state = 'publishing')
"""  # noqa: S608 - nothing in it comes from outside
_OF_FEW = f"""
    SELECT d.id, c.id, c.host, c.platform, c.agency, d.urgent
    FROM delivery d CROSS JOIN channel c
    WHERE d.state = 'waiting' AND {_DUE.format("d")} AND c.id = d.channel_id AND {_FREE_LANE}
    ORDER BY d.urgent DESC, d.next_at, d.id
"""  # noqa: S608
_OF_MANY = f"""
    WITH lane AS MATERIALIZED (
        SELECT c.id, c.host, c.platform, c.agency, (
            SELECT head.id FROM delivery head
            WHERE head.channel_id = c.id AND head.state = 'waiting' AND head.urgent = {{urgent}}
                AND {_DUE.format("head")}
            ORDER BY head.next_at, head.id LIMIT 1
        ) AS head
        FROM channel c WHERE {_FREE_LANE}
    )
    SELECT head, id, host, platform, agency, {{urgent}} AS urgent,
        (SELECT d.next_at FROM delivery d WHERE d.id = lane.head) AS moment
    FROM lane WHERE head IS NOT NULL ORDER BY moment, head
"""  # noqa: S608


class Head(NamedTuple):
    """The delivery at the head of a free lane, and where it goes."""

    delivery: int
    channel: int
    host: str
    platform: str
    agency: str
    urgent: bool


def find(session: Session, now: datetime) -> list[Head]:
    """The heads of all free lanes, prepared and due: urgent ones first, then the longest due of each agency by turns,
    so that one that has hundreds to catch up with delays no other.

    One delivery of a channel is published at a time.
    """
    due = session.execute(sql(_COUNT), {"now": now, "few": FEW}).scalar_one()
    if not due:
        return []
    of_each: dict[int, Head] = {}
    for query in (_OF_FEW,) if due < FEW else _of_many(session, now):
        for row in session.execute(sql(query), {"now": now}):
            of_each.setdefault(row[1], Head(*row[:6]))
    return _by_turns(of_each.values())


def _of_many(session: Session, now: datetime) -> Iterator[str]:
    if session.execute(sql(_URGENT), {"now": now}).first():
        yield _OF_MANY.format(urgent=True)
    yield _OF_MANY.format(urgent=False)


def _by_turns(heads: Collection[Head]) -> list[Head]:
    """*heads*, which come as they are due, so that each agency has its turn."""
    turns: Counter[tuple[str, bool]] = Counter()
    placed: list[tuple[bool, int, int, Head]] = []
    for head in heads:
        lot = (head.agency, bool(head.urgent))
        placed.append((not head.urgent, turns[lot], len(placed), head))
        turns[lot] += 1
    return [head for *_, head in sorted(placed)]


def within(
    found: Sequence[Head],
    room: Mapping[str, int],
    limit: int,
    ready: int,
    blind: Collection[str],
    blocked: Collection[int] = (),
) -> list[Head]:
    """The first *limit* of *found* that their hosts have room for, none of *blocked* channels. Of *blind* platforms
    only as many as can be sent at once, *ready*: what is in hand when we die cannot be looked up there."""
    left = dict(room)
    chosen: list[Head] = []
    for one in found:
        if len(chosen) >= limit:
            break
        if left.get(one.host, 1) <= 0 or (one.platform in blind and len(chosen) >= ready) or one.channel in blocked:
            continue
        if one.host in left:
            left[one.host] -= 1
        chosen.append(one)
    return chosen


_COLUMNS: Any = Delivery.__table__.columns  # type: ignore[attr-defined]
_busy = aliased(Delivery)
_STILL_DUE: Any = (
    select(*_COLUMNS, col(Channel.version), col(Channel.account).label("channel_account"))
    .join(Channel, col(Channel.id) == Delivery.channel_id)
    .where(
        col(Delivery.id).in_(bindparam("ids", expanding=True)),
        col(Delivery.state) == State.WAITING,
        col(Delivery.ready),
        col(Delivery.next_at) <= bindparam("now"),
        col(Delivery.due) <= bindparam("now"),
        or_(col(Delivery.not_before).is_(None), col(Delivery.not_before) <= bindparam("now")),
        col(Channel.state) == ChannelState.ACTIVE,
        col(Channel.account).is_not(None),
        or_(col(Channel.free_at).is_(None), col(Channel.free_at) <= bindparam("now")),
        ~exists().where(col(_busy.channel_id) == Channel.id, col(_busy.state) == State.PUBLISHING),
    )
    .with_for_update(skip_locked=True, of=Delivery)
)


def still_due(session: Session, heads: Sequence[Head], now: datetime) -> list[tuple[Delivery, int, str]]:
    """The rows of *heads* that are still prepared and due in a free lane of a channel that may publish, in their order,
    for this transaction alone; each with its channel's version and account. What another owner is taking at this
    moment is passed over, as by `due.locked`. They are to be read, not to be written: bare of what makes a row known
    to its session, which would take longer than all else in a claim."""
    numbers = [head.delivery for head in heads]
    found: dict[int, tuple[Delivery, int, str]] = {}
    for *values, version, account in session.connection().execute(_STILL_DUE, {"ids": padded(numbers), "now": now}):
        delivery = SimpleNamespace(**dict(zip(_COLUMNS.keys(), values, strict=True)))
        found[delivery.id] = cast(Delivery, delivery), version, account
    return [found[number] for number in numbers if number in found]


class Found:
    """What one owner found last and has not taken yet."""

    def __init__(self) -> None:
        self._heads: list[Head] = []
        self._at: datetime | None = None
        self._foreseen: datetime | None = None

    def foresee(self, session: Session, moment: datetime) -> None:
        """Look for what will be due at *moment*."""
        self._heads, self._at, self._foreseen = find(session, moment), moment, moment

    def foresaw(self, now: datetime) -> bool:
        """Whether *now* was foreseen; asked again, it was not."""
        foreseen = self._foreseen is not None and timedelta(0) <= now - self._foreseen < GOOD_FOR
        if foreseen:
            self._foreseen = None
        return foreseen

    def take(
        self, session: Session, now: datetime, limit: int, choose: Callable[[Sequence[Head]], list[Head]]
    ) -> list[Head]:
        """Up to *limit* that *choose* picks of what is left; if that is too old, or too little, of what is found
        anew."""
        fresh = bool(self._heads) and self._at is not None and abs(now - self._at) < GOOD_FOR
        chosen = choose(self._heads) if fresh else []
        if len(chosen) < limit:
            self._heads, self._at = find(session, now), now
            chosen = choose(self._heads)
        taken = set(chosen)
        self._heads = [head for head in self._heads if head not in taken]
        return chosen

    def forget(self) -> None:
        """Look anew next time."""
        self._heads = []
