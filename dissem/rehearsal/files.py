"""A file as a platform keeps it, and what its bytes tell: the media type, and the dimensions."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Stored:
    """A file as the platform keeps it."""

    bytes: bytes
    type: str
    alt: str = ""


_SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftyp", "video/mp4"),
)


def sniff(data: bytes) -> str:
    """The media type told by the first bytes; application/octet-stream when they tell none."""
    for start, signature, kind in _SIGNATURES:
        if data[start : start + len(signature)] == signature:
            return kind
    return "application/octet-stream"


def dimensions(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF or JPEG in pixels; None when the head of the file does not tell."""
    match sniff(data):
        case "image/png" if len(data) >= 24 and data[12:16] == b"IHDR":
            width, height = struct.unpack(">II", data[16:24])
            return width, height
        case "image/gif" if len(data) >= 10:
            width, height = struct.unpack("<HH", data[6:10])
            return width, height
        case "image/jpeg":
            return _jpeg_dimensions(data)
    return None


def _jpeg_dimensions(data: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        # The frame headers SOF0 to SOF15, without the three markers in between that mean something else.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[place + 7 : place + 9]), int.from_bytes(data[place + 5 : place + 7])
        place += 2 + length
    return None


def mp4_size(data: bytes) -> tuple[int, int] | None:
    """Width and height as shown, rotation counted, from the first track header that has a picture (ISO 14496-12)."""
    for name, body in _boxes(data):
        if name in (b"moov", b"trak"):
            if size := mp4_size(body):
                return size
        elif name == b"tkhd" and len(body) >= 84:
            matrix = struct.unpack(">9i", body[-44:-8])
            width, height = struct.unpack(">II", body[-8:])
            if width and height:
                turned = matrix[0] == 0 and matrix[4] == 0
                return (height >> 16, width >> 16) if turned else (width >> 16, height >> 16)
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(data):
        size, head = int.from_bytes(data[place : place + 4]), 8
        if size == 1:
            size, head = int.from_bytes(data[place + 8 : place + 16]), 16
        if size == 0:
            size = len(data) - place
        if size < head:
            return
        yield data[place + 4 : place + 8], data[place + head : place + size]
        place += size
