"""What a process that runs for months does so that its memory stays where it was after the first minutes.

An error points at the frames it came through and they point back at it, and a statement with a list of values points at
itself: only the collector takes such rings away. A command lets it rest, which is right for half a second; under faults
a daemon would heap up megabytes between two of its visits, and fill the holes they leave with what stays. And glibc
gives threads heaps of their own, up to eight a core; the interpreter lets one of them work at a time, so that all they
would bring is sixteen heaps with a bit free in each.
"""

import ctypes
import gc

GARBAGE = 5_000  # new objects between two collections: some seven hundred kilobytes, seen through in a millisecond
HEAPS = 2  # of the C library
_M_ARENA_MAX = -8  # as malloc.h of glibc has it


def keep_few_heaps() -> bool:
    """Let all threads share `HEAPS`; answers whether the C library is one that was told so, which is glibc alone. To be
    called before threads are started, which keep the heap they have."""
    try:
        library = ctypes.CDLL(None)
        return hasattr(library, "gnu_get_libc_version") and bool(library.mallopt(_M_ARENA_MAX, HEAPS))
    except (OSError, AttributeError):  # no library that could be asked
        return False


def collect_often() -> None:
    """Take what is loaded by now for what stays, and look through the rest often: to look for garbage among code again
    and again would take a tenth of the time."""
    gc.freeze()
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])
