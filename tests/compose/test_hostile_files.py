"""Broken and hostile files at the door: each is refused in one sentence, or what is sent of it is harmless."""

import gzip
import io
import random
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from handmade import gif_of_specks, heic, heic_mosaic, jpeg_claiming, jpeg_with, riff_with, webp_claiming
from PIL import Image, ImageCms
from test_media import (
    FTYP,
    SAMPLES,
    archive,
    box,
    film,
    film_with_a_places_track,
    jpeg_of_many_scans,
    moving,
    mvhd,
    picture,
    png_chunk,
    png_claiming,
    tkhd,
    trak,
)

from dissem.compose import media
from dissem.errors import WrongInput

CANARY = b"KANARI -0.9471 Jalan Melati 7"
MOST_GROWTH = 50 * media.MIB
QT = box(b"ftyp", b"qt  ", bytes(4), b"qt  ")

Make = Callable[[], bytes]


# Bricks


def exif(orientation: int = 1, *, place: bool = False) -> bytes:
    told = Image.Exif()
    told[0x0112] = orientation
    told[0x010E] = CANARY.decode()
    if place:
        told.get_ifd(0x8825).update({1: "S", 2: (0.0, 56.0, 42.5), 28: CANARY})
    return told.tobytes()


def corner(kind: str, orientation: int) -> bytes:
    """A picture of 64 × 32 pixels as stored."""
    into = io.BytesIO()
    Image.new("RGB", (64, 32), "orange").save(into, kind, exif=exif(orientation))
    return into.getvalue()


def png_with(kind: bytes, data: bytes) -> bytes:
    png = picture("PNG")
    return png[:33] + png_chunk(kind, data) + png[33:]


def png_inflating(size: int) -> bytes:
    """A PNG whose pixels unpack to far more than it has room for."""
    header = struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0)
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(size)))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + pixels + png_chunk(b"IEND", b"")


def png_of_zeros(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 1) * height))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


def named_profile() -> bytes:
    """The sRGB profile under a name that says too much."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace("sRGB".encode("utf-16-be"), "KANA".encode("utf-16-be")) + CANARY


def scrambled(seed: int) -> bytes:
    """A JPEG some of whose bytes after the head are others."""
    luck, data = random.Random(seed), bytearray(picture(size=(300, 200), quality=95))  # noqa: S311 - not for secrets
    for _ in range(20):
        data[luck.randrange(700, len(data))] = luck.randrange(256)
    return bytes(data)


def nested(depth: int) -> bytes:
    """Boxes in boxes in boxes."""
    data = b""
    for _ in range(depth):
        data = box(b"moov", data)
    return FTYP + data


def elsewhere(flags: int) -> bytes:
    """A film whose track says by a reference where its pictures lie."""
    reference = box(b"url ", struct.pack(">I", flags), b"http://192.0.2.1/" + CANARY)
    dinf = box(b"dinf", box(b"dref", bytes(4), struct.pack(">I", 1), reference))
    track = trak(len(FTYP) + 8, len(SAMPLES))
    at = track.index(b"minf") - 4
    minf = box(b"minf", dinf, track[at + 8 :])
    hdlr = box(b"hdlr", bytes(8), b"vide", bytes(12))
    mdia = box(b"mdia", box(b"mdhd", bytes(24)), hdlr, minf)
    return FTYP + box(b"mdat", SAMPLES) + box(b"moov", mvhd(), box(b"trak", tkhd(), mdia))


def truncated(data: bytes, part: float) -> bytes:
    return data[: int(len(data) * part)]


# Refused: what it is, and a word of the sentence

REFUSED: dict[str, tuple[Make, str]] = {
    "PNG of ten gigapixels": (lambda: png_claiming(100_000, 100_000), "too large"),
    "PNG of two thousand million rows": (lambda: png_claiming(1, 2**31 - 1), "too large"),
    "PNG of 51 megapixels": (lambda: png_claiming(8_500, 6_000), "too large"),
    "PNG without sides": (lambda: png_claiming(0, 0), "damaged"),
    "PNG with a text that unpacks to 64 MiB": (
        lambda: png_with(b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(64 * media.MIB), 9)),
        "damaged",
    ),
    "PNG with an iTXt that unpacks to 64 MiB": (
        lambda: png_with(b"iTXt", b"X\x00\x01\x00\x00\x00" + zlib.compress(bytes(64 * media.MIB), 9)),
        "damaged",
    ),
    "moving PNG of a million frames": (lambda: png_with(b"acTL", struct.pack(">II", 10**6, 0)), "moves too long"),
    "PNG with a chunk longer than the file": (
        lambda: picture("PNG")[:33] + struct.pack(">I", 2**31 - 1) + b"IDAT" + bytes(100),
        "damaged",
    ),
    "GIF of a million frames": (lambda: gif_of_specks(10**6), "moves too long"),
    "GIF of 301 frames": (lambda: gif_of_specks(301), "moves too long"),
    "GIF of 65535 × 65535": (lambda: b"GIF89a\xff\xff\xff\xff" + picture("GIF")[10:], "too large"),
    "GIF of nonsense": (lambda: picture("GIF")[:800] + bytes(range(256)) * 4, "damaged"),
    "WebP of 16384 × 16384": (lambda: webp_claiming(16384, 16384), "too large"),
    "WebP of 16 million pixels a side": (lambda: webp_claiming(2**24, 2**24), "too large"),
    "WebP of 400 frames": (lambda: moving("WEBP", 400, size=(4, 4), lossless=True), "moves too long"),
    "JPEG of 65500 × 65500": (lambda: jpeg_claiming(picture(), 65500, 65500), "too large"),
    "JPEG of 12001 × 1": (lambda: jpeg_claiming(picture(), 12_001, 1), "too large"),
    "JPEG without sides": (lambda: jpeg_claiming(picture(), 0, 0), "damaged"),
    "JPEG of endless scans": (jpeg_of_many_scans, "busy"),
    "JPEG of endless segments": (lambda: b"\xff\xd8" + b"\xff\xfe\x00\x02" * 50_000 + picture()[2:], "busy"),
    "JPEG cut off after its first segment": (lambda: picture()[:24], "damaged"),
    "JPEG cut off at a tenth": (lambda: truncated(picture(size=(400, 300)), 0.1), "damaged"),
    "JPEG cut off in the middle": (lambda: truncated(picture(size=(400, 300)), 0.5), "damaged"),
    "JPEG cut off near the end": (lambda: truncated(picture(size=(400, 300)), 0.9), "damaged"),
    "PNG cut off in the middle": (lambda: truncated(picture("PNG", size=(400, 300)), 0.5), "damaged"),
    "WebP cut off in the middle": (lambda: truncated(picture("WEBP", size=(400, 300)), 0.5), "damaged"),
    "GIF cut off in its head": (lambda: picture("GIF")[:10], "damaged"),
    "HEIC of ten gigapixels": (lambda: heic((100_000, 100_000)), "too large"),
    "HEIC of 60 megapixels": (lambda: heic((10_000, 6_000)), "too large"),
    "HEIC that claims less than it holds": (lambda: heic((16, 16)), "damaged"),
    "HEIC that claims more than it holds": (lambda: heic((7000, 7000)), "damaged"),
    "HEIC mosaic that claims 384 megapixels": (lambda: heic_mosaic((24_000, 16_000), 30, 30), "too large"),
    "HEIC whose picture lies behind its end": (lambda: heic(far=10**9), "damaged"),
    "HEIC cut off in its head": (lambda: heic()[:60], "damaged"),
    "HEIC cut off in its picture": (lambda: heic()[:-40], "damaged"),
    "HEIC that is a JPEG": (lambda: box(b"ftyp", b"heic", bytes(4), b"heic") + picture(), "damaged"),
    "HEIC of boxes in boxes": (
        lambda: box(b"ftyp", b"heic", bytes(4), b"heic") + nested(2_000)[len(FTYP) :].replace(b"moov", b"meta"),
        "damaged",
    ),
    "AVIF under the brand of HEIC": (lambda: box(b"ftyp", b"mif1", bytes(4), b"mif1avif") + bytes(90), "is not a JPEG"),
    "playlist (m3u8)": (lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "is not a JPEG"),
    "playlist behind the head of an MP4": (lambda: FTYP + b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "damaged"),
    "list of files for ffmpeg": (lambda: b"ffconcat version 1.0\nfile /etc/passwd\n", "is not a JPEG"),
    "AVI": (lambda: b"RIFF\x00\x10\x00\x00AVI LIST" + bytes(60), "is not a JPEG"),
    "AVI that carries a playlist": (lambda: b"RIFF\x00\x10\x00\x00AVI LISTGAB2#EXTM3U\n" + bytes(60), "is not a JPEG"),
    "Matroska": (lambda: b"\x1aE\xdf\xa3" + bytes(60), "WebM or Matroska"),
    "Flash video": (lambda: b"FLV\x01\x05\x00\x00\x00\x09" + bytes(60), "is not a JPEG"),
    "MPEG transport stream": (lambda: b"G@\x00\x10" + bytes(184), "is not a JPEG"),
    "Ogg": (lambda: b"OggS" + bytes(60), "is not a JPEG"),
    "SVG that loads a file": (lambda: b'<svg><image href="file:///etc/passwd"/></svg>', "SVG"),
    "XML of a billion laughs": (
        lambda: b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">]><l>&a;</l>',
        "SVG or XML",
    ),
    "HTML": (lambda: b"<html><script>alert(1)</script></html>", "HTML"),
    "PDF whose body is a JPEG": (lambda: b"%PDF-1.4\n" + picture(), "PDF"),
    "ZIP that holds a photo": (archive, "ZIP"),
    "gzip of 64 MiB": (lambda: gzip.compress(bytes(64 * media.MIB), mtime=0), "gzip"),
    "RAR": (lambda: b"Rar!\x1a\x07\x00" + bytes(60), "RAR"),
    "PostScript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run\n", "is not a JPEG"),
    "drawing commands of ImageMagick": (
        lambda: b"push graphic-context\nfill 'url(https://192.0.2.1/\"|id\")'\n",
        "is not a JPEG",
    ),
    "Photoshop": (lambda: b"8BPS\x00\x01" + bytes(60), "is not a JPEG"),
    "icon": (lambda: picture("ICO"), "is not a JPEG"),
    "portable pixmap": (lambda: picture("PPM"), "is not a JPEG"),
    "JPEG 2000": (lambda: picture("JPEG2000"), "is not a JPEG"),
    "Windows program": (lambda: b"MZ" + bytes(100), "is not a JPEG"),
    "camera RAW": (lambda: b"II*\x00" + bytes(100), "RAW"),
    "nothing but zeros": (lambda: bytes(5000), "is not a JPEG"),
    "nothing": (lambda: b"", "is empty"),
    "MP4 of no tracks": (lambda: FTYP + box(b"mdat", SAMPLES) + box(b"moov", mvhd()), "no moving picture"),
    "MP4 of no boxes": (lambda: FTYP, "damaged"),
    "MP4 of a million empty boxes": (lambda: film() + box(b"free") * 10**6, "damaged"),
    "MP4 of boxes in boxes": (lambda: nested(3_000), "no moving picture"),
    "MP4 whose box has no end": (lambda: FTYP + struct.pack(">I4s", 0, b"moov") + bytes(7), "no moving picture"),
    "MP4 whose box ends before it begins": (lambda: FTYP + struct.pack(">I4sQ", 1, b"moov", 3) + bytes(90), "damaged"),
    "MP4 whose box is larger than all disks": (
        lambda: FTYP + struct.pack(">I4sQ", 1, b"mdat", 2**64 - 1) + bytes(90),
        "damaged",
    ),
    "MP4 with four milliards of samples": (
        lambda: film().replace(struct.pack(">II", 0, 2), struct.pack(">II", 0, 2**32 - 1)),
        "damaged",
    ),
    "MP4 whose samples lie in its head": (
        lambda: FTYP + box(b"mdat", SAMPLES) + box(b"moov", mvhd(), trak(0, 64)),
        "damaged",
    ),
    "MP4 whose pictures lie on another computer": (lambda: elsewhere(0), "another file"),
    "MP4 of a million pixels a side": (lambda: film(head=tkhd(65_000, 65_000)), "damaged"),
    "MP4 of a hundred years": (lambda: film(header=mvhd(3_200_000_000, 1)), "damaged"),
    "MP4 cut off in the middle": (lambda: truncated(film(), 0.5), "damaged"),
    "MOV cut off near the end": (lambda: truncated(film(ftyp=QT), 0.95), "damaged"),
    "MOV of sound alone": (
        lambda: QT + box(b"mdat", SAMPLES) + box(b"moov", mvhd(), trak(len(QT) + 8, 64, b"soun")),
        "no moving picture",
    ),
    "MOV of one track too many": (lambda: film(*[trak(32, 64)] * 64, ftyp=QT), "damaged"),
}

# Made harmless: what it is, and its size as shown

HARMLESS: dict[str, tuple[Make, tuple[int, int]]] = {
    "JPEG that claims more than it holds": (lambda: jpeg_claiming(picture(), 7000, 5000), (7000, 5000)),
    **{
        f"{kind} lying as orientation {number}": (
            lambda kind=kind, number=number: corner(kind, number),
            (32, 64) if number >= 5 else (64, 32),
        )
        for kind in ("JPEG", "PNG", "WEBP")
        for number in range(1, 9)
    },
    "JPEG with a place": (lambda: picture(exif=exif(place=True)), (120, 80)),
    "JPEG with XMP": (lambda: jpeg_with(picture(), 0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + CANARY), (120, 80)),
    "JPEG with IPTC": (lambda: jpeg_with(picture(), 0xED, b"Photoshop 3.0\x008BIM\x04\x04" + CANARY), (120, 80)),
    "JPEG with a comment": (lambda: picture(comment=CANARY), (120, 80)),
    "JPEG with a maker's segment": (lambda: jpeg_with(picture(), 0xEF, CANARY), (120, 80)),
    "JPEG with a talkative profile": (lambda: picture(icc_profile=named_profile()), (120, 80)),
    "JPEG with a small preview": (lambda: jpeg_with(picture(), 0xE2, b"MPF\x00" + CANARY + picture()), (120, 80)),
    "JPEG with a film behind it": (lambda: picture() + film() + CANARY, (120, 80)),
    "JPEG that is a ZIP, too": (lambda: picture() + CANARY + archive(), (120, 80)),
    "JPEG that is a web page, too": (lambda: picture(comment=b"<script>" + CANARY) + b"</script>", (120, 80)),
    "JPEG with broken Exif": (lambda: picture(exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff" + CANARY), (120, 80)),
    "JPEG under the name of a PDF": (lambda: picture() + b"%PDF-1.4" + CANARY, (120, 80)),
    "PNG with a text": (lambda: png_with(b"tEXt", b"Comment\x00" + CANARY), (120, 80)),
    "PNG with a packed text": (lambda: png_with(b"zTXt", b"Comment\x00\x00" + zlib.compress(CANARY)), (120, 80)),
    "PNG with XMP": (lambda: png_with(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + CANARY), (120, 80)),
    "PNG with Exif": (lambda: png_with(b"eXIf", exif(place=True)[6:]), (120, 80)),
    "PNG with a maker's chunk": (lambda: png_with(b"kaNa", CANARY), (120, 80)),
    "PNG that is a web page, too": (lambda: picture("PNG") + b"<html><script>" + CANARY, (120, 80)),
    "PNG that unpacks to 64 MiB": (lambda: png_inflating(64 * media.MIB), (16, 16)),
    "PNG of 49 megapixels of nothing": (lambda: png_of_zeros(7000, 7000), (7000, 7000)),
    "GIF with a comment": (lambda: picture("GIF", comment=CANARY), (120, 80)),
    "GIF with XMP": (
        lambda: picture("GIF")[:-1] + b"\x21\xff\x0bXMP DataXMP" + bytes([len(CANARY)]) + CANARY + b"\x00;",
        (120, 80),
    ),
    "GIF that is JavaScript, too": (lambda: picture("GIF") + b"*/=1;alert('" + CANARY + b"')", (120, 80)),
    "moving GIF with a comment": (lambda: moving("GIF", 3, comment=CANARY), (40, 30)),
    "WebP with Exif": (lambda: picture("WEBP", exif=exif(place=True)), (120, 80)),
    "WebP with XMP": (lambda: picture("WEBP", xmp=CANARY), (120, 80)),
    "WebP with a maker's chunk": (lambda: riff_with(picture("WEBP", xmp=b"x"), b"KANA", CANARY), (120, 80)),
    "WebP that is a ZIP, too": (lambda: picture("WEBP") + CANARY + archive(), (120, 80)),
    "HEIC with a place": (lambda: heic(exif=exif(6, place=True)), (96, 64)),
    "HEIC turned once": (lambda: heic(turns=1, exif=exif()), (64, 96)),
    "HEIC turned twice": (lambda: heic(turns=2, exif=exif()), (96, 64)),
    "HEIC turned three times": (lambda: heic(turns=3, exif=exif()), (64, 96)),
    "HEIC with a ZIP behind it": (lambda: heic() + CANARY + archive(), (96, 64)),
    "HEIC mosaic": (lambda: heic_mosaic((192, 128), 2, 2), (192, 128)),
    "MP4 with a place": (lambda: film(box(b"udta", box(b"\xa9xyz", CANARY))), (640, 360)),
    "MP4 with XMP": (lambda: film() + box(b"uuid", bytes(16), CANARY), (640, 360)),
    "MP4 with a playlist in free space": (lambda: film() + box(b"free", b"#EXTM3U\n" + CANARY), (640, 360)),
    "MP4 with a note where its pictures lie": (lambda: elsewhere(1), (640, 360)),
    "MOV with a place": (lambda: film(box(b"meta", bytes(4), CANARY), ftyp=QT), (640, 360)),
    "MP4 with a track of places": (film_with_a_places_track, (640, 360)),
}


def test_there_are_many_cases() -> None:
    assert len(REFUSED) + len(HARMLESS) >= 60


@pytest.fixture(autouse=True, scope="module")
def _one_child() -> Iterator[None]:
    with media.batch():
        yield


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_in_one_sentence_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    make, word = REFUSED[case]
    path = tmp_path / "bahan.jpg"
    path.write_bytes(make())
    started = time.monotonic()

    for door in (media.keep_original, media.clean):
        with pytest.raises(WrongInput) as refused:
            door(path, tmp_path / "media")
        sentence = str(refused.value)
        assert sentence.startswith("bahan.jpg")
        assert word in sentence
        assert sentence.count(". ") == 0
        assert sentence.endswith(".")
        assert refused.value.hint

    assert time.monotonic() - started < 10
    assert not [left for left in (tmp_path / "media").rglob("*") if left.is_file()]


@pytest.mark.parametrize("case", HARMLESS)
def test_it_is_made_harmless(case: str, tmp_path: Path) -> None:
    make, shown = HARMLESS[case]
    data = make()
    path = tmp_path / "bahan.pdf"
    path.write_bytes(data)

    facts = media.clean(path, tmp_path / "media")

    sent = media.stored(tmp_path / "media", facts.sha256, facts.type).read_bytes()
    assert (facts.width, facts.height) == shown
    for secret in (
        CANARY,
        b"Melati",
        b"Exif\x00",
        b"ns.adobe.com",
        b"<script",
        b"PK\x03\x04",
        b"#EXTM3U",
        b"192.0.2.1",
    ):
        assert secret not in sent
    assert media.sniff(sent[: media.HEAD]) == facts.type
    assert facts.type not in ("image/heic",)


@pytest.mark.parametrize("seed", range(12))
def test_a_scrambled_photo_is_cleaned_or_refused_but_never_more(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "bahan.jpg"
    path.write_bytes(scrambled(seed))

    try:
        facts = media.clean(path, tmp_path / "media")
    except WrongInput as refused:
        assert "bahan.jpg" in str(refused)
    else:
        assert facts.type == "image/jpeg"


MEASURE = """
import sys
from pathlib import Path
from dissem.compose import media
from dissem.errors import WrongInput

def high_water():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)

folder, good = Path(sys.argv[1]), Path(sys.argv[2])
media.clean(good, folder / "media")
before, refused = high_water(), 0
with media.batch():
    for path in sorted((folder / "files").iterdir()):
        try:
            media.clean(path, folder / "media")
        except WrongInput:
            refused += 1
assert "PIL" not in sys.modules
print(refused, (high_water() - before) * 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_our_own_memory_hardly_grows_over_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "baik.jpg").write_bytes(picture())
    for number, make in enumerate(make for make, _ in (*REFUSED.values(), *HARMLESS.values())):
        (tmp_path / "files" / f"{number}.bin").write_bytes(make())

    told = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path, tmp_path / "baik.jpg"], capture_output=True, text=True, check=True
    )

    refused, growth = (int(number) for number in told.stdout.split())
    assert refused == len(REFUSED)
    assert growth < MOST_GROWTH
