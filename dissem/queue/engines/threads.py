"""The default engine: one loop that claims, and pools of threads that send, upload and look up.

It sleeps until the very next due time, is woken at once by what other processes write, and never claims a tick early.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Lock

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlmodel import col, select

from dissem import clock
from dissem.channels.adapter import Certainty
from dissem.channels.errors import ChannelError, Unauthorized
from dissem.channels.registry import adapter_class
from dissem.errors import DissemError
from dissem.models import Channel
from dissem.queue import claims as claiming
from dissem.queue import due, heads, reconcile
from dissem.queue.carry import Carrier, pause
from dissem.queue.claims import Claimed, Claims
from dissem.queue.engine import Engine, Tick, Waking
from dissem.queue.engines.senders import Senders
from dissem.queue.points import Point
from dissem.store.bell import Bell
from dissem.store.installation import Installation

log = logging.getLogger(__name__)

LONGEST = timedelta(seconds=1)  # between two looks, whatever is due: lets leases and late releases be seen
CALM = timedelta(seconds=5)  # the same while nothing is in hand or due: every look costs, and the bell wakes us
SPACING = 0.02  # seconds between two turns: what comes in quick succession is taken together
BUSY = timedelta(seconds=0.25)  # when something is due whose lane is not free
FORESIGHT = timedelta(seconds=0.03)  # before the next due time: what will be due then is looked for
FORESEEN = due.Look(due=True, unready=False, doubtful=False, left_over=False, coming=None)
AHEAD = timedelta(seconds=60)  # `until_idle` waits for what is due this soon
GRACE = 25.0  # seconds that what is in hand gets after a stop
_AWAY = (DissemError, OperationalError, InterfaceError)  # the database is busy, full, or restarts


class Threads(Engine):
    """Runs in one process with threads; any number of such processes may share PostgreSQL."""

    def __init__(
        self,
        installation: Installation,
        owner: str,
        *,
        carrier: Carrier | None = None,
        now: Callable[[], datetime] = clock.utc_now,
    ) -> None:
        daemon = installation.config.daemon
        self.installation = installation
        self.database = installation.database
        self.now = now
        self.carrier = carrier or Carrier(installation, now=now)
        self.claims = Claims(self.database, owner, installation.config.timing)
        self._senders = Senders(self.carrier, daemon.senders)
        self._uploads = _Pool("prepare", daemon.uploads)
        self._lookups = _Pool("look", daemon.lookups)
        self._swept: datetime | None = None
        self._known: dict[int, str] = {}
        self._known_at: datetime | None = None
        self._blind: frozenset[str] = frozenset()
        self._renewed = self._helped = now()

    def run(self, stop: Event, *, until_idle: bool = False, tick: Tick = lambda now: None) -> None:
        bell = self._bell()
        self._rehearse()
        try:
            while not stop.is_set():
                next_turn = time.monotonic() + SPACING
                rest = self._turn(tick)
                if until_idle and rest and self._idle():
                    return
                if self._senders.await_room(min(rest, BUSY).total_seconds()):
                    continue
                bell.wait(rest, stop)
                if rest and (early := next_turn - time.monotonic()) > 0:
                    stop.wait(early)
        finally:
            bell.close()
            self._finish()

    def _rehearse(self) -> None:
        """What the first post would have to wait for: statements that are not built yet, code that is not loaded."""
        with suppress(*_AWAY):  # the first turn says so
            self.claims.rehearse(self.now())
            with self.database.read() as session:
                channel = session.exec(select(Channel).where(col(Channel.account).is_not(None)).limit(1)).first()
            if channel:
                self.installation.adapters.of(channel)

    def _bell(self) -> Waking:
        """What wakes this loop."""
        return Bell(self.database)

    def _turn(self, tick: Tick) -> timedelta:
        """One look at the database; answers how long there is nothing to do."""
        now = self.now()
        try:
            self._renew(now)  # first: what is in our hand must not be swept because we could not look for a while
            self._sweep(now)
            if foreseen := self.claims.foresaw(now):
                look = FORESEEN
            else:
                with self.database.read() as session:
                    look = due.look(session, now)
            more = self._take(look, now)
            tick(now)
            return timedelta(0) if more or foreseen else self._pause(look)
        except _AWAY as error:  # nothing was claimed, or its lease will end: nothing is lost
            log.error("cannot look for work: %s", _said(error))
            return LONGEST

    def _sweep(self, now: datetime) -> None:
        if self._swept is None or abs(now - self._swept) >= LONGEST:  # also after the clock was set back
            self._swept = now
            claiming.sweep(self.database, self.installation.config.timing, now=now)

    def _take(self, look: due.Look, now: datetime) -> bool:
        """Claim what the pools have room for, and hand it to them; answers whether there may be more to send at once.
        Whatever gets free later is written down, and what is written rings."""
        channels = self._channels(now)
        self._senders.share({host for host in channels.values() if host})
        blocked = self.carrier.breakers.blocked(channels.items())
        for number in self.carrier.breakers.to_probe(channels.items(), now):
            self._lookups.submit(partial(self._probe, number, channels[number]))
        self.carrier.reached(Point.BEFORE_CLAIM)
        more = self._send(now, channels, blocked, None if look.due else ())
        if not more or abs(now - self._helped) > BUSY:
            self._helped = now
            self._help(look, now, blocked)
        return more

    def _help(self, look: due.Look, now: datetime, blocked: Collection[int]) -> None:
        """Claim what is to be uploaded and looked up; amid a burst now and then."""
        uploading = self.claims.preparing(now=now, limit=self._uploads.free, blocked=blocked) if look.unready else []
        if uploading:
            self.carrier.reached(Point.CLAIMED_TO_PREPARE)
        for claimed in uploading:
            self._uploads.carry(self.carrier.prepare, claimed)
        looking = self.claims.looking(now=now, limit=self._lookups.free, blocked=blocked) if look.doubtful else []
        if looking:
            self.carrier.reached(Point.CLAIMED_TO_LOOK)
        for claimed in looking:
            self._lookups.carry(partial(reconcile.look, self.carrier), claimed)

    def _send(
        self,
        now: datetime,
        channels: Mapping[int, str],
        blocked: Collection[int],
        among: Sequence[heads.Head] | None = None,
    ) -> bool:
        """Claim what senders and hosts have room for, of all that is due or *among* these; answers whether they got all
        they have room for, so that there may be more."""
        room = self._room(channels)
        limit = min(self._senders.room, sum(room.values())) if room else self._senders.room
        sending = self.claims.publishing(
            now=now,
            limit=limit,
            ready=self._senders.free,
            blocked=blocked,
            room=room,
            blind=self._blind,
            among=among,
        )
        if sending:
            self.carrier.reached(Point.CLAIMED_TO_PUBLISH)
        self._senders.take(sending)
        return 0 < limit <= len(sending)

    def _channels(self, now: datetime) -> dict[int, str]:
        """Hosts by channel id, as they were a moment ago at most."""
        if self._known_at is None or abs(now - self._known_at) >= LONGEST:
            with self.database.read() as session:
                self._known = {n or 0: host for n, host in session.exec(select(Channel.id, Channel.host))}
                platforms = session.exec(select(Channel.platform).distinct()).all()
            self._blind = frozenset(name for name in platforms if _is_blind(name))
            self._known_at = now
        return self._known

    def _room(self, channels: Mapping[int, str]) -> dict[str, int]:
        """How many more posts each host may get: half of the senders serve one, and twice as many may wait. Were there
        more, one slow host could fill the line in which all wait."""
        hosts = {host for host in channels.values() if host}
        if len(hosts) < 2:
            return {}
        serving = self._senders.hosts()
        most = self._senders.size + self._senders.size // 2
        return {host: most - serving[host] for host in hosts}

    def _probe(self, number: int, host: str) -> None:
        """Ask a platform that failed by a read. Whatever comes of it, its breaker closes or stays open for another
        while: without a verdict the channel would be left alone for ever."""
        breakers = self.carrier.breakers
        try:
            with self.database.read() as session:
                channel = session.get_one(Channel, number)
            self.installation.adapters.of(channel).check()
        except Unauthorized as error:  # the platform is there; the account is for a person
            breakers.worked(number, host)
            with self.database.write() as session:
                pause(session, self.installation, channel, error, self.now())
        except Exception as error:  # also what an adapter should not raise
            log.info("channel %d still fails: %s", number, error, exc_info=not isinstance(error, ChannelError))
            breakers.still_fails(number, host, self.now())
        else:
            breakers.worked(number, host)

    def _renew(self, now: datetime) -> None:
        lease = self.installation.config.timing.preparing
        in_hand = {c.delivery.id or 0: c.delivery.fence for c in self._uploads.in_hand()}
        if in_hand and abs(now - self._renewed) > lease / 3:
            claiming.renew(self.database, owner=self.claims.owner, fences=in_hand, lease=lease, now=now)
            self._renewed = now

    def _pause(self, look: due.Look) -> timedelta:
        """Until the next moment, or until shortly before, when what will be due is looked for. What is due already and
        waits for its lane must not make others late."""
        busy = self._has_in_hand()
        foresight = timedelta(0) if busy else FORESIGHT  # in a steady flow it would cost a turn for each post
        if look.coming and look.coming - self.now() < foresight:
            self.claims.foresee(look.coming)
        now = self.now()  # this turn took its time
        longest = BUSY if look.anything else LONGEST if busy else CALM
        probe = self.carrier.breakers.next_probe()
        if probe:
            longest = min(longest, max(probe - now, timedelta(0)) or BUSY)
        if look.coming is None:
            return longest
        left = look.coming - now
        return min(longest, left - foresight if left > foresight else max(left, timedelta(0)))

    def _idle(self) -> bool:
        if self._has_in_hand():
            return False
        try:
            with self.database.read() as session:
                return not due.busy_until(session, self.now() + AHEAD)
        except _AWAY:  # the next turn says so
            return False

    def _has_in_hand(self) -> bool:
        return any(pool.in_hand() for pool in (self._senders, self._uploads, self._lookups))

    def _finish(self) -> None:
        """Wait for what is in hand, all pools together no longer than `GRACE`."""
        end = time.monotonic() + GRACE
        for pool in (self._senders, self._uploads, self._lookups):
            pool.finish(max(end - time.monotonic(), 0))


def _is_blind(platform: str) -> bool:
    """Whether nothing can be looked up there, so that only what can be sent at once is claimed."""
    return Certainty.BLIND in adapter_class(platform).facts.certainties


def _said(error: Exception) -> str:
    """The trouble in a few words; a driver's own text may repeat statements and values."""
    return str(error) if isinstance(error, DissemError) else type(error).__name__


class _Pool:
    """A bounded pool that knows what it has in hand."""

    def __init__(self, name: str, size: int) -> None:
        self.size = size
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._tasks: dict[Future[None], Claimed | None] = {}
        self._lock = Lock()

    @property
    def free(self) -> int:
        with self._lock:
            return self.size - len(self._tasks)

    def in_hand(self) -> list[Claimed]:
        with self._lock:
            return [claimed for claimed in self._tasks.values() if claimed]

    def carry(self, work: Callable[[Claimed], None], claimed: Claimed) -> None:
        self._start(partial(work, claimed), claimed)

    def submit(self, work: Callable[[], None]) -> None:
        self._start(work, None)

    def _start(self, work: Callable[[], None], claimed: Claimed | None) -> None:
        task = self._executor.submit(work)
        with self._lock:
            self._tasks[task] = claimed
        task.add_done_callback(self._done)

    def _done(self, task: Future[None]) -> None:
        with self._lock:
            self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()):
            # the row stays as it is; its lease ends, and then it is looked up
            log.error("a delivery could not be written down", exc_info=error)

    def finish(self, seconds: float) -> None:
        with self._lock:
            running = list(self._tasks)
        wait(running, timeout=seconds)
        self._executor.shutdown(wait=False, cancel_futures=True)
