"""The distributed engine: the threads engine, with the lanes that procrastinate lends it.

Every worker looks at the queue and calls the lanes that have something due; procrastinate gives each to one worker, on
whatever machine. A worker claims, sends and records as the daemon does, but only on the lanes lent to it, and gives a
lane back when nothing of it is due. Preparing and looking up hold no lane, and every worker does them.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Event

from dissem import clock
from dissem.queue import due, heads
from dissem.queue.carry import Carrier
from dissem.queue.engine import Tick
from dissem.queue.engines.lane_jobs import BEAT, LaneJobs, lay_out
from dissem.queue.engines.lent import Ears, Lanes
from dissem.queue.engines.threads import Threads
from dissem.queue.shared import require_media
from dissem.store.installation import Installation

log = logging.getLogger(__name__)

CALLED = 2000  # lanes called at once
UNUSED = 2.0  # seconds: a lane that we have no sender for is given back after this, somebody else may
SHARED = timedelta(seconds=10)  # between two looks whether the media folder is there
END = 5.0  # seconds that procrastinate gets to end


class Procrastinate(Threads):
    """Runs in any number of processes on any number of machines; on PostgreSQL only, with the extra `distributed`."""

    def __init__(
        self,
        installation: Installation,
        owner: str,
        *,
        carrier: Carrier | None = None,
        now: Callable[[], datetime] = clock.utc_now,
        beat: timedelta = BEAT,
    ) -> None:
        """*beat*: between two signs of life; after three that are missing a worker is taken for dead. Raises Conflict
        on SQLite and Broken without the package procrastinate."""
        super().__init__(installation, owner, carrier=carrier, now=now)
        lay_out(self.database)
        self._ears = Ears(self.database)
        self._lanes = Lanes(self._ears.ring)
        self._jobs = LaneJobs(self.database, self._lanes, 2 * installation.config.daemon.senders, beat)
        self._seen: datetime | None = None

    def run(self, stop: Event, *, until_idle: bool = False, tick: Tick = lambda now: None) -> None:
        self._jobs.start()
        super().run(stop, until_idle=until_idle, tick=tick)

    def _bell(self) -> Ears:
        return self._ears

    def _take(self, look: due.Look, now: datetime) -> bool:
        if self._seen is None or abs(now - self._seen) >= SHARED:
            require_media(self.installation)
            self._seen = now
        return super()._take(look, now)

    def _send(
        self,
        now: datetime,
        channels: Mapping[int, str],
        blocked: Collection[int],
        among: Sequence[heads.Head] | None = None,
    ) -> bool:
        # In this order: what is written, or lent, after the look at the queue must not seem to have nothing due.
        lent, sending = self._lanes.lent(), self._in_hand()
        with self.database.read() as session:
            found = [head for head in heads.find(session, now) if head.channel not in blocked]
        self._jobs.call(self._to_call(found, channels, lent, sending))
        more = super()._send(now, channels, blocked, [head for head in found if head.channel in lent])
        self._lanes.use(self._in_hand())
        waiting = {head.channel for head in found}
        self._lanes.give_back((lent - sending - waiting) | self._lanes.unused(UNUSED))
        return more

    def _to_call(
        self, found: Sequence[heads.Head], channels: Mapping[int, str], lent: Collection[int], sending: Collection[int]
    ) -> Sequence[heads.Head]:
        """Those of *found* that nobody of this process has: of each host no more than it may get from us, so that the
        lanes of a slow one do not stand before those of all others."""
        room = self._room(channels)
        for channel in set(lent) - set(sending):
            host = channels.get(channel, "")
            if host in room:
                room[host] -= 1
        return heads.within([head for head in found if head.channel not in lent], room, CALLED, CALLED, ())

    def _in_hand(self) -> set[int]:
        return {claimed.channel.id or 0 for claimed in self._senders.in_hand()}

    def _idle(self) -> bool:
        return not self._lanes.lent() and super()._idle()

    def _finish(self) -> None:
        self._jobs.take_no_more()
        super()._finish()
        self._lanes.give_back(self._lanes.lent())
        self._jobs.finish(END)
