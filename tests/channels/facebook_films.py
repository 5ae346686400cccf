"""Upright films for Facebook: the sample clip with another shape and length written into its headers."""

import struct

from .conftest import CLIP


def upright_film(width: int = 1080, height: int = 1920, seconds: float = 12) -> bytes:
    """An MP4 of *width* × *height* pixels that says to last *seconds*."""
    film = bytearray(CLIP.read_bytes())
    place = 0
    while (place := film.find(b"tkhd", place + 1)) > 0:
        end = place - 4 + int.from_bytes(film[place - 4 : place])
        if any(film[end - 8 : end]):  # a picture track; sound has no sides
            struct.pack_into(">II", film, end - 8, width << 16, height << 16)
    header = film.find(b"mvhd")
    scale = int.from_bytes(film[header + 16 : header + 20])
    struct.pack_into(">I", film, header + 20, int(seconds * scale))
    return bytes(film)
