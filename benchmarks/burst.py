"""Ten thousand posts due at one moment: dissem against bare threads with `requests` and no database, the limit.

`python -m benchmarks.burst limit THREADS POSTS URL…` and `… dissem HOME DATABASE SENDERS SECONDS` are the two
contestants, each a process of its own; `measure` runs them in turn in the same round.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, local
from typing import Any

import requests
from sqlalchemy import func
from sqlmodel import select

from benchmarks import city, platform
from dissem.models import Delivery, State
from dissem.store.installation import Installation

SENDERS = 32
CHANNELS = 500
LEAD = 4.0  # seconds from filling the queue to the due moment: the engine is awake and waits


@dataclass(frozen=True)
class Burst:
    """What one round showed. *share* of the limit; *first* seconds after due; *early*, *twice*, *lost* are counts."""

    share: float
    limit: float
    first: float
    early: int
    twice: int
    lost: int
    peak: float  # MiB
    cpu: float  # of dissem, times that of the limit


def measure(kind: str, posts: int, delay: float) -> Burst:
    """One round on a database of *kind* with a platform that answers after *delay* seconds."""
    with tempfile.TemporaryDirectory() as folder, city.database_of(kind, Path(folder)) as url:
        with platform.running(delay) as fast:
            bare = _run("limit", str(SENDERS), str(posts), *fast.urls)
        with platform.running(delay) as fast:
            home = Path(folder) / "home"
            due = datetime.now(UTC) + timedelta(seconds=city.filling(posts) + LEAD)
            installation = city.installed(home, url, SENDERS)
            city.fill(installation, fast.urls, CHANNELS, [due] * posts)
            installation.close()
            ours = _run("dissem", str(home), url, str(SENDERS), str(due.timestamp()))
            arrived = fast.posts()
    times, keys = [moment for moment, _ in arrived], [key for _, key in arrived]
    return Burst(
        share=bare["seconds"] / ours["seconds"],
        limit=posts / bare["seconds"],
        first=min(times) - due.timestamp(),
        early=sum(moment < due.timestamp() for moment in times),
        twice=len(keys) - len(set(keys)),
        lost=posts - ours["published"],
        peak=ours["peak"],
        cpu=ours["cpu"] / bare["cpu"],
    )


def _run(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.burst", *arguments]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def limit(threads: int, posts: int, urls: list[str]) -> dict[str, float]:
    """The same requests by *threads*, each with a pooled session, and nothing else."""
    mine = local()

    def post(number: int) -> None:
        session = getattr(mine, "session", None)
        if session is None:
            session = mine.session = requests.Session()
            session.trust_env = False
        answer = session.post(
            f"{urls[number % len(urls)]}/api/v1/statuses",
            json={"status": f"Rilis {number}: jembatan ditutup Minggu pagi.", "visibility": "public", "language": "id"},
            headers={"Idempotency-Key": f"key-{number}", "Authorization": "Bearer benchmark"},
            timeout=(10, 60),
        )
        assert answer.json()["id"]

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(post, range(posts)))
    return {"seconds": time.perf_counter() - began, **_used()}


def dissem(home: Path, url: str, senders: int, due: float) -> dict[str, float]:
    """The engine as the daemon runs it, from the due moment to the last outcome written."""
    from dissem.daemon import memory
    from dissem.queue.engines.threads import Threads

    memory.keep_few_heaps()  # as the daemon does
    installation = city.installed(home, url, senders)
    memory.collect_often()
    Threads(installation, "benchmark").run(Event(), until_idle=True)
    published, last = _outcome(installation)
    installation.close()
    return {"seconds": last.timestamp() - due, "published": published, **_used()}


def _outcome(installation: Installation) -> tuple[int, datetime]:
    with installation.database.read() as session:
        query = select(func.count(), func.max(Delivery.published)).where(Delivery.state == State.PUBLISHED)
        count, last = session.exec(query).one()
        return count, last if isinstance(last, datetime) else datetime.fromisoformat(last)


def _used() -> dict[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}


if __name__ == "__main__":
    if sys.argv[1] == "limit":
        found = limit(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
    else:
        found = dissem(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
    print(json.dumps(found))
