"""A daemon with nothing to do while a million deliveries wait for later."""

import time

from benchmarks import daemons
from benchmarks.pile import Pile

SETTLING = 5.0  # seconds for the start to be over


def measure(pile: Pile, seconds: float) -> float:
    """The share of a core it uses."""
    with daemons.running(pile.installation.home) as daemon:
        time.sleep(SETTLING)
        before = daemon.cpu
        time.sleep(seconds)
        used = daemon.cpu - before
        daemon.leave()
    return used / seconds
