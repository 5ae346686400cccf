"""Pictures: whether they can be decoded, what is left of them when only pixels are kept, a smaller version.

The one file that knows Pillow. Limits are checked before anything is decoded; only the named format is tried.
"""

import math
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from dissem.errors import WrongInput

if TYPE_CHECKING:
    from PIL import Image, ImageCms

MOST_PIXELS = 50_000_000
LONGEST_SIDE = 12_000
MOST_FRAMES = 300
MOST_PIXELS_IN_ALL_FRAMES = 100_000_000
MOST_SCANS = 100  # of a progressive JPEG: a small file can ask for thousands, each a pass over all pixels

_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF"}
_LOSSY = ("image/jpeg", "image/webp")
_QUALITY = 92
_LOWER = (92, 88, 84, 80, 75, 70)
_SMALLEST = 64  # pixels; a picture whose longer side is less shows nothing
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")  # begins a segment: no stuffing, no restart, no filling

# One picture is decoded at a time: memory stays bounded, and the warning filters belong to the whole process.
_one_picture = threading.Lock()


@dataclass(frozen=True)
class Room:
    """What a platform takes: MIME types, bytes, and of pictures the longer side and the area in pixels."""

    types: frozenset[str]
    max_bytes: int
    max_side: int
    max_pixels: int

    def scale(self, width: int, height: int) -> float:
        """By how much a picture must shrink to be within side and area; 1 if it need not."""
        return min(1.0, self.max_side / max(width, height), math.sqrt(self.max_pixels / (width * height)))

    def kinds(self, kind: str, moving: bool) -> list[str]:
        """The types to try, best first: its own, then JPEG, which is small; others only where these are not taken."""
        likely = [kind] if moving or kind in _LOSSY else [kind, "image/jpeg"]
        others = [] if moving else ["image/jpeg", "image/webp", "image/png"]
        return [one for one in likely if one in self.types] or [one for one in others if one in self.types][:1]


def checked(data: bytes, kind: str, name: str) -> tuple[int, int]:
    """The size as shown of a picture that can be decoded to its last frame."""
    with _picture(data, kind, name) as image:
        width, height = image.size
        turned = _orientation(image) >= 5
        for number in range(_frames(image, data, kind)):
            image.seek(number)
            image.load()
    return (height, width) if turned else (width, height)


def cleaned(data: bytes, kind: str, name: str) -> bytes:
    """The picture turned as it is shown, in sRGB, encoded anew from pixels alone. Same input, same bytes."""
    with _picture(data, kind, name) as image:
        pictures, timing = _fresh(image, _frames(image, data, kind))
        return _encoded(pictures, kind, timing)


def fitted(data: bytes, kind: str, room: Room, name: str) -> bytes:
    """A version for *room*: scaled down, in another type or lower quality, as little of each as is enough."""
    with _picture(data, kind, name) as image:
        pictures, timing = _fresh(image, _frames(image, data, kind))
        kinds = room.kinds(kind, moving=len(pictures) > 1)
        width, height = pictures[0].size
        scale = room.scale(width, height)
        while kinds and scale * max(width, height) >= min(_SMALLEST, max(width, height)):
            scaled = [_scaled(picture, scale) for picture in pictures]
            tries = [_best_that_fits(scaled, one, timing, room.max_bytes) for one in kinds]
            for encoded in tries:
                if len(encoded) <= room.max_bytes:
                    return encoded
            # Bytes grow a little slower than the area, so this guess seldom goes too far down.
            scale *= min(0.9, max(0.4, math.sqrt(room.max_bytes / min(map(len, tries)))))
    raise does_not_fit(name)


def does_not_fit(name: str) -> WrongInput:
    return WrongInput(
        "{name} cannot be made to fit what the platform takes.",
        hint="Use a smaller or shorter file, or another kind: JPEG for a picture, MP4 for a video.",
        name=name,
    )


@contextmanager
def _picture(data: bytes, kind: str, name: str) -> Iterator["Image.Image"]:
    """The picture, opened and within the limits but not decoded; complaints of the decoder become one sentence."""
    from PIL import Image

    with _one_picture, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(BytesIO(data), formats=[_FORMATS[kind]]) as image:
                _require_bounds(image, data, kind, name)
                yield image
        except (WrongInput, MemoryError):
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _too_large(name) from error
        except Exception as error:  # hostile bytes meet a decoder: it may raise anything
            raise WrongInput(
                "{name} is damaged or was cut off while being copied, so the picture cannot be used.",
                hint="Copy it again from the camera or phone, or save it as JPEG or PNG again.",
                name=name,
            ) from error


def _require_bounds(image: "Image.Image", data: bytes, kind: str, name: str) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise _too_large(name)
    frames = _frames(image, data, kind)
    if frames > MOST_FRAMES or (frames > 1 and frames * width * height > MOST_PIXELS_IN_ALL_FRAMES):
        raise WrongInput(
            "{name} moves too long: at most {frames} pictures in one file, and {megapixels} megapixels in all of them.",
            hint="Save it as an MP4 video, or make it shorter or smaller.",
            name=name,
            frames=MOST_FRAMES,
            megapixels=MOST_PIXELS_IN_ALL_FRAMES // 1_000_000,
        )
    if kind == "image/jpeg" and _scans(data) > MOST_SCANS:
        raise WrongInput("{name} is built to keep a computer busy.", hint="Save it as a plain JPEG.", name=name)


def _too_large(name: str) -> WrongInput:
    return WrongInput(
        "{name} is too large a picture: at most {megapixels} megapixels and {side} pixels a side.",
        hint="Scale it down and add it again.",
        name=name,
        megapixels=MOST_PIXELS // 1_000_000,
        side=LONGEST_SIDE,
    )


def _frames(image: "Image.Image", data: bytes, kind: str) -> int:
    """How many pictures follow each other; of a JPEG with more inside (depth, small previews) only the first counts."""
    if kind == "image/jpeg":
        return 1
    return _gif_frames(data) if kind == "image/gif" else int(getattr(image, "n_frames", 1))


def _gif_frames(data: bytes) -> int:
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


def _palette(flags: bytes) -> int:
    """The length in bytes of the colour table that *flags* announces."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


def _scans(data: bytes) -> int:
    """Scans of the first picture in a JPEG, counted no further than one too many; so are endless segments."""
    scans, at = 0, 2
    for _ in range(10 * MOST_SCANS):
        marker = _MARKER.search(data, at)
        if marker is None or marker[0] == b"\xff\xd9" or scans > MOST_SCANS:
            return scans
        scans += marker[0] == b"\xff\xda"
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    return MOST_SCANS + 1


def _fresh(image: "Image.Image", frames: int) -> tuple[list["Image.Image"], dict[str, object]]:
    """The frames as new pictures of pixels alone, and the timing of a moving picture in the encoders' words."""
    profile, orientation = image.info.get("icc_profile"), _orientation(image)
    pictures, durations = [], []
    for number in range(frames):
        image.seek(number)
        pictures.append(_bare(_in_srgb(_turned(_plain(image), orientation), profile)))
        durations.append(int(image.info.get("duration", 0)))
    if frames == 1:
        return pictures, {}
    if len({picture.mode for picture in pictures}) > 1:
        pictures = [picture.convert("RGBA") for picture in pictures]
    repeat = {"loop": image.info["loop"]} if "loop" in image.info else {}
    return pictures, {"duration": durations, **repeat}


def _plain(image: "Image.Image") -> "Image.Image":
    """In one of the modes that every encoder here knows, CMYK aside: L, RGB, RGBA."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return image.point(lambda level: level * (1 / 256)).convert("L")  # 16 bits a pixel
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L") if image.mode == "1" else image if image.mode in ("L", "CMYK") else image.convert("RGB")


def _orientation(image: "Image.Image") -> int:
    """1 to 8 as in Exif; 1 where nothing readable is said."""
    try:
        told = image.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001 - broken Exif raises anything, and must not cost the photo
        return 1
    return told if isinstance(told, int) and 1 <= told <= 8 else 1


def _turned(image: "Image.Image", orientation: int) -> "Image.Image":
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def _in_srgb(image: "Image.Image", profile: bytes | None) -> "Image.Image":
    """The same colours in sRGB; a profile that cannot be read or does not match the picture is passed over."""
    from PIL import ImageCms

    target = "L" if image.mode == "L" else "RGB"
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(source):
                return _converted(image, source)
        except (ImageCms.PyCMSError, OSError):
            pass
    return image if image.mode == "RGBA" else image.convert(target)


def _converted(image: "Image.Image", profile: "ImageCms.ImageCmsProfile") -> "Image.Image":
    from PIL import ImageCms

    colours = image.convert("RGB") if image.mode == "RGBA" else image
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(colours, profile, srgb, outputMode="RGB")
    if converted is None:
        raise ImageCms.PyCMSError("no picture came back")
    if image.mode == "RGBA":
        converted.putalpha(image.getchannel("A"))
    return converted


def _bare(image: "Image.Image") -> "Image.Image":
    """The pixels in a new picture: whatever else hung on the old one (comments, too) stays behind."""
    from PIL import Image

    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    return bare


def _encoded(pictures: list["Image.Image"], kind: str, timing: dict[str, object], quality: int = _QUALITY) -> bytes:
    first, *more = pictures
    options: dict[str, object] = {"quality": quality} if kind in _LOSSY else {}
    if kind == "image/jpeg":
        options["optimize"] = True
        first = _on_white(first)
    if more:
        options |= {"save_all": True, "append_images": more, **timing}
        if kind == "image/gif" and first.mode == "RGBA":
            options["disposal"] = 2  # clear each frame first: what became transparent must not show the one before
    into = BytesIO()
    first.save(into, _FORMATS[kind], **options)
    return into.getvalue()


def _on_white(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    if image.mode != "RGBA":
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def _best_that_fits(pictures: list["Image.Image"], kind: str, timing: dict[str, object], max_bytes: int) -> bytes:
    """The best quality within *max_bytes*, or the lowest quality, which is too heavy then."""
    *better, lowest = _LOWER if kind in _LOSSY else (_QUALITY,)
    smallest = _encoded(pictures, kind, timing, lowest)
    for quality in better if len(smallest) <= max_bytes else ():
        encoded = _encoded(pictures, kind, timing, quality)
        if len(encoded) <= max_bytes:
            return encoded
    return smallest


def _scaled(image: "Image.Image", scale: float) -> "Image.Image":
    from PIL.Image import Resampling

    if scale == 1.0:
        return image
    width, height = (max(1, int(side * scale)) for side in image.size)
    return image.resize((width, height), Resampling.LANCZOS)
