"""The senders of the threads engine: so many posts are on the wire at once, and at most half of them at one host.

What is claimed waits here for a moment, so that a sender that gets free has something to send at once.
"""

import logging
import threading
from collections import Counter
from collections.abc import Collection, Sequence
from functools import partial

from dissem.queue.carry import Carrier
from dissem.queue.claims import Claimed
from dissem.queue.recorder import Recorder

log = logging.getLogger(__name__)

FIRST = 8  # of a burst, claimed before the others
UNWRITTEN = 8  # times as many as are on the wire: so many are in hand at most


class Senders:
    """A pool that knows what it has in hand, from the claim until the outcome is written."""

    def __init__(self, carrier: Carrier, size: int) -> None:
        self.size = size
        self._carrier = carrier
        self._recorder = Recorder(carrier)
        self._waiting: list[Claimed] = []
        self._sending: Counter[str] = Counter()  # by host
        self._in_hand: dict[int, Claimed] = {}  # by delivery id, until it is written
        self._most: int | None = None  # posts on the wire to one host
        lock = threading.Lock()
        self._change, self._room = threading.Condition(lock), threading.Condition(lock)
        self._threads: list[threading.Thread] = []
        self._closing = False

    @property
    def free(self) -> int:
        """How many more can be sent at once; what waits for its host alone keeps no sender from others."""
        with self._change:
            waiting = Counter(claimed.channel.host for claimed in self._waiting)
            starting = sum(min(count, self._left(host)) for host, count in waiting.items())
            return max(self.size - starting - self._sending.total(), 0)

    @property
    def room(self) -> int:
        """How many more to claim: twice as many as are on the wire may wait. None while enough of them do, and of a
        burst a few first, which leave while the others are claimed."""
        with self._change:
            if self._has_enough():
                return 0
            if not self._waiting and not self._sending.total():
                return min(FIRST, 2 * self.size)
            return 3 * self.size - len(self._waiting) - self._sending.total()

    def await_room(self, seconds: float) -> bool:
        """Wait until there is room, at most so long; answers whether there was none at first."""
        with self._change:
            if not self._has_enough():
                return False
            self._room.wait_for(lambda: not self._has_enough(), seconds)
            return True

    def _has_enough(self) -> bool:
        """Also when the database is slower than the platforms: what is not written yet is in doubt if we die."""
        return len(self._waiting) > self.size or len(self._in_hand) > UNWRITTEN * self.size

    def in_hand(self) -> list[Claimed]:
        with self._change:
            return list(self._in_hand.values())

    def hosts(self) -> Counter[str]:
        """How many are waiting for each host, or being sent there."""
        with self._change:
            return self._sending + Counter(claimed.channel.host for claimed in self._waiting)

    def share(self, hosts: Collection[str]) -> None:
        """Posts go to *hosts*: at most half of the senders serve one, unless it is the only one."""
        with self._change:
            self._most = self.size // 2 if len(hosts) > 1 else None

    def take(self, claimed: Sequence[Claimed]) -> None:
        """Send these as soon as there is a sender for each."""
        with self._change:
            self._waiting += claimed
            self._in_hand |= {one.delivery.id or 0: one for one in claimed}
            wanted = min(len(self._waiting) + self._sending.total(), self.size)
            for _ in range(wanted - len(self._threads)):
                thread = threading.Thread(target=self._run, name=f"send-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._change.notify(len(claimed))

    def finish(self, seconds: float) -> None:
        """Send nothing more that waits (its claim is given back by its time), and let what is on the wire end."""
        with self._change:
            self._closing = True
            dropped, self._waiting = self._waiting, []
            for claimed in dropped:
                self._in_hand.pop(claimed.delivery.id or 0, None)
            self._change.notify_all()
            self._change.wait_for(lambda: not self._sending.total(), seconds)
        for claimed in dropped:
            self._carrier.give_back(claimed)
        self._recorder.finish(seconds)

    def _run(self) -> None:
        while claimed := self._next():
            try:
                self._recorder.put(claimed, self._carrier.send(claimed), partial(self._written, claimed))
            except BaseException:  # the row stays as it is; its lease ends, and then it is looked up
                log.exception("delivery %s could not be sent", claimed.delivery.id)
                self._written(claimed)
            self._done(claimed.channel.host)

    def _next(self) -> Claimed | None:
        """The first that waits and whose host has room; None at the end."""
        with self._change:
            while not self._closing:
                for place, claimed in enumerate(self._waiting):
                    if self._left(claimed.channel.host) > 0:
                        self._sending[claimed.channel.host] += 1
                        self._room.notify()
                        return self._waiting.pop(place)
                self._change.wait()
            return None

    def _left(self, host: str) -> int:
        """How many more may be on the wire to *host*."""
        return self.size if self._most is None or not host else max(self._most - self._sending[host], 0)

    def _done(self, host: str) -> None:
        with self._change:
            self._sending[host] -= 1
            if self._closing:
                self._change.notify_all()
            elif self._most is not None and self._waiting:  # the host has room again, also for others
                self._change.notify()

    def _written(self, claimed: Claimed) -> None:
        with self._change:
            self._in_hand.pop(claimed.delivery.id or 0, None)
            self._room.notify()
