"""The daemon's time: the wall clock, but for a jump forward that nobody vouches for.

By such a jump posts would go out early, an embargo would be broken, and the late ones would be called missed. The time
that has passed is known better from a clock that never jumps and counts suspension.
"""

import ctypes
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from dissem import clock
from dissem.channels.client import others_agree
from dissem.queue.claims import boot_time

log = logging.getLogger(__name__)

JUMP = timedelta(minutes=1)  # ahead of what has passed, and the wall is not believed
_STEP = timedelta(seconds=2)  # worth a line in the log
_SYNCHRONISED = range(5)  # what adjtimex answers then; 5 is TIME_ERROR, below 0 it may not be asked


def is_synchronised() -> bool:
    """Whether the kernel says that the clock is kept right, by NTP as a rule. Setting it by hand ends that."""
    try:
        return ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) in _SYNCHRONISED
    except (OSError, AttributeError):  # no Linux
        return False


def is_vouched(wall: datetime) -> bool:
    """Whether the wall's time is right: the kernel says so, or two platforms do."""
    return is_synchronised() or others_agree(wall)


class SteadyClock:
    """Call it for the time; any number of threads may.

    After a jump forward it goes on at its own pace until the wall is right again, or vouched for. A clock that is set
    back is followed at once: nothing goes out early by that. A new process believes the wall.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] | None = None,
        boot: Callable[[], float] = boot_time,
        vouched: Callable[[datetime], bool] = is_vouched,
    ) -> None:
        self._wall = wall or (lambda: clock.utc_now())
        self._boot = boot
        self._vouched = vouched
        self._known = (self._wall(), self._boot())
        self._doubted = False

    def __call__(self) -> datetime:
        wall, boot = self._wall(), self._boot()
        known, since = self._known
        passed = known + timedelta(seconds=boot - since)
        if wall - passed > JUMP and not self._vouched(wall):
            self._doubt(wall - passed)
            return passed
        if abs(wall - passed) > _STEP:
            log.warning("the clock was set by %s; it is followed", wall - passed)
        self._known, self._doubted = (wall, boot), False
        return wall

    def _doubt(self, jump: timedelta) -> None:
        if not self._doubted:
            log.error(
                "The clock jumped forward by %s and nobody vouches for it: nothing is published early by that. "
                "Set it right; or, if it is right now, restart the daemon.",
                jump,
            )
        self._doubted = True
