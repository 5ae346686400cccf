"""How many frames a GIF and how many scans a JPEG holds, counted along its blocks before anything is decoded.

Both are asked because a small file can claim thousands, each of them a pass over all pixels.
"""

import re

MOST_FRAMES = 300
MOST_SCANS = 100  # of a progressive JPEG

_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")  # begins a segment: no stuffing, no restart, no filling


def gif_frames(data: bytes) -> int:
    """Frames of a GIF by its blocks, counted no further than one too many; a file cut off ends the count."""
    at, frames = 13 + _palette(data[10:11]), 0
    while frames <= MOST_FRAMES and at < len(data):
        if data[at] == 0x2C:
            frames, at = frames + 1, _after_blocks(data, at + 11 + _palette(data[at + 9 : at + 10]))
        elif data[at] == 0x21:
            at = _after_blocks(data, at + 2)
        else:
            break
    return frames


def jpeg_scans(data: bytes) -> int:
    """Scans of the first picture in a JPEG, counted no further than one too many; so are endless segments."""
    scans, at = 0, 2
    for _ in range(10 * MOST_SCANS):
        marker = _MARKER.search(data, at)
        if marker is None or marker[0] == b"\xff\xd9" or scans > MOST_SCANS:
            return scans
        scans += marker[0] == b"\xff\xda"
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    return MOST_SCANS + 1


def _palette(flags: bytes) -> int:
    """The length in bytes of the colour table that *flags* announces."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1
