"""Images and videos at LinkedIn: what has arrived of a file, and what its processing ends with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from dissem.rehearsal.files import Stored, dimensions, sniff

IMAGE_TYPES = {"image/jpeg", "image/png", "image/gif"}
PIXELS = 36_152_320  # an image must have fewer
VIDEO_BYTES = range(75_000, 500_000_001)
VIDEO_SECONDS = (3, 30 * 60)


@dataclass
class Asset:
    """One upload. `ranges`: first and last byte of every part; `polls`: looks during which it is still processed."""

    urn: str
    owner: str
    secret: str
    expires: datetime
    polls: int
    ranges: tuple[tuple[int, int], ...] = ((0, 0),)
    token: str = ""
    parts: dict[int, bytes] = field(default_factory=dict)
    finalized: bool = False

    @property
    def is_video(self) -> bool:
        return self.urn.startswith("urn:li:video:")

    @property
    def name(self) -> str:
        """The last part of its URN."""
        return self.urn.rpartition(":")[2]

    @property
    def data(self) -> bytes:
        return b"".join(self.parts[number] for number in sorted(self.parts))

    @property
    def etags(self) -> list[str]:
        """Of the parts that have arrived, in order."""
        return [etag(self.parts[number]) for number in sorted(self.parts)]

    @property
    def status(self) -> str:
        if not self.finalized:
            return "WAITING_UPLOAD"
        if self.polls > 0:
            return "PROCESSING"
        return "PROCESSING_FAILED" if self.complaint else "AVAILABLE"

    @property
    def complaint(self) -> str:
        """Why LinkedIn cannot use the file; empty if it can."""
        return self._video_complaint() if self.is_video else _image_complaint(self.data)

    def _video_complaint(self) -> str:
        seconds = mp4_seconds(self.data)
        if sniff(self.data) != "video/mp4" or seconds is None:
            return "The file is not an MP4 video"
        if len(self.data) != self.ranges[-1][1] + 1:
            return "The uploaded parts do not add up to the announced size"
        if len(self.data) not in VIDEO_BYTES:
            return "The video must have 75 kB to 500 MB"
        if not VIDEO_SECONDS[0] <= seconds <= VIDEO_SECONDS[1]:
            return "The video must be 3 seconds to 30 minutes long"
        return ""

    def stored(self, alt: str) -> Stored:
        return Stored(self.data, sniff(self.data), alt)


def _image_complaint(data: bytes) -> str:
    size = dimensions(data)
    if sniff(data) not in IMAGE_TYPES or size is None:
        return "The file is not a JPG, PNG or GIF image"
    return f"The image must have fewer than {PIXELS} pixels" if size[0] * size[1] >= PIXELS else ""


def etag(part: bytes) -> str:
    """The name that LinkedIn's storage gives to a part."""
    return f"/ambry-video/signedId/{hashlib.sha256(part).hexdigest()[:32]}"


def ranges(size: int, part: int) -> tuple[tuple[int, int], ...]:
    """First and last byte of every part of a file."""
    return tuple((first, min(first + part, size) - 1) for first in range(0, size, part))


def mp4_seconds(data: bytes) -> float | None:
    """How long an MP4 says it is, from its movie header (ISO 14496-12); None without one."""
    place = data.find(b"mvhd")
    if place < 0 or len(data) < place + 36:
        return None
    long = data[place + 4] == 1
    start = place + (24 if long else 16)
    scale = int.from_bytes(data[start : start + 4])
    length = int.from_bytes(data[start + 4 : start + (12 if long else 8)])
    return length / scale if scale else None
