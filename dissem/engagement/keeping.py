"""What stays of the ledger: sums of each day and the last counts of each post for ever, every single reading as long as
`[engagement] keep` says.

Samples go by publication: once its newest is older than that, all are thrown away but those that hold what was last
known of a count. So every later day can still be made from samples; the days up to then are closed and stand as they
are in the roll-up.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select, update
from sqlmodel import Session, col

from dissem.channels.adapter import COUNTS
from dissem.engagement.arithmetic import day_of
from dissem.engagement.rollup import closed_until
from dissem.models import Engagement, EngagementDay
from dissem.store.installation import Installation

TOGETHER = 500  # publications in one transaction, so that no other writer waits long


def tidy(installation: Installation, *, now: datetime) -> int:
    """Throw away the readings that need not be kept; answers how many. Any number may run at once, and one that dies is
    gone on with by the next: the oldest are thinned first, and days closed only as far as that has come."""
    before, zone, gone = now - installation.config.engagement.keep, installation.zone, 0
    with installation.database.read() as session:
        over = _over(session, before, zone)
    for at in range(0, len(over), TOGETHER):
        some = over[at : at + TOGETHER]
        with installation.database.write() as session:
            _close(session, day_of(some[-1][1], zone))
            gone += _thin(session, [publication for publication, _newest in some])
    return gone


def _over(session: Session, before: datetime, zone: ZoneInfo) -> list[tuple[int, datetime]]:
    """Publications whose newest sample is older than *before*, with its moment, oldest first. Those that were thinned
    before are left out: their moments lie on closed days."""
    number, at = col(Engagement.publication_id), col(Engagement.at)
    some = select(number).where(at < before)
    if closed := closed_until(session):
        some = some.where(at >= datetime.combine(closed, time(), zone).astimezone(UTC))
    newest = func.max(at)
    query = select(number, newest).where(number.in_(some.distinct())).group_by(number)
    rows = session.execute(query.having(newest < before, func.count() > 1).order_by(newest))
    return [(publication, moment) for publication, moment in rows]


def _close(session: Session, day: date) -> None:
    """Mark the days that can lose samples, in the transaction in which they do."""
    days = col(EngagementDay.day) <= day
    session.execute(update(EngagementDay).where(days, col(EngagementDay.closed).is_(False)).values(closed=True))


def _thin(session: Session, publications: Sequence[int]) -> int:
    counts = [col(getattr(Engagement, name)) for name in COUNTS]
    query = select(col(Engagement.publication_id), col(Engagement.id), *counts).where(
        col(Engagement.publication_id).in_(publications)
    )
    rows = session.execute(query.order_by(col(Engagement.publication_id), col(Engagement.at))).all()
    gone = [number for _publication, samples in groupby(rows, key=lambda row: row[0]) for number in _spent(samples)]
    for at in range(0, len(gone), TOGETHER):
        session.execute(delete(Engagement).where(col(Engagement.id).in_(gone[at : at + TOGETHER])))
    return len(gone)


def _spent(samples: Iterable[Any]) -> Iterator[int]:
    """Ids of one publication's samples, oldest first, without which every last known count and the newest remain."""
    known: set[int] = set()
    newest_first = list(samples)[::-1]
    for place, (_publication, number, *values) in enumerate(newest_first):
        told = {count for count, value in enumerate(values) if value is not None}
        if place and told <= known:
            yield number
        known |= told
