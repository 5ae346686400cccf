"""Photos and videos at the door: what a file is, a clean copy that may be sent, a version that a platform takes.

A file is judged by its bytes, never by its name. Limits are checked before anything is decoded, and pictures are
decoded in a child process (`dissem.compose.child`), one for all that is asked within `batch()`. What leaves the house
is a picture encoded anew from its pixels, or a video with everything but picture and sound blanked; the original is
kept apart and never sent. Files lie in a folder under their SHA-256, so the same file is stored once.
"""

import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

from dissem.compose import child, heic, mp4, pictures
from dissem.compose.child import batch
from dissem.compose.shapes import Ratio, outside
from dissem.errors import WrongInput

__all__ = [
    "Inspected",
    "batch",
    "clean",
    "digest",
    "film",
    "fit",
    "inspect",
    "keep_original",
    "sniff",
    "stored",
]

MIB = 1024 * 1024
LARGEST_PICTURE = 64 * MIB
LARGEST_VIDEO = 4096 * MIB
HEAD = 64  # bytes that `sniff` wants to see

ENDINGS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/heic": "heic",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
}
VIDEOS = frozenset({"video/mp4", "video/quicktime"})

_CHUNK = MIB
_MP4_BRANDS = (
    b"isom",
    b"iso2",
    b"iso4",
    b"iso5",
    b"iso6",
    b"mp41",
    b"mp42",
    b"avc1",
    b"M4V ",
    b"M4VH",
    b"M4VP",
    b"MSNV",
)
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # as the first brand
_FOREIGN = (
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP or Office"),
    (b"PK\x05\x06", "ZIP or Office"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7z"),
    (b"\x1f\x8b", "gzip"),
    (b"II*\x00", "TIFF or camera RAW"),
    (b"MM\x00*", "TIFF or camera RAW"),
    (b"\xd0\xcf\x11\xe0", "Office"),
    (b"\x1aE\xdf\xa3", "WebM or Matroska"),
    (b"\x7fELF", "program"),
)


@dataclass(frozen=True)
class Inspected:
    """Facts of one media file: *size* in bytes, *width* × *height* as shown, *duration* in seconds (videos only)."""

    type: str
    size: int
    width: int
    height: int
    duration: float | None
    sha256: str


def sniff(head: bytes) -> str | None:
    """The MIME type by the first bytes (`HEAD` are enough), or None for everything that is not accepted here."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return _sniff_boxes(head) if head[4:8] == b"ftyp" else None


def inspect(path: Path) -> Inspected:
    """The facts of the file at *path*; WrongInput in one sentence if it is of no use. Pictures are decoded."""
    with _opened(path) as file:
        return _inspected(file, _name(path))


def keep_original(path: Path, folder: Path) -> Inspected:
    """Store the file as it is, once, under *folder*, and answer its facts.

    The copy is read back and inspected before it gets its name: what is stored is what was inspected.
    """
    with _opened(path) as file, _draft(folder) as draft:
        _kind(file, _name(path))  # not gigabytes of something else first
        read = _copied(file, draft)
        facts = _inspected(draft, _name(path))
        if facts.sha256 != read:
            raise OSError(f"{path} was not written as it was read")
        _place(draft, stored(folder, facts.sha256, facts.type))
    return facts


def clean(path: Path, target_folder: Path) -> Inspected:
    """Write what may be sent of the file at *path* under *target_folder*, and answer its facts.

    Pictures: turned as they are shown, in sRGB, encoded anew from the pixels alone, HEIC as JPEG. Videos: the same
    bytes with private parts blanked (`mp4.Movie.private`). The same input gives the same bytes.
    """
    with _opened(path) as file:
        kind = _kind(file, _name(path))
        if kind in VIDEOS:
            return _clean_video(file, _name(path), target_folder)
        return _drawn("cleaned", file, kind, _name(path), target_folder)


def fit(
    path: Path,
    target_folder: Path,
    *,
    types: frozenset[str],
    max_bytes: int,
    max_side: int | None = None,
    max_pixels: int | None = None,
    ratio: Ratio | None = None,
    shape: str = "pad",
) -> Inspected:
    """A version of the cleaned file at *path* that a platform with these limits takes, stored under *target_folder*.

    A file that fits already is stored unchanged. A picture is otherwise scaled down, changed to an accepted type
    (JPEG first; transparency becomes white) and encoded in lower quality, and scaled further only when that is not
    enough. A picture whose width ÷ height lies outside *ratio* gets bars or is cut, as *shape* says. Videos and moving
    pictures never change their type, videos nothing at all. WrongInput if nothing helps.
    """
    side, pixels = max_side or pictures.LONGEST_SIDE, max_pixels or pictures.MOST_PIXELS
    room = pictures.Room(sorted(types), max_bytes, side, pixels, ratio, shape)
    with batch(), _opened(path) as file:
        facts = _inspected(file, _name(path))
        if _holds(room, facts):
            return _copied_whole(file, facts, target_folder)
        if facts.type in VIDEOS or (shape == "refuse" and outside(facts.width, facts.height, ratio)):
            raise pictures.does_not_fit(_name(path))
        return _drawn("fitted", file, facts.type, _name(path), target_folder, room=asdict(room))


def film(path: Path) -> mp4.Facts:
    """What the video at *path* shows and how it is encoded, by its boxes alone."""
    with _opened(path) as file:
        _kind(file, _name(path))
        return mp4.Movie(file, _name(path)).facts()


def stored(folder: Path, sha256: str, type: str) -> Path:  # noqa: A002 - the word of `Inspected` and `Attachment`
    """Where the file with this SHA-256 and MIME type lies under *folder*."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError("not a SHA-256 in lower-case hexadecimal digits")
    return folder / sha256[:2] / f"{sha256}.{ENDINGS[type]}"


def digest(path: Path) -> str:
    """The SHA-256 of a file of any size."""
    with path.open("rb") as file:
        return _sha256(file)


# What a file is


def _sniff_boxes(head: bytes) -> str | None:
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(len(head), _size_told(head)) - 3, 4))]
    if brands[0] == b"qt  ":
        return "video/quicktime"
    if brands[0] in _HEIC_BRANDS:
        return "image/heic" if b"avif" not in brands else None
    if brands[0] in (b"avif", b"avis", b"crx "):
        return None
    return "video/mp4" if any(brand in _MP4_BRANDS for brand in brands) else None


def _size_told(head: bytes) -> int:
    return int.from_bytes(head[:4], "big")


def _kind(file: IO[bytes], name: str) -> str:
    """The accepted type of an open file whose size is within the limits; rewinds it."""
    head = file.read(HEAD)
    file.seek(0)
    if not head:
        raise WrongInput("{name} is empty.", hint="Copy it again from the camera or phone.", name=name)
    kind = sniff(head)
    if kind is None or (kind == "image/heic" and not heic.installed()):
        raise _not_media(kind, head, name)
    limit = LARGEST_VIDEO if kind in VIDEOS else LARGEST_PICTURE
    if os.fstat(file.fileno()).st_size > limit:
        raise WrongInput(
            "{name} is larger than {limit} MiB.",
            hint="Save it smaller and add it again.",
            name=name,
            limit=limit // MIB,
        )
    return kind


def _not_media(kind: str | None, head: bytes, name: str) -> WrongInput:
    if kind == "image/heic":
        return WrongInput(
            "{name} is a HEIC photo, which cannot be used yet.",
            hint="Save it as JPEG on the phone (camera settings: most compatible) and add that file. Whoever runs "
            "dissem can also let it read HEIC: pip install 'dissem[heic]'",
            name=name,
        )
    hint = "Save a picture as JPEG or PNG, a video as MP4, and add that file; renaming a file does not change it."
    foreign = _foreign(head)
    if foreign:
        return WrongInput("{name} is a {kind} file, not a photo or video.", hint=hint, name=name, kind=foreign)
    return WrongInput(
        "{name} is not a JPEG, PNG, WebP or GIF picture and not an MP4 or MOV video.", hint=hint, name=name
    )


def _foreign(head: bytes) -> str | None:
    """What people call a file that is often mistaken for a picture."""
    for magic, called in _FOREIGN:
        if head.startswith(magic):
            return called
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # two letters alone begin texts, too: BMKG
        return "BMP"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "HTML"
    return "SVG or XML" if text.startswith((b"<svg", b"<?xml")) else None


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The ordinary file at *path*, open for reading. Judged once it is open, so it cannot be exchanged in between."""
    try:
        # A named pipe would otherwise wait for somebody to write into it.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise WrongInput(
            "{name} does not exist.", hint="Look at the path and the name again.", name=_name(path)
        ) from error
    except (OSError, ValueError) as error:
        raise WrongInput("{name} cannot be read.", hint="Look at the rights of the file.", name=_name(path)) from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise WrongInput("{name} is not a file.", hint="Name one photo or video, not a folder.", name=_name(path))
        with os.fdopen(handle, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(handle)


def _name(path: Path) -> str:
    """The file's name as it may stand in a sentence: one line, not endless."""
    name = "".join(letter if letter.isprintable() else "�" for letter in path.name or str(path))
    return name if len(name) <= 100 else f"{name[:60]}…{name[-20:]}"


def _inspected(file: IO[bytes], name: str) -> Inspected:
    """The facts of an open file, read from its beginning."""
    file.seek(0)
    kind = _kind(file, name)
    if kind in VIDEOS:
        width, height, duration = _video(file, name)
    else:
        told = child.ask("checked", name, file, kind=kind)
        width, height, duration = told["width"], told["height"], None
    file.seek(0)
    sha256 = _sha256(file)
    return Inspected(kind, file.tell(), width, height, duration, sha256)


def _holds(room: pictures.Room, facts: Inspected) -> bool:
    size = facts.width, facts.height
    drawn = facts.type in VIDEOS or (room.scale(*size) == 1 and room.size(*size) == size)
    return drawn and facts.type in room.types and facts.size <= room.max_bytes


def _video(file: IO[bytes], name: str) -> tuple[int, int, float]:
    facts = mp4.Movie(file, name).facts()
    return facts.width, facts.height, facts.duration


# Files


@contextmanager
def _draft(folder: Path) -> Iterator[IO[bytes]]:
    """A new file in *folder* for reading and writing, mode 0600; gone at the end unless `_place` gave it its name."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(prefix=".draft-", dir=folder, delete=False) as draft:
        try:
            yield cast(IO[bytes], draft)
        finally:
            Path(draft.name).unlink(missing_ok=True)


def _place(draft: IO[bytes], target: Path) -> None:
    """Give the draft its name. After this it is on the disk in full, whatever happens to the power."""
    target.parent.mkdir(mode=0o700, exist_ok=True)
    draft.flush()
    os.fsync(draft.fileno())
    Path(draft.name).replace(target)
    for folder in (target.parent, target.parent.parent):
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(file: IO[bytes]) -> str:
    seen = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        seen.update(chunk)
    return seen.hexdigest()


def _copied(file: IO[bytes], draft: IO[bytes]) -> str:
    """The SHA-256 of what was read from *file* and written to *draft*."""
    seen = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        seen.update(chunk)
        draft.write(chunk)
    return seen.hexdigest()


def _copied_whole(file: IO[bytes], facts: Inspected, folder: Path) -> Inspected:
    target = stored(folder, facts.sha256, facts.type)
    if not target.exists():
        with _draft(folder) as draft:
            file.seek(0)
            if _copied(file, draft) != facts.sha256:
                raise OSError(f"{target.name} changed while it was copied")
            _place(draft, target)
    return facts


def _drawn(task: str, file: IO[bytes], kind: str, name: str, folder: Path, **options: object) -> Inspected:
    """The facts of the picture that the child has drawn of *file*, stored in *folder*."""
    with _draft(folder) as draft:
        told = child.ask(task, name, file, draft, kind=kind, **options)
        draft.seek(0)
        if _kind(draft, name) != told["type"]:
            raise OSError(f"{told['type']} was announced and something else written")
        sha256 = _sha256(draft)
        facts = Inspected(told["type"], draft.tell(), told["width"], told["height"], None, sha256)
        _place(draft, stored(folder, sha256, facts.type))
    return facts


def _clean_video(file: IO[bytes], name: str, folder: Path) -> Inspected:
    patches = mp4.Movie(file, name).private()
    with _draft(folder) as draft:
        file.seek(0)
        shutil.copyfileobj(file, draft, _CHUNK)
        for patch in patches:
            _overwrite(draft, patch)
        facts = _inspected(draft, name)
        _place(draft, stored(folder, facts.sha256, facts.type))
    return facts


def _overwrite(draft: IO[bytes], patch: mp4.Patch) -> None:
    draft.seek(patch.start)
    draft.write(patch.text)
    left = patch.end - patch.start - len(patch.text)
    while left > 0:
        left -= draft.write(bytes(min(left, _CHUNK)))
