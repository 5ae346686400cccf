"""The points of a delivery's way at which a process may die and it matters. Tests let it die at each of them.

Code says `carrier.reached(Point.…)`, which does nothing outside the tests. A point that is new here is in their matrix
at once, and one that the code never reaches makes them fail.
"""

from collections.abc import Callable
from enum import StrEnum


class Point(StrEnum):
    """Named after what has, or has not, been done when it is reached."""

    BEFORE_CLAIM = "before claim"
    CLAIMED_TO_PREPARE = "claimed to prepare"  # committed, as the two that follow
    CLAIMED_TO_PUBLISH = "claimed to publish"  # and with it, the attempt
    CLAIMED_TO_LOOK = "claimed to look"
    MEDIA_OPENED = "media opened"  # where the platform can fetch it
    BEFORE_STEP = "before step"  # of `prepare`: done at the platform, not yet saved
    AFTER_STEP = "after step"
    BEFORE_PUBLISH = "before publish"
    AFTER_PUBLISH = "after publish"  # answered, or the answer was lost
    BEFORE_RECORD = "before record"  # of one outcome, with all that follows from it
    IN_RECORD = "in record"  # written, followers told; not committed
    AFTER_RECORD = "after record"
    BEFORE_BATCH = "before batch"  # the same for many proofs at once
    IN_BATCH = "in batch"
    AFTER_BATCH = "after batch"
    BEFORE_LOOK = "before look"
    AFTER_LOOK = "after look"  # the platform has told, nothing is written
    IN_VERDICT = "in verdict"  # written, not committed
    AFTER_VERDICT = "after verdict"
    BEFORE_MEDIA_CLOSED = "before media closed"
    MEDIA_CLOSED = "media closed"


Reached = Callable[[Point], None]


def nothing_happens(point: Point) -> None:
    """Outside the tests."""
