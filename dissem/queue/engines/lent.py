"""The lanes that are lent to this process, and what wakes it when there is one more."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from dissem.store.bell import Bell
from dissem.store.database import Database

SILENT = 30.0  # seconds: an engine that has not asked for its lanes for so long is stuck, and gets them no longer
STEP = 0.25  # seconds: a stop is noticed that late
LISTENS = timedelta(seconds=1)


@dataclass
class _Lent:
    loop: asyncio.AbstractEventLoop
    back: asyncio.Event
    used: float = field(default_factory=time.monotonic)  # when something of it was in hand last


class Lanes:
    """Channels by id, each from `lend` until `give_back`. *ring* is called when there is one more."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._lent: dict[int, _Lent] = {}
        self._change = threading.Lock()
        self._asked = time.monotonic()

    async def lend(self, channel: int) -> None:
        """Have the lane of *channel* until it is given back, or nobody asks for it any more."""
        lent = _Lent(asyncio.get_running_loop(), asyncio.Event())
        with self._change:
            if channel in self._lent:
                return
            self._lent[channel] = lent
        self._ring()
        try:
            while not lent.back.is_set() and time.monotonic() - self._asked < SILENT:
                with suppress(TimeoutError):
                    await asyncio.wait_for(lent.back.wait(), SILENT / 3)
        finally:
            with self._change:
                del self._lent[channel]

    def lent(self) -> set[int]:
        self._asked = time.monotonic()
        with self._change:
            return set(self._lent)

    def use(self, channels: Collection[int]) -> None:
        """Something of these is in hand."""
        now = time.monotonic()
        with self._change:
            for channel in channels:
                if channel in self._lent:
                    self._lent[channel].used = now

    def unused(self, seconds: float) -> set[int]:
        """Those of which nothing was in hand for so long."""
        now = time.monotonic()
        with self._change:
            return {channel for channel, lent in self._lent.items() if now - lent.used > seconds}

    def give_back(self, channels: Collection[int]) -> None:
        with self._change:
            given = [self._lent[channel] for channel in channels if channel in self._lent]
        for lent in given:
            with suppress(RuntimeError):  # its loop ends, and the lane with it
                lent.loop.call_soon_threadsafe(lent.back.set)


class Ears:
    """Hears the database's bell, and a ring of our own."""

    def __init__(self, database: Database) -> None:
        self._bell = Bell(database)
        self._rung = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def ring(self) -> None:
        self._rung.set()

    def wait(self, longest: timedelta, stop: threading.Event) -> None:
        """Wait until it rings, *stop* is set, or *longest* is over."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._listen, name="ears", daemon=True)
            self._thread.start()
        end = time.monotonic() + longest.total_seconds()
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            if self._rung.wait(min(left, STEP)):
                break
        self._rung.clear()

    def _listen(self) -> None:
        while not self._closing.is_set():
            self._bell.wait(LISTENS, self._closing)
            self._rung.set()
        self._bell.close()

    def close(self) -> None:
        """Listen no more."""
        self._closing.set()
        if self._thread:
            self._thread.join(STEP * 4)
