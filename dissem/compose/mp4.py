"""What an MP4 or MOV file shows, and where it keeps what nobody should be told: read box by box.

Only headers and small tables are read, never the pictures and sounds: a film of several gigabytes costs kilobytes.
Every size in the file is a claim; it is believed only as far as the box around it reaches.
Format: ISO/IEC 14496-12 and Apple's QuickTime File Format, which share the boxes used here.
"""

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from dissem.errors import WrongInput

MOST_BOXES = 100_000
MOST_TRACKS = 64
LARGEST_TABLE = 16 * 1024 * 1024  # bytes; four million samples, more than a day of film
LONGEST_SIDE = 16_384
LONGEST = 7 * 24 * 3600.0  # seconds

# What may stay. Everything else (udta, meta, uuid, makers' own boxes, leftovers in free space) is blanked, so a box
# nobody has heard of yet is not sent by accident.
_KEPT = {
    b"": {b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"ssix", b"pdin", b"wide"},
    b"moov": {b"mvhd", b"trak", b"mvex", b"iods"},
    b"trak": {b"tkhd", b"edts", b"mdia", b"tapt"},
    b"mdia": {b"mdhd", b"hdlr", b"minf", b"elng"},
    b"minf": {b"vmhd", b"smhd", b"hdlr", b"dinf", b"stbl"},
    b"stbl": {b"stsd", b"stts", b"ctts", b"cslg", b"stsc", b"stsz", b"stz2", b"stco", b"co64", b"stss", b"stsh"}
    | {b"sdtp", b"sbgp", b"sgpd", b"subs", b"saiz", b"saio"},
    b"moof": {b"mfhd", b"traf"},
    b"traf": {b"tfhd", b"tfdt", b"trun", b"sdtp", b"sbgp", b"sgpd", b"subs", b"saiz", b"saio", b"senc"},
}
_UNKNOWN = {0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF}
_TIMED = {b"mvhd", b"tkhd", b"mdhd"}
_SHOWN_OR_HEARD = {b"vide", b"soun"}
_PICTURE_FORMATS = {b"avc1", b"avc3", b"hvc1", b"hev1", b"dvh1", b"dvhe", b"mp4v", b"av01", b"vp09", b"encv"} | {
    b"apch", b"apcn", b"apcs", b"apco", b"ap4h", b"jpeg", b"mjpa", b"mjpb"
}  # fmt: skip
_SAME = {"avc3": "avc1", "hev1": "hvc1", "dvh1": "hvc1", "dvhe": "hvc1"}


@dataclass(frozen=True)
class Facts:
    """*width* × *height* in pixels as shown, after the track's rotation; *duration* in seconds.

    *video* and *audio*: how they are encoded, as "avc1" (H.264), "hvc1" (HEVC), "mp4a" (AAC); empty: not said, or none.
    """

    width: int
    height: int
    duration: float
    video: str = ""
    audio: str = ""


@dataclass(frozen=True)
class Box:
    """A box by the places of its header, its body and its end, counted from the start of the file."""

    kind: bytes
    start: int
    body: int
    end: int


@dataclass(frozen=True)
class Patch:
    """From *start* to *end* (exclusive) write *text*, then zeros: the length of the file stays."""

    start: int
    end: int
    text: bytes = b""


class Movie:
    """An open MP4 or MOV file; *name* is what people call it in a refusal. Every refusal is a `WrongInput`."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.file = file
        self.name = name
        self.size = file.seek(0, 2)
        self._boxes_left = MOST_BOXES
        self._top = list(self._boxes(0, self.size, nested=False))
        self._moov = self._first(self._top, b"moov")
        self._tracks = [box for box in self._children(self._moov) if box.kind == b"trak"]
        if len(self._tracks) > MOST_TRACKS:
            raise self._damaged()

    def facts(self) -> Facts:
        """Size as shown and duration. The samples of the first picture track are known to lie inside the file."""
        track = next((track for track in self._tracks if self._handler(track) == b"vide"), None)
        if track is None:
            raise WrongInput(
                "{name} has no moving picture.", hint="Export the video as MP4 (H.264) again.", name=self.name
            )
        sound = next((track for track in self._tracks if self._handler(track) == b"soun"), None)
        for seen_or_heard in (track, sound) if sound else (track,):
            self._require_own_samples(seen_or_heard)
        if not self._fragmented():
            self._require_samples(track)
        width, height = self._shown(track)
        return Facts(width, height, self._duration(), self._codec(track), self._codec(sound) if sound else "")

    def private(self) -> list[Patch]:
        """What to overwrite so that nothing but pictures and sounds is left; no byte moves, so every offset stays true.

        Blanked are all boxes outside the list above (place, maker, XMP, comments), dates, names of handlers and
        encoders, and tracks that are neither seen nor heard, such as a drone's or an action camera's GPS track,
        with their samples. What an encoder wrote into the pictures themselves is left.
        """
        patches: list[Patch] = []
        for box in self._top:
            patches.extend(self._private(box, inside=b""))
        return patches

    # Facts

    def _shown(self, track: Box) -> tuple[int, int]:
        tkhd = self._child(track, b"tkhd")
        at = tkhd.body + (52 if self._version(tkhd) else 40)
        a, b, _u, c, d, *_rest = (self._number(at + 4 * i, tkhd) for i in range(9))
        width, height = (round(self._number(at + 36 + 4 * i, tkhd) / 65536) for i in range(2))
        if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
            raise self._damaged()
        return (height, width) if not a and not d and (b or c) else (width, height)

    def _duration(self) -> float:
        mvhd = self._child(self._moov, b"mvhd")
        wide = self._version(mvhd)
        scale = self._number(mvhd.body + (20 if wide else 12), mvhd)
        length = self._number(mvhd.body + (24 if wide else 16), mvhd, 8 if wide else 4)
        length = self._told_by_fragments() or (0 if length in _UNKNOWN else length)
        if not length:
            raise WrongInput(
                "{name} does not say how long it is.",
                hint="It looks like an unfinished or streamed recording: export it as an ordinary MP4.",
                name=self.name,
            )
        if not scale or length / scale > LONGEST:
            raise self._damaged()
        return length / scale

    def _told_by_fragments(self) -> int:
        """The duration in a fragmented film's `mehd`, or 0."""
        for mvex in (box for box in self._children(self._moov) if box.kind == b"mvex"):
            for mehd in (box for box in self._children(mvex) if box.kind == b"mehd"):
                return self._number(mehd.body + 4, mehd, 8 if self._version(mehd) else 4)
        return 0

    def _fragmented(self) -> bool:
        return any(box.kind == b"mvex" for box in self._children(self._moov))

    def _handler(self, track: Box) -> bytes:
        hdlr = self._child(self._child(track, b"mdia"), b"hdlr")
        return self._read(hdlr.body + 8, 4, hdlr.end)

    def _codec(self, track: Box) -> str:
        """How the track is encoded by its first description; of several names for one codec the usual one."""
        minf = self._child(self._child(track, b"mdia"), b"minf")
        for stsd in (box for box in self._children(self._child(minf, b"stbl")) if box.kind == b"stsd"):
            for entry in self._boxes(stsd.body + 8, stsd.end):
                kind = entry.kind.decode("ascii", "replace").strip()
                return _SAME.get(kind, kind)
        return ""

    # Samples

    def _require_own_samples(self, track: Box) -> None:
        """No track may have its pictures elsewhere: a player or a converter would go and fetch them."""
        minf = self._child(self._child(track, b"mdia"), b"minf")
        for entry in (entry for box in self._children(minf) if box.kind == b"dinf" for entry in self._references(box)):
            if not self._number(entry.body, entry) & 1 and entry.end - entry.body > 4:
                raise WrongInput(
                    "{name} keeps its pictures in another file.",
                    hint="Export it as an MP4 that holds everything itself.",
                    name=self.name,
                )

    def _references(self, dinf: Box) -> Iterator[Box]:
        """Where the samples of a track lie; the last bit of an entry's flags says: in this file."""
        for dref in self._children(dinf):
            yield from self._boxes(dref.body + 8, dref.end)

    def _require_samples(self, track: Box) -> None:
        if not list(self._samples(track)):
            raise self._damaged()

    def _samples(self, track: Box) -> Iterator[tuple[int, int]]:
        """Start and end of each chunk of the track, each inside a `mdat`."""
        mdats = [(box.body, box.end) for box in self._top if box.kind == b"mdat"]
        starts = [start for start, _end in mdats]
        for start, end in self._chunks(track):
            place = bisect_right(starts, start) - 1
            if place < 0 or end > mdats[place][1]:
                raise self._damaged()
            yield start, end

    def _chunks(self, track: Box) -> Iterator[tuple[int, int]]:
        """Start and end of each chunk, as the sample tables claim."""
        table = list(self._children(self._child(self._child(self._child(track, b"mdia"), b"minf"), b"stbl")))
        stsz = self._first(table, b"stsz")
        uniform = self._number(stsz.body + 4, stsz)
        sizes = array("I") if uniform else self._table(stsz, "I", at=8)
        left = self._number(stsz.body + 8, stsz)
        runs = self._table(self._first(table, b"stsc"), "I", width=3)
        taken = run = 0
        for number, start in enumerate(self._offsets(table), 1):
            while 3 * (run + 1) < len(runs) and runs[3 * (run + 1)] <= number:
                run += 1
            count = min(runs[3 * run + 1] if runs else 0, left - taken)
            yield start, start + (uniform * count or sum(sizes[taken : taken + count]))
            taken += count

    def _offsets(self, table: Iterable[Box]) -> "array[int]":
        for box in table:
            if box.kind in (b"stco", b"co64"):
                return self._table(box, "I" if box.kind == b"stco" else "Q")
        raise self._damaged()

    # Private parts

    def _private(self, box: Box, inside: bytes) -> Iterator[Patch]:
        if box.kind not in _KEPT[inside]:
            yield from self._blank(box)
        elif box.kind == b"trak" and self._handler(box) not in _SHOWN_OR_HEARD:
            yield from self._blank_track(box)
        elif box.kind in _TIMED:
            yield Patch(box.body + 4, box.body + (20 if self._version(box) else 12))
        elif box.kind == b"hdlr":
            yield Patch(min(box.body + 24, box.end), box.end)
        elif box.kind == b"dinf":
            yield from (Patch(entry.body + 4, entry.end) for entry in self._references(box))
        elif box.kind == b"stsd":
            yield from self._encoder_names(box)
        elif box.kind in _KEPT:
            for child in self._children(box):
                yield from self._private(child, inside=box.kind)

    def _blank(self, box: Box) -> Iterator[Patch]:
        yield Patch(box.start + 4, box.start + 8, b"free")
        yield Patch(box.body, box.end)

    def _blank_track(self, track: Box) -> Iterator[Patch]:
        if self._fragmented():
            raise WrongInput(
                "{name} carries a data track, perhaps with places, that cannot be taken out.",
                hint="Export it as an ordinary MP4 with picture and sound only.",
                name=self.name,
            )
        for start, end in _merged(self._samples(track)):
            yield Patch(start, end)
        yield from self._blank(track)

    def _encoder_names(self, stsd: Box) -> Iterator[Patch]:
        """The 32 bytes in each picture format where cameras and encoders write their names."""
        for entry in self._boxes(stsd.body + 8, stsd.end):
            if entry.kind in _PICTURE_FORMATS and entry.end - entry.body >= 78:
                yield Patch(entry.body + 42, entry.body + 74)

    # Reading

    def _boxes(self, start: int, end: int, *, nested: bool = True) -> Iterator[Box]:
        while end - start >= 8:
            box = self._box(start, end, nested)
            yield box
            start = box.end

    def _box(self, start: int, limit: int, nested: bool) -> Box:
        self._boxes_left -= 1
        size, kind, body = self._number(start), self._read(start + 4, 4), start + 8
        if size == 1:
            size, body = self._number(body, length=8), body + 8
        elif size == 0 and not nested:
            size = limit - start  # "up to the end of the file"
        if self._boxes_left < 0 or size < body - start or start + size > limit:
            raise self._damaged()
        return Box(kind, start, body, start + size)

    def _children(self, box: Box) -> Iterator[Box]:
        return self._boxes(box.body, box.end)

    def _child(self, box: Box, kind: bytes) -> Box:
        return self._first(self._children(box), kind)

    def _first(self, boxes: Iterable[Box], kind: bytes) -> Box:
        for box in boxes:
            if box.kind == kind:
                return box
        raise self._damaged()

    def _table(self, box: Box, code: str, *, at: int = 4, width: int = 1) -> "array[int]":
        """The counted rows of numbers whose count stands *at* bytes into the body, flattened."""
        items = array(code)
        length = self._number(box.body + at, box) * width * items.itemsize
        if length > LARGEST_TABLE:
            raise self._damaged()
        items.frombytes(self._read(box.body + at + 4, length, box.end))
        if sys.byteorder == "little":
            items.byteswap()
        return items

    def _version(self, box: Box) -> int:
        return self._number(box.body, box, 1)

    def _number(self, start: int, box: Box | None = None, length: int = 4) -> int:
        return int.from_bytes(self._read(start, length, box.end if box else self.size), "big")

    def _read(self, start: int, length: int, limit: int | None = None) -> bytes:
        if start + length > (self.size if limit is None else limit):
            raise self._damaged()
        self.file.seek(start)
        found = self.file.read(length)
        if len(found) != length:
            raise self._damaged()
        return found

    def _damaged(self) -> WrongInput:
        return WrongInput(
            "{name} is damaged or was cut off while being copied, so the video cannot be used.",
            hint="Copy it again from the camera or phone, or export it as MP4 again.",
            name=self.name,
        )


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same ground without overlaps, so that tables that lie cannot make us write it many times."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
