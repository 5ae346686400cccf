"""A steady flow over a full queue: a hundred posts due each second, one by one, while a million wait for later.

Lateness is told by the platform's own record, everything else by the kernel, of a real daemon.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import quantiles

from benchmarks import city, daemons
from benchmarks.pile import Pile
from benchmarks.readable import number_of

RATE = 100  # due each second
LEAD = 2.0  # seconds between filling and the first
REST = 2.0  # seconds for the last ones to arrive


@dataclass(frozen=True)
class Steady:
    """What was seen. Lateness in seconds."""

    posts: int
    median: float
    late: float  # the 99th of a hundred
    latest: float
    early: int
    lost: int
    twice: int
    core: float  # share of one
    peak: float  # MiB


def measure(pile: Pile, seconds: int) -> Steady:
    """So many seconds on this pile."""
    count = RATE * seconds
    with daemons.running(pile.installation.home) as daemon:
        start = datetime.now(UTC) + timedelta(seconds=city.filling(count) + LEAD)
        moments = [start + timedelta(seconds=place / RATE) for place in range(count)]
        due = dict(zip(pile.add(moments), moments, strict=True))
        _sleep_until(start)
        before = daemon.cpu
        _sleep_until(start + timedelta(seconds=seconds))
        used = daemon.cpu - before
        time.sleep(REST)
        peak = daemon.peak
        daemon.leave()
    arrived = [(moment, number_of(key)) for moment, key in pile.platform.posts()]
    late = sorted(moment - due[number].timestamp() for moment, number in arrived if number in due)
    there = {number for _, number in arrived if number in due}
    cuts = quantiles(late, n=100)
    return Steady(
        posts=count,
        median=cuts[49],
        late=cuts[98],
        latest=late[-1],
        early=sum(one < 0 for one in late),
        lost=count - len(there),
        twice=len(late) - len(there),
        core=used / seconds,
        peak=peak,
    )


def _sleep_until(moment: datetime) -> None:
    left = (moment - datetime.now(UTC)).total_seconds()
    assert left > 0, "filling the queue took longer than thought"
    time.sleep(left)
