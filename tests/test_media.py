"""Photos and videos at the door: recognised by content, refused in one sentence, cleaned, made to fit."""

import io
import os
import stat
import struct
import time
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from dissem.compose import media, mp4, pictures
from dissem.errors import WrongInput
from dissem.i18n import language

MATERIAL = Path(__file__).parent.parent / "dissem" / "rehearsal" / "material"
PHOTOS = ("photo-1.jpg", "photo-2.jpg")
CAMERA = b"Kamera Contoh K-1"
COMMENT = b"jangan disebarkan"
PLACE = b"+100.3590"
GPS = struct.pack(">LL", 1458, 25)  # the seconds of the latitude, 58.32, as Exif writes a fraction


# Files made by hand


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def wide_box(kind: bytes, *parts: bytes) -> bytes:
    """The same with its size in 64 bits."""
    body = b"".join(parts)
    return struct.pack(">I4sQ", 1, kind, 16 + len(body)) + body


STRAIGHT = (1, 0, 0, 0, 1, 0, 0, 0, 1)
QUARTER = (0, 1, 0, -1, 0, 0, 0, 0, 1)
HALF = (-1, 0, 0, 0, -1, 0, 0, 0, 1)
FTYP = box(b"ftyp", b"isom", bytes(4), b"isommp42")
SAMPLES = b"picture!" * 16
SECRET = b"GPS -0.9496 100.3590 "


def mvhd(length: int = 5000, scale: int = 1000) -> bytes:
    return box(b"mvhd", bytes(4), b"\xdd" * 8, struct.pack(">II", scale, length), bytes(80))


def tkhd(width: float = 640, height: float = 360, matrix: tuple[int, ...] = STRAIGHT) -> bytes:
    turned = struct.pack(">9i", *(entry * 65536 for entry in matrix))
    size = struct.pack(">II", int(width * 65536), int(height * 65536))
    return box(b"tkhd", bytes(4), b"\xdd" * 8, bytes(28), turned, size)


def trak(at: int, length: int, handler: bytes = b"vide", head: bytes | None = None, *more: bytes) -> bytes:
    """A track of one chunk that lies from *at* on and is *length* bytes long."""
    stbl = box(
        b"stbl",
        box(b"stsc", bytes(4), struct.pack(">IIII", 1, 1, 2, 1)),
        box(b"stsz", bytes(4), struct.pack(">IIII", 0, 2, length // 2, length - length // 2)),
        box(b"stco", bytes(4), struct.pack(">II", 1, at)),
    )
    hdlr = box(b"hdlr", bytes(8), handler, bytes(12), b"Contoh Handler\x00")
    mdhd = box(b"mdhd", bytes(4), b"\xdd" * 8, bytes(12))
    return box(b"trak", head or tkhd(), box(b"mdia", mdhd, hdlr, box(b"minf", stbl)), *more)


def film(*more: bytes, header: bytes | None = None, head: bytes | None = None, ftyp: bytes = FTYP) -> bytes:
    """A small MP4: ftyp, mdat with *SAMPLES*, moov with one picture track and whatever *more* it should hold."""
    track = trak(len(ftyp) + 8, len(SAMPLES), head=head)
    return ftyp + box(b"mdat", SAMPLES) + box(b"moov", header or mvhd(), track, *more)


def film_with_a_places_track() -> bytes:
    start = len(FTYP) + 8
    places = trak(start + len(SAMPLES), len(SECRET), b"meta")
    return FTYP + box(b"mdat", SAMPLES, SECRET) + box(b"moov", mvhd(), trak(start, len(SAMPLES)), places)


def picture(kind: str = "JPEG", size: tuple[int, int] = (120, 80), mode: str = "RGB", **options: object) -> bytes:
    into = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(into, kind, **options)
    return into.getvalue()


def moving(kind: str, frames: int = 3, size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    """Frames that all differ, so that no encoder joins them."""
    drawn = [Image.new("RGB", size, (number % 256, number * 7 % 256, 255 - number % 256)) for number in range(frames)]
    into = io.BytesIO()
    drawn[0].save(into, kind, save_all=True, append_images=drawn[1:], duration=50, loop=0, **options)
    return into.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + rows + png_chunk(b"IEND", b"")


def jpeg_of_many_scans() -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = picture(progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 200 + b"\xff\xd9"


def gif_of_large_frames() -> bytes:
    data = moving("GIF", 30)
    return data[:6] + struct.pack("<HH", 2000, 1700) + data[10:]


def archive() -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as made:
        made.writestr("photo.jpg", picture())
    return into.getvalue()


def facts_of(data: bytes) -> mp4.Facts:
    return mp4.Movie(io.BytesIO(data), "klip.mp4").facts()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(data: bytes, name: str = "bahan.jpg") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture(autouse=True)
def _english():
    before = language.set("en")
    yield
    language.reset(before)


@pytest.fixture(autouse=True, scope="module")
def _one_child():
    """One process reads the pictures of all tests here."""
    with media.batch():
        yield


def content(folder: Path, facts: media.Inspected) -> bytes:
    return media.stored(folder, facts.sha256, facts.type).read_bytes()


def pixels(folder: Path, facts: media.Inspected) -> Image.Image:
    with Image.open(media.stored(folder, facts.sha256, facts.type)) as image:
        image.load()
        return image


# Recognised


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (picture()[:64], "image/jpeg"),
        (picture("PNG")[:64], "image/png"),
        (picture("WEBP")[:64], "image/webp"),
        (picture("GIF")[:64], "image/gif"),
        (FTYP, "video/mp4"),
        (box(b"ftyp", b"3gp4", bytes(4), b"isom3gp4"), "video/mp4"),
        (box(b"ftyp", b"qt  ", bytes(4), b"qt  "), "video/quicktime"),
        (box(b"ftyp", b"heic", bytes(4), b"mif1heicmp42"), "image/heic"),
        (box(b"ftyp", b"avif", bytes(4), b"mif1isom"), None),
        (box(b"ftyp", b"zzzz", bytes(4), b"zzzz"), None),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"", None),
    ],
)
def test_a_file_is_recognised_by_its_first_bytes(head: bytes, kind: str | None) -> None:
    assert media.sniff(head) == kind


def test_a_name_does_not_make_a_type(write) -> None:
    path = write(picture("PNG"), "foto.jpg")

    assert media.inspect(path).type == "image/png"


@pytest.mark.parametrize("name", PHOTOS)
def test_facts_of_a_photo_are_as_it_is_shown(name: str) -> None:
    facts = media.inspect(MATERIAL / name)

    assert (facts.type, facts.width, facts.height, facts.duration) == ("image/jpeg", 1600, 1067, None)
    assert facts.size == (MATERIAL / name).stat().st_size
    assert facts.sha256 == media.digest(MATERIAL / name)


def test_facts_of_a_video() -> None:
    facts = media.inspect(MATERIAL / "clip.mp4")

    assert (facts.type, facts.width, facts.height) == ("video/mp4", 640, 360)
    assert facts.duration == pytest.approx(3.126)


# Refused

BROKEN: dict[str, tuple[bytes, str]] = {
    "zero bytes": (b"", "is empty"),
    "a text": (b"Siaran pers: Dukcapil Keliling\n" * 20, "is not a JPEG"),
    "a text that begins like a BMP": (b"BMKG: hujan lebat di Padang\n", "is not a JPEG"),
    "one byte": (b"\xff", "is not a JPEG"),
    "an SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "SVG"),
    "an SVG with its XML line": (b"\xef\xbb\xbf<?xml version='1.0'?><svg/>", "SVG"),
    "a web page": (b"\n <!DOCTYPE html><script>alert(1)</script>", "HTML"),
    "a PDF": (b"%PDF-1.7\n" + picture(), "PDF"),
    "a ZIP": (archive(), "ZIP"),
    "an ISO 9660 of zeros": (bytes(40_000), "is not a JPEG"),
    "a TIFF": (picture("TIFF"), "TIFF"),
    "a BMP": (picture("BMP"), "BMP"),
    "a WebM": (b"\x1aE\xdf\xa3" + bytes(100), "WebM"),
    "a HEIC without a picture": (box(b"ftyp", b"heic", bytes(4), b"mif1heic") + bytes(200), "damaged"),
    "an AVIF": (picture("AVIF"), "is not a JPEG"),
    "a program": (b"\x7fELF" + bytes(100), "program"),
    "three bytes of a JPEG": (b"\xff\xd8\xff", "damaged"),
    "half a JPEG": (picture(size=(400, 300))[:-1500], "damaged"),
    "half a progressive JPEG": (picture(size=(400, 300), progressive=True)[:-1500], "damaged"),
    "a JPEG that is HTML": (b"\xff\xd8\xff<html><script>alert(1)</script>", "damaged"),
    "a GIF that is JavaScript": (b"GIF89a=1;alert(document.domain)//", "damaged"),
    "half a PNG": (picture("PNG", size=(400, 300))[:-300], "damaged"),
    "a PNG with a wrong checksum": (picture("PNG").replace(b"IDAT", b"IDAU"), "damaged"),
    "half a WebP": (picture("WEBP", size=(400, 300))[:-100], "damaged"),
    "half a GIF": (picture("GIF", size=(400, 300))[:600], "damaged"),
    "a PNG of 10 gigapixels": (png_claiming(100_000, 100_000), "too large a picture"),
    "a PNG of 60 megapixels": (png_claiming(10_000, 6_000), "too large a picture"),
    "a PNG of 100 megapixels": (png_claiming(10_000, 10_000), "too large a picture"),
    "a PNG of one endless line": (png_claiming(12_001, 1), "too large a picture"),
    "a PNG with fewer rows than it claims": (png_claiming(500, 500), "damaged"),
    "a GIF with many frames": (moving("GIF", 301), "moves too long"),
    "a WebP with many frames": (moving("WEBP", 301, lossless=True), "moves too long"),
    "a moving PNG with many frames": (moving("PNG", 301), "moves too long"),
    "a GIF with large frames": (gif_of_large_frames(), "moves too long"),
    "a JPEG of many scans": (jpeg_of_many_scans(), "keep a computer busy"),
    "an MP4 head alone": (FTYP, "damaged"),
    "half an MP4": (film()[:-60], "damaged"),
    "an MP4 without its samples": (FTYP + box(b"moov", mvhd(), trak(40, 64)), "damaged"),
    "an MP4 whose samples lie outside": (
        FTYP + box(b"mdat", SAMPLES) + box(b"moov", mvhd(), trak(32, 4096)),
        "damaged",
    ),
    "an MP4 with a box larger than the file": (FTYP + struct.pack(">I4s", 2**31, b"moov") + bytes(100), "damaged"),
    "an MP4 with a box of 2^63 bytes": (FTYP + struct.pack(">I4sQ", 1, b"moov", 2**63) + bytes(100), "damaged"),
    "an MP4 with a box smaller than its head": (FTYP + struct.pack(">I4s", 7, b"moov") + bytes(100), "damaged"),
    "an MP4 with a track larger than its parent": (
        FTYP + box(b"moov", mvhd(), struct.pack(">I4s", 5000, b"trak"), bytes(100)) + bytes(6000),
        "damaged",
    ),
    "an MP4 with a nested box without size": (FTYP + box(b"moov", mvhd(), bytes(64)), "damaged"),
    "an MP4 with a table that lies": (
        film().replace(struct.pack(">II", 0, 2), struct.pack(">II", 0, 2**31)),
        "damaged",
    ),
    "an MP4 with too many boxes": (film() + box(b"wide") * (mp4.MOST_BOXES + 1), "damaged"),
    "an MP4 with too many tracks": (film(*[trak(32, 64)] * 64), "damaged"),
    "an MP4 that never ends": (film(header=mvhd(2**32 - 2, 1)), "damaged"),
    "an MP4 without a clock": (film(header=mvhd(5000, 0)), "damaged"),
    "an MP4 of no length": (film(header=mvhd(0)), "how long"),
    "an MP4 of no size": (film(head=tkhd(0, 0)), "damaged"),
    "an MP4 with a cut track head": (film(head=box(b"tkhd", bytes(20))), "damaged"),
    "a sound": (FTYP + box(b"mdat", SAMPLES) + box(b"moov", mvhd(), trak(32, 64, b"soun")), "no moving picture"),
    "an MP4 with an archive behind it": (film() + archive(), "damaged"),
    "an MP4 that is a web page": (FTYP + b"<html><script>alert(1)</script></html>", "damaged"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("door", ["inspect", "clean", "keep_original"])
def test_what_cannot_be_used_is_refused_in_one_sentence_that_names_it(case: str, door: str, write, folder) -> None:
    data, reason = BROKEN[case]
    path = write(data, "bahan.jpg")

    with pytest.raises(WrongInput) as refused:
        media.inspect(path) if door == "inspect" else getattr(media, door)(path, folder)

    sentence = str(refused.value)
    assert "bahan.jpg" in sentence
    assert reason in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert refused.value.hint
    assert not [left for left in folder.rglob("*") if left.is_file()]


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipa")

    for name, reason in (("tidak-ada.jpg", "does not exist"), ("", "is not a file"), ("pipa", "is not a file")):
        with pytest.raises(WrongInput, match=reason):
            media.inspect(tmp_path / name)


def test_files_beyond_the_size_limits_are_refused_unread(write) -> None:
    photo, video = write(picture(), "besar.jpg"), write(film(), "besar.mp4")
    os.truncate(photo, media.LARGEST_PICTURE + 1)
    os.truncate(video, media.LARGEST_VIDEO + 1)

    for path, limit in ((photo, "64 MiB"), (video, "4096 MiB")):
        with pytest.raises(WrongInput, match=f"larger than {limit}"):
            media.inspect(path)


def test_a_name_that_would_break_the_sentence_is_shown_on_one_line(write) -> None:
    path = write(b"bukan gambar", "foto\n\x1b[31m{0}.jpg")

    with pytest.raises(WrongInput) as refused:
        media.inspect(path)

    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert "{0}" in str(refused.value)


def test_a_film_cut_off_anywhere_is_refused() -> None:
    data = film()

    for length in range(len(data)):
        with pytest.raises(WrongInput):
            facts_of(data[:length])


def test_warnings_of_the_decoder_do_not_reach_the_log(write) -> None:
    path = write(picture(exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x05broken"))

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        facts = media.inspect(path)

    assert (facts.width, heard) == (120, [])


# Cleaned


def test_the_sample_photos_tell_too_much_before_and_nothing_afterwards(folder) -> None:
    for name in PHOTOS:
        before = (MATERIAL / name).read_bytes()
        after = content(folder, media.clean(MATERIAL / name, folder))

        for canary in (CAMERA, COMMENT, GPS, b"CONTOH-SERI-0042", b"2026:11:16", b"Humas Kota Padang"):
            assert canary in before
            assert canary not in after
        assert b"Exif" not in after


def test_the_kept_original_is_the_file_itself(folder) -> None:
    facts = media.keep_original(MATERIAL / "photo-1.jpg", folder)

    assert content(folder, facts) == (MATERIAL / "photo-1.jpg").read_bytes()
    assert facts == media.inspect(MATERIAL / "photo-1.jpg")


def test_a_file_is_stored_once_readable_by_its_owner_alone_and_leaves_no_drafts(folder) -> None:
    for _ in range(2):
        facts = media.keep_original(MATERIAL / "story.jpg", folder)

    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files == [folder / facts.sha256[:2] / f"{facts.sha256}.jpg"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_only_a_digest_and_a_known_type_lead_to_a_place(folder) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        media.stored(folder, "../../etc/passwd", "image/jpeg")
    with pytest.raises(KeyError):
        media.stored(folder, "0" * 64, "text/html")


@pytest.mark.parametrize("name", [*PHOTOS, "story.jpg", "infographic.png", "clip.mp4"])
def test_the_same_input_gives_the_same_bytes_and_the_clean_file_keeps_its_facts(name: str, tmp_path) -> None:
    one, two = media.clean(MATERIAL / name, tmp_path / "a"), media.clean(MATERIAL / name, tmp_path / "b")
    before = media.inspect(MATERIAL / name)

    assert one == two
    assert (one.type, one.width, one.height, one.duration) == (
        before.type,
        before.width,
        before.height,
        before.duration,
    )
    assert media.inspect(media.stored(tmp_path / "a", one.sha256, one.type)) == one


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "corner"),
    # Where the red corner, stored at the top left, is seen: (right?, below?)
    [(1, (0, 0)), (2, (1, 0)), (3, (1, 1)), (4, (0, 1)), (5, (0, 0)), (6, (1, 0)), (7, (1, 1)), (8, (0, 1))],
)
def test_a_photo_lies_as_it_is_shown(kind: str, orientation: int, corner: tuple[int, int], write, folder) -> None:
    drawn = Image.new("RGB", (64, 32), "white")
    drawn.paste((255, 0, 0), (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    into = io.BytesIO()
    drawn.save(into, kind, exif=exif)

    facts = media.clean(write(into.getvalue()), folder)

    shown = (32, 64) if orientation >= 5 else (64, 32)
    assert (facts.width, facts.height) == shown
    image = pixels(folder, facts).convert("RGB")
    red, green, _blue = image.getpixel((4 if not corner[0] else shown[0] - 5, 4 if not corner[1] else shown[1] - 5))
    assert red > 200
    assert green < 80


def test_colours_of_another_profile_become_srgb(write, folder) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    source = io.BytesIO()
    drawn = Image.new("RGB", (20, 20), (200, 120, 40))
    drawn.save(source, "PNG", icc_profile=_swapping_profile())

    mismatched = media.clean(write(picture("PNG", icc_profile=lab.tobytes()), "lab.png"), folder)
    facts = media.clean(write(source.getvalue(), "profil.png"), folder)

    assert "icc_profile" not in pixels(folder, facts).info
    assert pixels(folder, facts).getpixel((5, 5)) != (200, 120, 40)
    assert mismatched.width == 120


def _swapping_profile() -> bytes:
    """sRGB with red and blue exchanged, under a name of its own."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(data[at : at + 4]): at for at in range(132, 132 + 12 * int.from_bytes(data[128:132], "big"), 12)}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    data[red : red + 4], data[blue : blue + 4] = b"bXYZ", b"rXYZ"
    name = "sRGB".encode("utf-16-be")
    return bytes(data).replace(name, "xRGB".encode("utf-16-be")).replace(b"sRGB built-in", b"xRGB built-in")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_kind_of_png_can_be_cleaned_and_looks_the_same(mode: str, write, folder) -> None:
    data = io.BytesIO()
    grey = Image.new("L", (30, 20), 255)
    grey.paste(0, (0, 0, 15, 20))
    image = grey.point(lambda level: level * 257, "I").convert("I;16") if mode == "I;16" else grey.convert(mode)
    image.save(data, "PNG")

    facts = media.clean(write(data.getvalue()), folder)

    seen = pixels(folder, facts).convert("RGB")
    assert seen.getpixel((5, 5)) == (0, 0, 0)
    assert seen.getpixel((25, 5)) == (255, 255, 255)


def test_a_cmyk_photo_becomes_rgb(write, folder) -> None:
    facts = media.clean(write(picture(mode="CMYK")), folder)

    assert pixels(folder, facts).mode == "RGB"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_moving_picture_keeps_its_frames_and_timing_but_no_comment(kind: str, write, folder) -> None:
    options = {"comment": COMMENT} if kind == "GIF" else {}
    data = moving(kind, 4, **options)

    facts = media.clean(write(data), folder)

    assert COMMENT not in content(folder, facts)
    with Image.open(media.stored(folder, facts.sha256, facts.type)) as image:
        assert (image.n_frames, image.info.get("loop")) == (4, 0)
        image.seek(3)
        image.load()
        assert image.info["duration"] == 50


def test_a_gif_that_uncovers_its_background_does_so_when_clean(write, folder) -> None:
    frames = [Image.new("RGBA", (20, 20), (0, 0, 0, 0)) for _ in range(2)]
    frames[0].paste((255, 0, 0, 255), (0, 0, 10, 20))
    frames[1].paste((0, 0, 255, 255), (10, 0, 20, 20))
    data = io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:], duration=50, disposal=2)

    facts = media.clean(write(data.getvalue()), folder)

    with Image.open(media.stored(folder, facts.sha256, facts.type)) as image:
        image.seek(1)
        assert image.convert("RGBA").getpixel((5, 5))[3] == 0


@pytest.mark.parametrize("behind", [archive(), b"<?php system($_GET['c']); ?>", film(), b"<script>alert(1)</script>"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_what_hangs_behind_a_picture_is_left_behind(behind: bytes, kind: str, write, folder) -> None:
    facts = media.clean(write(picture(kind) + behind), folder)

    assert behind not in content(folder, facts)


def test_words_hidden_in_a_png_are_left_behind(write, folder) -> None:
    data = picture("PNG")
    hidden = png_chunk(b"tEXt", b"Comment\x00" + COMMENT) + png_chunk(
        b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + PLACE
    )
    end = data.rindex(b"IEND") - 4

    facts = media.clean(write(data[:end] + hidden + data[end:]), folder)

    assert COMMENT not in content(folder, facts)
    assert PLACE not in content(folder, facts)


# Videos


@pytest.mark.parametrize(
    ("matrix", "shown"), [(STRAIGHT, (640, 360)), (QUARTER, (360, 640)), (HALF, (640, 360)), ((0,) * 9, (640, 360))]
)
def test_a_video_held_upright_is_counted_upright(matrix: tuple[int, ...], shown: tuple[int, int]) -> None:
    facts = facts_of(film(head=tkhd(matrix=matrix)))

    assert (facts.width, facts.height, facts.duration) == (*shown, 5.0)


def test_sizes_in_64_bits_and_a_last_box_up_to_the_end_are_understood() -> None:
    start = len(FTYP) + 16
    head = box(b"mvhd", b"\x01", bytes(19), struct.pack(">IQ", 1000, 7000), bytes(80))
    moov = box(b"moov", head, trak(start, len(SAMPLES)))
    wide = FTYP + wide_box(b"mdat", SAMPLES) + moov
    moov_first = FTYP + box(b"moov", mvhd(), trak(len(FTYP) + len(box(b"moov", mvhd(), trak(0, 128))) + 8, 128))
    open_ended = moov_first + struct.pack(">I4s", 0, b"mdat") + SAMPLES

    assert facts_of(wide).duration == 7.0
    assert facts_of(open_ended).duration == 5.0


def test_the_duration_of_a_fragmented_film_is_the_one_of_its_fragments() -> None:
    mvex = box(b"mvex", box(b"mehd", bytes(4), struct.pack(">I", 9000)))
    data = film(mvex, header=mvhd(0)) + box(b"moof", box(b"mfhd", bytes(8))) + box(b"mdat", SAMPLES)

    assert facts_of(data).duration == 9.0


def test_the_sample_film_tells_too_much_before_and_nothing_afterwards(folder) -> None:
    before = (MATERIAL / "clip.mp4").read_bytes()
    after = content(folder, media.clean(MATERIAL / "clip.mp4", folder))

    for canary in (PLACE, COMMENT, b"Humas Kota Padang", b"VideoHandler", b"Lavf"):
        assert canary in before
        assert canary not in after
    assert len(before) == len(after)
    assert before[before.index(b"mdat") :] == after[after.index(b"mdat") :]


PRIVATE: dict[str, bytes] = {
    "udta in moov": film(box(b"udta", box(b"\xa9xyz", b"\x00\x12\x15\xc7", SECRET))),
    "meta in moov": film(box(b"meta", bytes(4), box(b"ilst", SECRET))),
    "uuid in moov": film(box(b"uuid", bytes(16), SECRET)),
    "a maker's box in moov": film(box(b"gps ", SECRET)),
    "free space in moov": film(box(b"free", SECRET)),
    "udta in the track": FTYP
    + box(b"mdat", SAMPLES)
    + box(b"moov", mvhd(), trak(32, 64, b"vide", None, box(b"udta", SECRET))),
    "XMP beside moov": film()
    + box(b"uuid", b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac", SECRET),
    "meta beside moov": film() + box(b"meta", bytes(4), SECRET),
    "a maker's box beside moov": film() + box(b"sefd", SECRET),
    "a box of 64 bits": film() + wide_box(b"skip", SECRET),
    "an open box at the end": film() + struct.pack(">I4s", 0, b"XMP_") + SECRET,
    "a track of places": film_with_a_places_track(),
}


@pytest.mark.parametrize("case", PRIVATE)
def test_private_parts_of_a_video_are_blanked_and_no_byte_moves(case: str, write, folder) -> None:
    data = PRIVATE[case]

    facts = media.clean(write(data, "klip.mp4"), folder)

    after = content(folder, facts)
    assert SECRET in data
    assert SECRET not in after
    assert b"100.3590" not in after
    assert len(after) == len(data)
    assert after[len(FTYP) : len(FTYP) + 8 + len(SAMPLES)] == data[len(FTYP) : len(FTYP) + 8 + len(SAMPLES)]
    assert media.inspect(media.stored(folder, facts.sha256, facts.type)) == facts


def test_dates_and_the_names_of_makers_leave_a_video(write, folder) -> None:
    data = film()

    after = content(folder, media.clean(write(data), folder))

    for canary in (b"\xdd" * 8, b"Contoh Handler"):
        assert canary in data
        assert canary not in after


def test_a_data_track_that_cannot_be_taken_out_is_refused(write, folder) -> None:
    data = film(box(b"mvex"), trak(32, 64, b"meta"))

    with pytest.raises(WrongInput, match="data track"):
        media.clean(write(data), folder)


def test_a_data_track_cannot_make_us_write_outside_the_samples(write, folder) -> None:
    data = film(trak(0, 32, b"meta"))

    with pytest.raises(WrongInput, match="damaged"):
        media.clean(write(data), folder)


def test_a_cleaned_video_stays_as_it_is_when_cleaned_again(folder) -> None:
    once = media.clean(MATERIAL / "clip.mp4", folder)

    assert media.clean(media.stored(folder, once.sha256, once.type), folder) == once


class Counting(io.FileIO):
    """A file that counts the bytes read from it."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.taken += len(found)
        return found


def test_a_film_of_a_gibibyte_is_read_by_its_boxes_alone(tmp_path) -> None:
    path, length = tmp_path / "panjang.mp4", 1024 * media.MIB
    with path.open("wb") as file:
        file.write(FTYP + struct.pack(">I4s", 8 + length, b"mdat"))
        file.seek(length, 1)
        file.write(box(b"moov", mvhd(), trak(32, length)))
    tracemalloc.start()

    with Counting(path) as file:
        movie = mp4.Movie(file, path.name)
        started = time.perf_counter()
        facts, patches = movie.facts(), movie.private()

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert facts.duration == 5.0
    assert patches
    assert file.taken < 10_000
    assert peak < media.MIB
    assert time.perf_counter() - started < 1


# Made to fit

EVERY = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
JPEG = frozenset({"image/jpeg"})


def noise(kind: str, size: tuple[int, int] = (600, 400)) -> bytes:
    into = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(into, kind)
    return into.getvalue()


def test_what_fits_is_stored_unchanged(folder) -> None:
    facts = media.fit(MATERIAL / "story.jpg", folder, types=EVERY, max_bytes=media.MIB, max_side=1920)

    assert facts == media.inspect(MATERIAL / "story.jpg")
    assert content(folder, facts) == (MATERIAL / "story.jpg").read_bytes()


@pytest.mark.parametrize(
    ("types", "max_bytes", "max_side", "max_pixels"),
    [
        (EVERY, 60_000, None, None),
        (EVERY, 8_000, None, None),
        (EVERY, media.MIB, 1080, None),
        (EVERY, media.MIB, None, 250_000),
        (JPEG, 30_000, 800, 300_000),
        (frozenset({"image/png"}), 30_000, 1440, None),
        (frozenset({"image/webp"}), 20_000, 1440, None),
    ],
)
@pytest.mark.parametrize("name", ["story.jpg", "infographic.png"])
def test_a_fitting_picture_is_within_every_limit(name, types, max_bytes, max_side, max_pixels, tmp_path) -> None:
    limits = {"types": types, "max_bytes": max_bytes, "max_side": max_side, "max_pixels": max_pixels}
    before = media.inspect(MATERIAL / name)

    facts, again = (media.fit(MATERIAL / name, tmp_path / half, **limits) for half in "ab")

    assert facts.type in types
    assert facts.size <= max_bytes
    assert max(facts.width, facts.height) <= (max_side or 1920)
    assert facts.width * facts.height <= (max_pixels or 1920 * 1080)
    assert facts.width / facts.height == pytest.approx(before.width / before.height, rel=0.02)
    assert again == facts
    assert facts.size == len(content(tmp_path / "a", facts))


def test_quality_goes_down_before_size_does(write, folder) -> None:
    path = write(noise("JPEG"))
    full = media.clean(path, folder)

    a_little = media.fit(path, folder, types=JPEG, max_bytes=full.size * 8 // 10)
    a_lot = media.fit(path, folder, types=JPEG, max_bytes=full.size // 5)

    assert (a_little.width, a_little.height) == (600, 400)
    assert a_lot.width < 600


def test_transparency_becomes_white_where_only_jpeg_is_taken(write, folder) -> None:
    data = io.BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(data, "PNG")

    facts = media.fit(write(data.getvalue()), folder, types=JPEG, max_bytes=media.MIB)

    assert facts.type == "image/jpeg"
    assert pixels(folder, facts).getpixel((20, 20)) == (255, 255, 255)


def test_a_heavy_png_becomes_a_jpeg_before_it_becomes_small(write, folder) -> None:
    facts = media.fit(write(noise("PNG")), folder, types=EVERY, max_bytes=400_000)

    assert (facts.type, facts.width) == ("image/jpeg", 600)


def test_a_moving_picture_is_scaled_with_all_its_frames(write, folder) -> None:
    facts = media.fit(write(moving("GIF", 4, (400, 300))), folder, types=EVERY, max_bytes=media.MIB, max_side=200)

    assert (facts.type, facts.width, facts.height) == ("image/gif", 200, 150)
    with Image.open(media.stored(folder, facts.sha256, facts.type)) as image:
        assert image.n_frames == 4


def test_what_cannot_fit_is_refused_and_leaves_nothing(write, folder) -> None:
    gif, png = write(moving("GIF"), "gerak.gif"), write(noise("PNG"), "foto.png")
    impossible = [
        (gif, JPEG, media.MIB),
        (png, JPEG, 100),
        (png, frozenset({"video/mp4"}), media.MIB),
        (MATERIAL / "clip.mp4", frozenset({"video/mp4"}), 1000),
        (MATERIAL / "clip.mp4", EVERY, media.MIB),
    ]

    for path, types, max_bytes in impossible:
        with pytest.raises(WrongInput, match=f"{path.name} cannot be made to fit"):
            media.fit(path, folder, types=types, max_bytes=max_bytes)
    assert not [left for left in folder.rglob("*") if left.is_file()]


def test_a_video_that_fits_is_stored_as_it_is(folder) -> None:
    facts = media.fit(MATERIAL / "clip.mp4", folder, types=frozenset({"video/mp4"}), max_bytes=media.MIB, max_side=100)

    assert content(folder, facts) == (MATERIAL / "clip.mp4").read_bytes()


# The limits that tests of other parts rely on


def test_the_limits_are_the_promised_ones() -> None:
    assert (pictures.MOST_PIXELS, pictures.LONGEST_SIDE, pictures.MOST_FRAMES) == (50_000_000, 12_000, 300)
    assert (media.LARGEST_PICTURE, media.LARGEST_VIDEO) == (64 * 2**20, 4 * 2**30)
