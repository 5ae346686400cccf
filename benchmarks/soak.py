"""Half an hour of a platform on its bad days, twenty posts a second: does anything grow, and does the daemon leave?

`python -m benchmarks.soak [--minutes 30] [--database postgresql]`. Memory, threads, file handles and connections to the
database are read every few seconds; what they grow by is the slope of the line through what was read after the first
tenth of the time. SIGTERM comes while posts are due. Then the next daemon brings all to its end, and everything is
counted.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import linear_regression, median

from sqlalchemy import func, text
from sqlmodel import select

from benchmarks import city, daemons, readable
from dissem.config import Timing
from dissem.models import Attempt, Delivery, State
from dissem.queue.due import IN_HAND
from dissem.store.installation import Installation

RATE = 20  # due each second
SENDERS, CHANNELS, DELAY = 32, 200, 0.05
LEAD = 5.0  # seconds for the daemon to begin
AFTER = 20.0  # seconds for which posts are still due when SIGTERM comes
ENDING = 300.0  # seconds for the rest to come to its end; a guard
TIMING = Timing(  # faults are found out in seconds, so that all of it happens in the time
    send_deadline=timedelta(seconds=5),
    request=timedelta(seconds=5),
    margin=timedelta(seconds=2),
    backoff=timedelta(seconds=1),
    look_again=timedelta(seconds=1),
    breaker=timedelta(seconds=2),
)


@dataclass
class Soak:
    """What was seen. *samples*: by name what was read, with the hours since the begin."""

    posts: int
    samples: Mapping[str, list[tuple[float, float]]]
    peak: float = 0.0  # MiB in memory at most
    leaving: float = 0.0  # seconds from SIGTERM to the end
    stuck: int = 0  # in hand after that
    twice: int = 0
    lost: int = 0  # said to be published, and not there
    again: int = 0  # attempts beyond the first of each post
    ends: Counter[State] = field(default_factory=Counter)

    def growth(self, name: str) -> float:
        """By how much it grew in the time that was watched, as a share of what it is."""
        hours, values = self.steady(name)
        return linear_regression(hours, values).slope * (hours[-1] - hours[0]) / median(values)

    def tenths(self, name: str) -> list[float]:
        """The median of each tenth of the time."""
        values = [value for _, value in self.samples[name]]
        size = max(len(values) // 10, 1)
        return [median(values[start : start + size]) for start in range(0, len(values), size)]

    def steady(self, name: str) -> tuple[Sequence[float], Sequence[float]]:
        """Hours and values after the first tenth."""
        read = self.samples[name]
        hours, values = zip(*read[len(read) // 10 :], strict=True)
        return hours, values


def measure(kind: str, seconds: float, every: float = 5.0) -> Soak:
    """So long on a database of *kind*, reading *every* so many seconds."""
    posts = int(RATE * (seconds + AFTER))
    with (
        tempfile.TemporaryDirectory() as folder,
        city.database_of(kind, Path(folder)) as url,
        readable.running(CHANNELS, DELAY, "benchmarks.faulty") as platform,
    ):
        installation = city.installed(Path(folder) / "home", url, SENDERS, TIMING)
        start = datetime.now(UTC) + timedelta(seconds=city.filling(posts) + LEAD)
        dues = [start + timedelta(seconds=place / RATE) for place in range(posts)]
        city.fill(installation, [platform.url], CHANNELS, dues, {"on_absent": "resend_once"})
        with daemons.running(installation.home) as daemon:
            time.sleep(max((start - datetime.now(UTC)).total_seconds(), 0))
            found = Soak(posts, _watched(installation, daemon, seconds, every))
            found.peak = daemon.peak
            found.leaving = daemon.leave()
        found.stuck = sum(_states(installation)[state] for state in IN_HAND)
        with daemons.running(installation.home) as daemon:
            daemons.wait_until(lambda: not _on_the_way(installation), ENDING)
            daemon.leave()
        found.ends, times = _states(installation), platform.times()
        found.twice = sum(many > 1 for many in times.values())
        found.lost = found.ends[State.PUBLISHED] - len(times)
        found.again = _attempts(installation) - posts
        installation.close()
    return found


def _watched(
    installation: Installation, daemon: daemons.Daemon, seconds: float, every: float
) -> dict[str, list[tuple[float, float]]]:
    read: dict[str, list[tuple[float, float]]] = {"memory": [], "threads": [], "handles": [], "connections": []}
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        handles = daemon.handles
        now = {
            "memory": daemon.memory,
            "threads": daemon.threads,
            "handles": len(handles),
            "connections": _connections(installation, handles),
        }
        for name, value in now.items():
            read[name].append((passed / 3600, value))
        time.sleep(every)
    return read


def _connections(installation: Installation, handles: Sequence[str]) -> int:
    """Of the daemon to its database; we have none but the one that asks."""
    if installation.database.file:
        return handles.count(str(installation.database.file))
    installation.database.close()
    with installation.database.read() as session:
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return int(session.execute(text(query)).scalar_one())


def _states(installation: Installation) -> Counter[State]:
    with installation.database.read() as session:
        rows = session.exec(select(Delivery.state, func.count()).group_by(Delivery.state))
        return Counter({State(state): many for state, many in rows})


def _on_the_way(installation: Installation) -> int:
    states = _states(installation)
    return states.total() - sum(states[end] for end in (State.PUBLISHED, State.HELD, State.MISSED, State.REFUSED))


def _attempts(installation: Installation) -> int:
    with installation.database.read() as session:
        return session.exec(select(func.count()).select_from(Attempt)).one()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--database", choices=city.DATABASES, default="sqlite")
    asked = parser.parse_args()
    found = measure(asked.database, asked.minutes * 60)
    print(f"{asked.database}: {found.posts} posts, {found.again} attempts beyond the first")
    for name in found.samples:
        tenths = " ".join(f"{value:.0f}" for value in found.tenths(name))
        print(f"{name:12} {tenths}; by the slope {found.growth(name):+.1%} over the time")
    print(f"at most {found.peak:.0f} MiB in memory")
    print(f"SIGTERM: left within {found.leaving:.1f} s, {found.stuck} stuck")
    print(
        f"in the end: {', '.join(f'{many} {state}' for state, many in found.ends.items())}; "
        f"{found.twice} there twice, {found.lost} lost"
    )


if __name__ == "__main__":
    main()
