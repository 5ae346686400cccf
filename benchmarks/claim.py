"""Taking a hundred of ten thousand due deliveries in hand while a million wait for later, each channel's lane kept.

Finding is the query for the heads of free lanes. A claim is all that happens in its transaction: finding, locking, the
gate's look at parts and approval of each, the new state, and an attempt written down for each before anything is sent.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import col

from benchmarks.pile import CHANNELS, Pile
from dissem.models import Attempt, Delivery, State
from dissem.queue import due, heads
from dissem.queue.claims import Claimed, Claims

HUNDRED = 100
ROUNDS = 8  # in each of which every lane is taken


@dataclass(frozen=True)
class Claim:
    """Medians, in seconds."""

    find: float
    claim: float
    nothing: float  # finding where nothing is due
    nearest: float  # the next moment at which something is


def measure(pile: Pile, waiting: int, rounds: int = ROUNDS) -> Claim:
    """With *waiting* due deliveries on this pile."""
    now, database = datetime.now(UTC), pile.installation.database
    past = now - timedelta(hours=1)
    nothing = [_timed(lambda: _find(pile, now)) for _ in range(rounds * 5)]
    nearest = [_timed(lambda: _nearest(pile, now)) for _ in range(rounds * 5)]
    added = pile.add([past + timedelta(milliseconds=place) for place in range(waiting)])
    claims = Claims(database, "benchmark", pile.installation.config.timing)
    find, claim = [], []
    for _ in range(rounds):
        taken: list[Claimed] = []
        for _ in range(CHANNELS // HUNDRED):
            find.append(_timed(lambda: _find(pile, now)))
            claim.append(_timed(lambda: taken.extend(claims.publishing(now=now, limit=HUNDRED))))  # noqa: B023
        assert len(taken) == min(waiting, CHANNELS), f"only {len(taken)} were claimed"
        _give_back(pile, added)
    _give_up(pile, added)
    return Claim(median(find), median(claim), median(nothing), median(nearest))


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _find(pile: Pile, now: datetime) -> Any:
    with pile.installation.database.read() as session:
        return heads.find(session, now)


def _nearest(pile: Pile, now: datetime) -> Any:
    with pile.installation.database.read() as session:
        return due.look(session, now)


def _give_back(pile: Pile, added: range) -> None:
    """As if nothing had been claimed."""
    with pile.installation.database.write() as session:
        session.execute(delete(Attempt).where(col(Attempt.delivery_id).between(added.start, added.stop)))
        session.execute(
            update(Delivery)
            .where(col(Delivery.state) == State.PUBLISHING)
            .values(state=State.WAITING, owner=None, lease_until=None, attempts=0)
        )


def _give_up(pile: Pile, added: range) -> None:
    """Leave nothing that is due to whoever uses the pile next."""
    with pile.installation.database.write() as session:
        session.execute(
            update(Delivery).where(col(Delivery.id).between(added.start, added.stop)).values(state=State.CANCELLED)
        )
