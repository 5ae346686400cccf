"""When to try again, and when to leave a channel or a host alone for a while."""

import random
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dissem.channels.registry import adapter_class
from dissem.config import Timing
from dissem.models import Delivery

FAILURES = 5  # within WITHIN open a breaker
WITHIN = timedelta(minutes=10)
LEAD = timedelta(minutes=30)  # media are brought to the platform this long before the due time at most


def first_moment(delivery: Delivery, platform: str, now: datetime) -> datetime:
    """When there is something to do: at the due time, or before it where media have to be brought there first."""
    due = max(delivery.due, delivery.not_before or delivery.due)
    if delivery.ready:
        return due
    return max(now, due - min(LEAD, adapter_class(platform).facts.ahead))


def backoff(failures: int, timing: Timing, chance: float | None = None) -> timedelta:
    """Wait before the next try after *failures* in a row: doubling, capped, with full jitter (*chance* in 0..1)."""
    longest = min(timing.backoff * float(2 ** min(failures, 20)), timing.backoff_cap)
    return longest * (random.random() if chance is None else chance)  # noqa: S311 — spreads load, guards nothing


def next_look(looks: int, timing: Timing) -> timedelta:
    """Wait before the next look for a lost or processing post: doubling, at most half an hour."""
    return min(timing.look_again * float(2 ** min(looks, 20)), timedelta(minutes=30))


@dataclass
class _Circuit:
    failures: deque[tuple[datetime, int]] = field(default_factory=deque)  # when, and on which channel
    open_until: datetime | None = None
    probing: bool = False


class Breakers:
    """Circuits of one process, per channel and per host. While one is open nothing is sent there; when its time is
    over, a read is tried first. A host needs failures of two channels: one bad account is not a bad host."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._circuits: dict[str, _Circuit] = {}
        self._lock = threading.Lock()

    def failed(self, channel: int, host: str, now: datetime) -> None:
        """Count a failure to reach the platform, or an error of its own."""
        with self._lock:
            for key in _keys(channel, host):
                circuit = self._circuits.setdefault(key, _Circuit())
                circuit.failures.append((now, channel))
                while circuit.failures[0][0] < now - WITHIN:
                    circuit.failures.popleft()
                channels = {number for _, number in circuit.failures}
                if len(circuit.failures) >= FAILURES and (key.startswith("channel") or len(channels) > 1):
                    circuit.open_until = now + self._timing.breaker
                    circuit.probing = False

    def still_fails(self, channel: int, host: str, now: datetime) -> None:
        """A probe failed: leave what was open alone for another while."""
        with self._lock:
            for key in _keys(channel, host):
                circuit = self._circuits.get(key)
                if circuit and circuit.probing:
                    circuit.open_until, circuit.probing = now + self._timing.breaker, False

    def worked(self, channel: int, host: str) -> None:
        """The platform answered: forget the failures."""
        with self._lock:
            for key in _keys(channel, host):
                self._circuits.pop(key, None)

    def blocked(self, channels: Iterable[tuple[int, str]]) -> set[int]:
        """Which of *channels* (id, host) must be left alone now."""
        with self._lock:
            return {c for c, host in channels if any(self._is_open(key) for key in _keys(c, host))}

    def to_probe(self, channels: Iterable[tuple[int, str]], now: datetime) -> list[int]:
        """Channels whose open time is over, one a circuit: ask them by a read, then say `worked` or
        `still_fails`."""
        chosen = []
        with self._lock:
            for channel, host in channels:
                for key in _keys(channel, host):
                    circuit = self._circuits.get(key)
                    if circuit and circuit.open_until and circuit.open_until <= now and not circuit.probing:
                        circuit.probing = True
                        chosen.append(channel)
        return list(dict.fromkeys(chosen))

    def next_probe(self) -> datetime | None:
        """When the next open time is over."""
        with self._lock:
            waits = [c.open_until for c in self._circuits.values() if c.open_until and not c.probing]
        return min(waits, default=None)

    def _is_open(self, key: str) -> bool:
        circuit = self._circuits.get(key)
        return circuit is not None and circuit.open_until is not None


def _keys(channel: int, host: str) -> tuple[str, ...]:
    return (f"channel {channel}", f"host {host}") if host else (f"channel {channel}",)
