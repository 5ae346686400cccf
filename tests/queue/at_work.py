"""Engines at work in threads of the test, in real time; nothing here waits longer than it has to."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Lock
from typing import Any

from town import Clock, Town

from dissem.clock import utc_now
from dissem.config import Config, DaemonSection, Timing
from dissem.models import Channel, State
from dissem.queue.engine import Engine
from dissem.store.bell import ring

LIMIT = 60.0  # seconds; a guard for a machine with much else to do


class RealClock(Clock):
    """The present instant."""

    def __call__(self) -> datetime:
        return utc_now()


def hasty(config: Config) -> Config:
    """Four senders, and waits of milliseconds."""
    span = timedelta(milliseconds=20)
    timing = Timing(backoff=span, backoff_cap=span, look_again=span, breaker=2 * span)
    return config.model_copy(update={"timing": timing, "daemon": DaemonSection(senders=4, uploads=2, lookups=2)})


@contextmanager
def running(*engines: Engine, until_idle: bool = False) -> Iterator[Event]:
    """*engines* at work until the block ends, or with *until_idle* until they are; what they raise is raised."""
    stop = Event()
    with ThreadPoolExecutor(len(engines)) as pool:
        runs = [pool.submit(engine.run, stop, until_idle=until_idle) for engine in engines]
        try:
            yield stop
            for run in runs if until_idle else ():
                run.result(LIMIT)
        finally:
            stop.set()
            for run in runs:
                run.result(LIMIT)


def run_until_idle(*engines: Engine) -> None:
    with running(*engines, until_idle=True):
        pass


def happens(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def is_(town: Town, number: int, state: State) -> Callable[[], bool]:
    return lambda: town.see(number).state is state


def told_at_once(town: Town, channel: Channel, **more: Any) -> int:
    """A delivery scheduled by *town*, which rings as the desk does."""
    number = town.delivery(channel, **more)
    with town.installation.database.write() as session:
        ring(session)
    return number


class Gate:
    """Stands in a thread's way, and counts who stands there."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.open = Event()
        self.now = self.most = 0
        self._lock = Lock()
        if is_open:
            self.open.set()

    def __call__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.open.wait(LIMIT)
        time.sleep(0.005)
        with self._lock:
            self.now -= 1
