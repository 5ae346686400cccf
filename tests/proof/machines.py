"""Groups of workers on one PostgreSQL: one is killed and one is cut off in the middle, and each post is there once.

Every group reaches database and platform by relays of its own, as a machine does by its cable. The one that is cut off
is not told: its relays fall silent. Prints the figures of both engines.

    python tests/proof/machines.py        ends with 1 if a post is lost or there twice
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a program, pytest does not do it

from relay import Relay, relaying
from sqlalchemy import func, make_url, text
from sqlmodel import select

from benchmarks import city, readable
from dissem.models import Attempt, Daemon, Delivery, Evidence, State
from dissem.store.bell import ring
from dissem.store.installation import Installation

ROOT = Path(__file__).parents[2]

ENGINES = ("threads", "procrastinate")
LEAVES = 30.0  # seconds that a worker gets to leave after SIGTERM; a guard


@dataclass(frozen=True)
class Scope:
    """How large a run is. *harms*: what happens to each group when a third of the posts is public."""

    posts: int
    channels: int
    harms: tuple[str, ...]  # "killed", "cut off" or "spared"
    senders: int  # of each group
    delay: float  # of the platform, seconds
    patience: float  # what the bounds of the protocol are cut down to, seconds
    longest: float  # seconds; a guard

    @property
    def unharmed(self) -> "Scope":
        return replace(self, harms=("spared",) * len(self.harms))


WHOLE = Scope(5000, 500, ("killed", "cut off", "spared"), senders=32, delay=0.05, patience=20, longest=900)
QUICK = Scope(60, 12, ("cut off", "spared"), senders=4, delay=0.1, patience=2, longest=90)


@dataclass(frozen=True)
class Group:
    """A worker, its line to the database and its line to the platform."""

    database: Relay
    platform: Relay
    process: "subprocess.Popen[bytes]"

    def suffers(self, harm: str) -> None:
        if harm == "killed":
            self.process.kill()
        elif harm == "cut off":
            self.database.falls_silent()
            self.platform.falls_silent()

    def leaves(self) -> int:
        """Its exit status after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LEAVES)


@dataclass(frozen=True)
class Found:
    """What a run showed."""

    published: int
    arrived: int  # how many of the posts the platform has
    twice: int  # and how many of them more than once
    doubted: int  # attempts whose outcome nobody could write down
    statuses: list[int]  # of the workers that were spared, when they left
    seconds: float  # from the first moment to the last outcome written
    still: float  # the longest time without a post: all that is left waits for the leases of the dead

    def holds(self, scope: Scope) -> bool:
        return (self.published, self.arrived, self.twice) == (scope.posts, scope.posts, 0) and not any(self.statuses)


def run(engine: str, scope: Scope, url: str, folder: Path) -> Found:
    """One run, on the empty database at *url*."""
    with ExitStack() as stack:
        platform = stack.enter_context(readable.running(scope.channels, scope.delay))
        installation = _filled(folder / "home", url, scope, platform)
        stack.callback(installation.close)
        groups = [stack.enter_context(_group(engine, scope, installation, platform)) for _ in scope.harms]
        _until(lambda: _registered(installation) == len(groups), scope)
        began = _open(installation)
        _until(lambda: len(platform.arrived()) * 3 >= scope.posts, scope)
        suffering = {group.process.pid for group, harm in zip(groups, scope.harms, strict=True) if harm != "spared"}
        _until(lambda: suffering <= _at_work(installation), scope)
        for group, harm in zip(groups, scope.harms, strict=True):
            group.suffers(harm)
        _until(lambda: _published(installation)[0] == scope.posts, scope)
        statuses = [g.leaves() for g, harm in zip(groups, scope.harms, strict=True) if harm == "spared"]
        return _found(installation, platform, began, statuses)


def limit(scope: Scope) -> float:
    """Seconds that bare threads need for the same posts, by as many lines, without a database."""
    with readable.running(scope.channels, scope.delay) as platform, ExitStack() as stack:
        lines = [stack.enter_context(relaying(f"127.0.0.1:{platform.port}")) for _ in scope.harms]
        command = [
            sys.executable,
            "-m",
            "benchmarks.burst",
            "limit",
            str(scope.senders),
            str(scope.posts // len(lines)),
        ]
        contestants = [
            subprocess.Popen([*command, f"http://127.0.0.1:{line.port}"], stdout=subprocess.PIPE, text=True, cwd=ROOT)
            for line in lines
        ]
        for one in contestants:
            one.communicate()
        moments = [moment for moment, _ in platform.arrived()]
        return moments[-1] + scope.delay - moments[0]


def _filled(home: Path, url: str, scope: Scope, platform: readable.Platform) -> Installation:
    """An installation whose posts are all due, and whose channels are all paused."""
    installation = city.installed(home, url, scope.senders)
    due = datetime.now(UTC).replace(microsecond=0)
    city.fill(installation, [platform.url], scope.channels, [due] * scope.posts)
    with installation.database.write() as session:
        once = json.dumps({"on_absent": "resend_once"})
        session.execute(
            text("UPDATE channel SET state = 'paused', settings = settings || CAST(:once AS jsonb)"), {"once": once}
        )
    return installation


def _open(installation: Installation) -> datetime:
    """All channels go on; answers when."""
    with installation.database.write() as session:
        session.execute(text("UPDATE channel SET state = 'active'"))
        ring(session)
    return datetime.now(UTC)


@contextmanager
def _group(engine: str, scope: Scope, installation: Installation, platform: readable.Platform) -> Iterator[Group]:
    server = make_url(installation.database.url)
    with (
        relaying(f"{server.query['host']}/.s.PGSQL.5432") as database,
        relaying(f"127.0.0.1:{platform.port}") as line,
    ):
        # A relay that is silent still answers for its machine, so that PostgreSQL does not miss it by TCP; and a batch
        # that breaks off in the middle is no transaction that is idle.
        idle, broken_off = scope.patience, 3 * scope.patience
        options = {"options": f"-c idle_in_transaction_session_timeout={idle}s -c transaction_timeout={broken_off}s"}
        url = server.set(host="127.0.0.1", port=database.port, query=options).render_as_string(hide_password=False)
        words = (installation.home, url, engine, scope.senders, scope.patience, platform.port, line.port)
        command = [sys.executable, str(Path(__file__).with_name("group.py")), *map(str, words)]
        log = None if os.environ.get("LOUD") else subprocess.DEVNULL
        process = subprocess.Popen(command, stderr=log, cwd=ROOT)
        try:
            yield Group(database, line, process)
        finally:
            process.kill()
            process.wait()


def _registered(installation: Installation) -> int:
    with installation.database.read() as session:
        return session.exec(select(func.count()).select_from(Daemon)).one()


def _at_work(installation: Installation) -> set[int]:
    """The processes that have a post in hand."""
    with installation.database.read() as session:
        owners = session.exec(select(Delivery.owner).where(Delivery.state == State.PUBLISHING).distinct())
        return {int(owner.split(":")[1]) for owner in owners if owner}


def _published(installation: Installation) -> tuple[int, datetime | None]:
    with installation.database.read() as session:
        query = select(func.count(), func.max(Delivery.published)).where(Delivery.state == State.PUBLISHED)
        return session.exec(query).one()


def _found(installation: Installation, platform: readable.Platform, began: datetime, statuses: list[int]) -> Found:
    published, last = _published(installation)
    assert last
    with installation.database.read() as session:
        over = Attempt.outcome == Evidence.LEASE_OVER.value
        doubted = session.exec(select(func.count()).select_from(Attempt).where(over)).one()
    arrived, times = platform.arrived(), platform.times()
    moments = [began.timestamp(), *(moment for moment, _ in arrived)]
    return Found(
        published=published,
        arrived=len(times),
        twice=sum(count > 1 for count in times.values()),
        doubted=doubted,
        statuses=statuses,
        seconds=(last - began).total_seconds(),
        still=max(later - earlier for earlier, later in pairwise(moments)),
    )


def _until(happened: Callable[[], Any], scope: Scope) -> None:
    end = time.monotonic() + scope.longest
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def measured(engine: str, scope: Scope) -> Found:
    """A run on a PostgreSQL server of its own."""
    with tempfile.TemporaryDirectory() as folder, city.database_of("postgresql", Path(folder)) as url:
        return run(engine, scope, url, Path(folder))


def main() -> int:
    good = True
    say(f"{WHOLE.posts} posts, {len(WHOLE.harms)} groups")
    for engine in ENGINES:
        before, calm, after = limit(WHOLE), measured(engine, WHOLE.unharmed), limit(WHOLE)
        bare = (before + after) / 2
        say(f"{engine}: {bare / calm.seconds:.2f} of the limit, {before:.1f} and {after:.1f} s; {calm}")
        harmed = measured(engine, WHOLE)
        say(f"{engine}, one group killed and one cut off: {harmed}")
        good = good and calm.holds(WHOLE) and harmed.holds(WHOLE)
    return 0 if good else 1


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
