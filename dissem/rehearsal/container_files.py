"""Files as Instagram and Threads take them: fetched from their address, and videos judged by what their bytes tell."""

from __future__ import annotations

from dataclasses import dataclass

from dissem.rehearsal.fetching import NotFetched, fetched
from dissem.rehearsal.files import mp4_size, sniff
from dissem.rehearsal.graph_errors import refusal

VIDEO_TYPES = {"video/mp4", "video/quicktime"}


@dataclass(frozen=True)
class VideoLimits:
    """What a video may be: *most* bytes, seconds and width ÷ height from least to most."""

    most: int
    seconds: tuple[float, float]
    ratio: tuple[float, float]

    def complaint(self, data: bytes) -> str:
        """`format`, `duration` or `shape`: what is wrong with a video; empty if nothing is."""
        size, seconds = mp4_size(data), _seconds(data)
        if sniff(data) not in VIDEO_TYPES or len(data) > self.most or size is None or seconds is None:
            return "format"
        if not self.seconds[0] <= seconds <= self.seconds[1]:
            return "duration"
        return "" if self.ratio[0] <= size[0] / size[1] <= self.ratio[1] else "shape"


def file_at(address: str, family: str, most: int, *, code: int) -> bytes:
    """What lies at *address*; refused under *code* when it cannot be fetched."""
    try:
        return fetched(address, family, most)
    except NotFetched as why:
        told = "The media could not be fetched from this URI."
        raise refusal(code, f"The media could not be downloaded. ({why})", 2207052, told=told) from why


def _seconds(data: bytes) -> float | None:
    """How long a film lasts, from its movie header (ISO 14496-12)."""
    place = data.find(b"mvhd")
    if place < 0 or len(data) < place + 36:
        return None
    wide = data[place + 4] == 1
    scale, length = (place + 24, 8) if wide else (place + 16, 4)
    unit = int.from_bytes(data[scale : scale + 4])
    return int.from_bytes(data[scale + 4 : scale + 4 + length]) / unit if unit else None
