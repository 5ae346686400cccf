"""Files written byte by byte, beside those of `test_media`: HEIC photos, and pictures that claim what they are not."""

import struct

from test_media import box

# One HEVC picture of 96 × 64 pixels, red in its left sixth, blue elsewhere.
STREAM = bytes.fromhex(
    "0000000140010c01ffff0408000003009fa800000300001eba0240000000014201010408000003009fa800000300001ea030810596e92930"
    "bc05a02000000300200000030321000000014401c07183120000012801ac2745d486ccffa02cffeae765e38fc97fbb957deff2dffd3cffff"
    "fe7d8df4e4e8987fc0"
)


def full(kind: bytes, version: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24), *parts)


def heic(
    size: tuple[int, int] = (96, 64), *, turns: int = 0, exif: bytes = b"", far: int = 0, brand: bytes = b"heic"
) -> bytes:
    """A HEIC photo that claims *size*, is to be turned left *turns* times by 90°, and lies *far* bytes further on than
    its own tables say."""
    items = [(1, b"hvc1", _picture())] + ([(2, b"Exif", bytes(4) + exif)] if exif else [])
    head = box(b"ftyp", brand, bytes(4), b"mif1heic")
    start = len(head) + len(_meta(items, 0, size, turns)) + 8
    return head + _meta(items, start + far, size, turns) + box(b"mdat", *(data for _, _, data in items))


def heic_mosaic(size: tuple[int, int], columns: int, rows: int) -> bytes:
    """A HEIC photo of *columns* × *rows* tiles of 96 × 64 pixels, which all lie at the same place."""
    grid = bytes([0, 1, rows - 1, columns - 1]) + struct.pack(">II", *size)
    tiles = range(2, columns * rows + 2)
    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    items = [(1, b"grid", grid), *((number, b"hvc1", b"") for number in tiles)]
    links = full(b"iref", 0, box(b"dimg", struct.pack(f">{len(tiles) + 2}H", 1, len(tiles), *tiles)))
    start = len(head) + len(_meta(items, 0, size, 0, links)) + 8
    return head + _meta(items, start, size, 0, links) + box(b"mdat", grid, _picture())


def _units() -> list[bytes]:
    return [unit for unit in STREAM.replace(bytes(3) + b"\x01", bytes(2) + b"\x01").split(bytes(2) + b"\x01") if unit]


def _picture() -> bytes:
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in _units()[3:])


def _meta(items: list[tuple[int, bytes, bytes]], at: int, size: tuple[int, int], turns: int, *more: bytes) -> bytes:
    places = b""
    for number, _kind, data in items:
        places += struct.pack(">HHHII", number, 0, 1, at, len(data or _picture()))
        at += len(data)
    video, sequence, picture, *_slices = _units()
    sets = b"".join(
        bytes([0x80 | kind]) + struct.pack(">HH", 1, len(unit)) + unit
        for kind, unit in ((32, video), (33, sequence), (34, picture))
    )
    codec = box(b"hvcC", b"\x01", sequence[3:15], b"\xf0\x00\xfc\xfd\xf8\xf8\x00\x00\x0f\x03", sets)
    shown = [full(b"ispe", 0, struct.pack(">II", *size)), *([box(b"irot", bytes([turns]))] if turns else [])]
    tile = full(b"ispe", 0, struct.pack(">II", 96, 64))
    mosaic = items[0][1] == b"grid"
    properties = [*shown, codec, tile] if mosaic else [*shown, codec]
    main = range(1, len(shown) + (1 if mosaic else 2))  # the codec belongs to the tiles
    owned = struct.pack(">HB", 1, len(main)) + bytes(0x80 | number for number in main)
    for number, _kind, _data in items[1:] if mosaic else ():
        owned += struct.pack(">HB", number, 2) + bytes([0x80 | len(shown) + 1, 0x80 | len(shown) + 2])
    exif = [full(b"iref", 0, box(b"cdsc", struct.pack(">HHH", 2, 1, 1)))] if items[-1][1] == b"Exif" else []
    return full(
        b"meta",
        0,
        full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
        full(b"pitm", 0, struct.pack(">H", 1)),
        full(b"iloc", 0, bytes([0x44, 0]), struct.pack(">H", len(items)), places),
        full(
            b"iinf",
            0,
            struct.pack(">H", len(items)),
            *(full(b"infe", 2, struct.pack(">HH", number, 0), kind, b"\x00") for number, kind, _ in items),
        ),
        *exif,
        *more,
        box(
            b"iprp", box(b"ipco", *properties), full(b"ipma", 0, struct.pack(">I", len(items) if mosaic else 1), owned)
        ),
    )


def gif_of_specks(frames: int) -> bytes:
    """A GIF of one pixel that changes *frames* times."""
    head = b"GIF89a" + struct.pack("<HH", 1, 1) + b"\x80\x00\x00" + bytes(6)
    speck = b"\x2c" + struct.pack("<HHHH", 0, 0, 1, 1) + b"\x00\x02\x02\x4c\x01\x00"
    return head + speck * frames + b";"


def webp_claiming(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x02\x00\x00\x00" + canvas
    moving = b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body = b"WEBP" + extended + moving
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_claiming(jpeg: bytes, width: int, height: int) -> bytes:
    """*jpeg* with other sides in its head."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def jpeg_with(jpeg: bytes, marker: int, data: bytes) -> bytes:
    """*jpeg* with one more segment after its first two bytes."""
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data + jpeg[2:]


def riff_with(webp: bytes, kind: bytes, data: bytes) -> bytes:
    """*webp* with one more chunk at its end."""
    whole = webp[8:] + kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(whole)) + whole
