"""Writing outcomes down, many in one transaction: a commit that waits for the disk serves all that came meanwhile.

Only the plain case is written together: a post that is public, the last of its delivery, with nothing else to follow.
Everything else, and every doubt, goes the careful way of `Carrier.settle`, one by one.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dissem.models import Evidence
from dissem.queue import quotas
from dissem.queue.carry import Carrier, Outcome
from dissem.queue.claims import Claimed
from dissem.queue.points import Point
from dissem.store.bell import ring

log = logging.getLogger(__name__)

GATHER = 0.02  # seconds that the first of a batch waits for others
MOST = 500  # in one transaction


@dataclass(frozen=True)
class Result:
    """What came of one delivery, and whom to tell when it is written."""

    claimed: Claimed
    outcome: Outcome
    written: Callable[[], None]


class Recorder:
    """One thread that settles what the senders bring."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self._results: deque[Result] = deque()
        self._change = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def put(self, claimed: Claimed, outcome: Outcome, written: Callable[[], None]) -> None:
        """Have *outcome* written soon; *written* is called afterwards, also if it could not be."""
        with self._change:
            self._results.append(Result(claimed, outcome, written))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="record", daemon=True)
                self._thread.start()
            self._change.notify()

    def finish(self, seconds: float) -> None:
        """Write what is there, for at most so long."""
        with self._change:
            self._closing = True
            self._change.notify()
            thread = self._thread
        if thread:
            thread.join(seconds)

    def _run(self) -> None:
        while batch := self._taken():
            try:
                self._settle(batch)
            except BaseException:  # nothing may end this thread but its own end
                log.exception("outcomes could not be written down")
            finally:
                for result in batch:
                    result.written()

    def _taken(self) -> list[Result]:
        """What has come, a moment after the first; empty at the end."""
        with self._change:
            while not self._results and not self._closing:
                self._change.wait()
            closing = self._closing
        if not closing:
            time.sleep(GATHER)
        with self._change:
            return [self._results.popleft() for _ in range(min(len(self._results), MOST))]

    def _settle(self, batch: Sequence[Result]) -> None:
        plain = [result for result in batch if _is_plain(result)]
        careful = [result for result in batch if not _is_plain(result)]
        reached = self.carrier.reached
        try:
            if plain:
                reached(Point.BEFORE_BATCH)
                self._together(plain)
                reached(Point.AFTER_BATCH)
        except Exception as error:  # noqa: BLE001 - whatever it is, one by one it is seen which of them it was
            log.info("%d outcomes are written one by one: %s", len(plain), type(error).__name__)
            careful = list(batch)
        else:
            for result in plain:
                self.carrier.tell_breakers(result.claimed.channel, result.outcome)
                self.carrier.close_media(result.claimed, result.outcome)
        for result in careful:
            try:
                self.carrier.settle(result.claimed, result.outcome)
            except Exception:  # one that cannot be written must not keep the others from it
                # the row stays as it is; its lease ends, and then it is looked up
                log.exception("delivery %s could not be written down", result.claimed.delivery.id)

    def _together(self, results: Sequence[Result]) -> None:
        with self.carrier.installation.database.write() as session:
            self.carrier.record_plain(session, [(result.claimed, result.outcome) for result in results])
            ring(session)
            self.carrier.reached(Point.IN_BATCH)


def _is_plain(result: Result) -> bool:
    claimed, delivery = result.claimed, result.claimed.delivery
    ends = not delivery.independent and delivery.part >= delivery.parts
    rests = bool(claimed.channel.settings.get("gap")) or quotas.most(claimed.channel) is not None
    return result.outcome.evidence is Evidence.PROOF and ends and not rests and claimed.attempt is not None
