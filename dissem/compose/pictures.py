"""Pictures: whether they can be decoded, what is left of them when only pixels are kept, a smaller version.

The one file that knows Pillow. Limits are checked before anything is decoded; only the named format is tried. This is
the work of the child process (`dissem.compose.child`); nobody else calls it on foreign bytes.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from dissem.compose import frames, heic
from dissem.compose.frames import MOST_FRAMES, MOST_SCANS
from dissem.compose.shapes import Ratio, fitting
from dissem.errors import WrongInput

if TYPE_CHECKING:
    from PIL import Image, ImageCms

MOST_PIXELS = 50_000_000
LONGEST_SIDE = 12_000
MOST_PIXELS_IN_ALL_FRAMES = 100_000_000

_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF", "image/heic": "HEIF"}
_STILL = ("image/jpeg", "image/heic")  # of several pictures inside (depth, previews, a burst) only the main one counts
_LOSSY = ("image/jpeg", "image/webp")
_QUALITY = 92
_LOWER = (92, 88, 84, 80, 75, 70)
_SMALLEST = 64  # pixels; a picture whose longer side is less shows nothing
_SAME_COLOUR = 12  # of 255: what is less apart is one colour to the eye
_MOSTLY = 0.6  # so much of two edges in one colour, and bars go on in it
_BLUR = 16  # pixels on the longer side of the picture that becomes a blurred backdrop
_DIM = 0.8  # so that the picture stands out from it


@dataclass(frozen=True)
class Room:
    """What a platform takes: MIME types, bytes, and of pictures the longer side, the area in pixels and the ratio of
    the sides; *shape* says what becomes of a picture with another ratio."""

    types: Sequence[str]
    max_bytes: int
    max_side: int
    max_pixels: int
    ratio: Ratio | None = None
    shape: str = "pad"

    def size(self, width: int, height: int) -> tuple[int, int]:
        """*width* × *height* in a ratio that is taken."""
        return fitting(width, height, self.ratio, self.shape)

    def scale(self, width: int, height: int) -> float:
        """By how much a picture must shrink to be within side and area; 1 if it need not."""
        return min(1.0, self.max_side / max(width, height), math.sqrt(self.max_pixels / (width * height)))

    def kinds(self, kind: str, moving: bool) -> list[str]:
        """The types to try, best first: its own, then JPEG, which is small; others only where these are not taken."""
        likely = [kind] if moving or kind in _LOSSY else [kind, "image/jpeg"]
        others = [] if moving else ["image/jpeg", "image/webp", "image/png"]
        return [one for one in likely if one in self.types] or [one for one in others if one in self.types][:1]


@dataclass(frozen=True)
class Encoded:
    """A picture as a file: its bytes, MIME type, and size in pixels as shown."""

    data: bytes
    type: str
    width: int
    height: int


def checked(data: bytes, kind: str, name: str) -> tuple[int, int]:
    """The size as shown of a picture that can be decoded to its last frame."""
    with _picture(data, kind, name) as image:
        width, height = image.size
        turned = _orientation(image) >= 5
        for _frame in _each_frame(image, _frames(image, data, kind), name):
            pass
    return (height, width) if turned else (width, height)


def cleaned(data: bytes, kind: str, name: str) -> Encoded:
    """The picture turned as it is shown, in sRGB, encoded anew from pixels alone; HEIC becomes JPEG. Same input, same
    bytes."""
    with _picture(data, kind, name) as image:
        pictures, timing = _fresh(image, _frames(image, data, kind), name)
        kind = "image/jpeg" if kind == "image/heic" else kind
        return _file(_encoded(pictures, kind, timing), kind, pictures)


def fitted(data: bytes, kind: str, room: Room, name: str) -> Encoded:
    """A version for *room*: in another shape, scaled down, in another type or lower quality, as little of each as is
    enough."""
    with _picture(data, kind, name) as image:
        pictures, timing = _fresh(image, _frames(image, data, kind), name)
        kinds = room.kinds(kind, moving=len(pictures) > 1)
        width, height = room.size(*pictures[0].size)
        scale = room.scale(width, height)
        while kinds and scale * max(width, height) >= min(_SMALLEST, max(width, height)):
            scaled = _shaped([_scaled(picture, scale) for picture in pictures], room)
            tries = [_best_that_fits(scaled, one, timing, room.max_bytes) for one in kinds]
            for one, encoded in zip(kinds, tries, strict=True):
                if len(encoded) <= room.max_bytes:
                    return _file(encoded, one, scaled)
            # Bytes grow a little slower than the area, so this guess seldom goes too far down.
            scale *= min(0.9, max(0.4, math.sqrt(room.max_bytes / min(map(len, tries)))))
    raise does_not_fit(name)


def _file(data: bytes, kind: str, pictures: list["Image.Image"]) -> Encoded:
    return Encoded(data, kind, *pictures[0].size)


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

    if kind == "image/heic":
        heic.open_up()
    with warnings.catch_warnings():
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
    _require_size(width, height, name)
    count = _frames(image, data, kind)
    if count > MOST_FRAMES or (count > 1 and count * width * height > MOST_PIXELS_IN_ALL_FRAMES):
        raise WrongInput(
            "{name} moves too long: at most {frames} pictures in one file, and {megapixels} megapixels in all of them.",
            hint="Save it as an MP4 video, or make it shorter or smaller.",
            name=name,
            frames=MOST_FRAMES,
            megapixels=MOST_PIXELS_IN_ALL_FRAMES // 1_000_000,
        )
    if kind == "image/jpeg" and frames.jpeg_scans(data) > MOST_SCANS:
        raise WrongInput("{name} is built to keep a computer busy.", hint="Save it as a plain JPEG.", name=name)


def _require_size(width: int, height: int, name: str) -> None:
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise _too_large(name)


def _too_large(name: str) -> WrongInput:
    return WrongInput(
        "{name} is too large a picture: at most {megapixels} megapixels and {side} pixels a side.",
        hint="Scale it down and add it again.",
        name=name,
        megapixels=MOST_PIXELS // 1_000_000,
        side=LONGEST_SIDE,
    )


def _frames(image: "Image.Image", data: bytes, kind: str) -> int:
    """How many pictures follow each other."""
    if kind in _STILL:
        return 1
    return frames.gif_frames(data) if kind == "image/gif" else int(getattr(image, "n_frames", 1))


def _each_frame(image: "Image.Image", count: int, name: str) -> Iterator["Image.Image"]:
    """*image* at each of its frames, decoded. A single one is where the file opens: of HEIC the main picture."""
    for number in range(count):
        if count > 1:
            image.seek(number)
        image.load()
        _require_size(*image.size, name)  # HEIC knows its true size only now
        yield image


def _fresh(image: "Image.Image", count: int, name: str) -> tuple[list["Image.Image"], dict[str, object]]:
    """The frames as new pictures of pixels alone, and the timing of a moving picture in the encoders' words."""
    profile, orientation = image.info.get("icc_profile"), _orientation(image)
    pictures, durations = [], []
    for frame in _each_frame(image, count, name):
        picture = _plain(frame)
        picture = _turned(picture, orientation)  # step by step: a large picture's earlier forms are let go
        picture = _in_srgb(picture, profile)
        pictures.append(_bare(picture))
        durations.append(int(image.info.get("duration", 0)))
    if count == 1:
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
    image.load()  # a PNG tells it behind its pixels, and what is wrong with these is not to be taken for broken Exif
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
    return image if image.mode in ("RGBA", target) else image.convert(target)


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
    best = _encoded(pictures, kind, timing, lowest)
    if len(best) > max_bytes:
        return best
    while better:  # halved, not one by one: a large picture takes a second each time
        middle = len(better) // 2
        encoded = _encoded(pictures, kind, timing, better[middle])
        if len(encoded) <= max_bytes:
            best, better = encoded, better[:middle]
        else:
            better = better[middle + 1 :]
    return best


def _scaled(image: "Image.Image", scale: float) -> "Image.Image":
    from PIL.Image import Resampling

    if scale == 1.0:
        return image
    width, height = (max(1, int(side * scale)) for side in image.size)
    return image.resize((width, height), Resampling.LANCZOS)


# Shapes


def _shaped(pictures: list["Image.Image"], room: Room) -> list["Image.Image"]:
    """The frames in a ratio that *room* takes: cut at two sides, or in the middle of a backdrop."""
    size = room.size(*pictures[0].size)
    if size == pictures[0].size:
        return pictures
    if size[0] <= pictures[0].width and size[1] <= pictures[0].height:
        return [picture.crop(_middle(picture.size, size)) for picture in pictures]
    backdrop = _backdrop(pictures[0], size, moving=len(pictures) > 1)
    return [_laid_on(picture, backdrop) for picture in pictures]


def _middle(outer: tuple[int, int], inner: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top = ((whole - part) // 2 for whole, part in zip(outer, inner, strict=True))
    return left, top, left + inner[0], top + inner[1]


def _laid_on(picture: "Image.Image", backdrop: "Image.Image") -> "Image.Image":
    whole = backdrop.copy()
    place = _middle(backdrop.size, picture.size)[:2]
    whole.paste(picture, place, picture.getchannel("A") if picture.mode == "RGBA" else None)
    return whole


def _backdrop(picture: "Image.Image", size: tuple[int, int], *, moving: bool) -> "Image.Image":
    """What the bars show: white beside a transparent picture; the colour of edges that are mostly of one colour, so
    that a graphic seems to go on; otherwise the picture itself, enlarged, blurred and dimmed. One colour behind
    whatever moves."""
    from PIL import Image, ImageStat

    if picture.mode == "RGBA":
        return Image.new("RGB", size, "white")
    edges = _edges(picture, beside=size[0] > picture.width)
    colour = tuple(ImageStat.Stat(edges).median)
    if moving or _share(edges, colour) >= _MOSTLY:
        return Image.new("RGB", size, colour)
    return _blurred(picture, size)


def _edges(picture: "Image.Image", *, beside: bool) -> "Image.Image":
    """The two edges where bars will be, as one picture."""
    from PIL import Image

    width, height = picture.size
    if beside:
        ends, strip = [(0, 0, 1, height), (width - 1, 0, width, height)], Image.new("RGB", (2, height))
    else:
        ends, strip = [(0, 0, width, 1), (0, height - 1, width, height)], Image.new("RGB", (width, 2))
    for number, end in enumerate(ends):
        strip.paste(picture.crop(end), (number, 0) if beside else (0, number))
    return strip


def _share(picture: "Image.Image", colour: tuple[int, ...]) -> float:
    """How much of *picture* is of *colour*, to the eye; 0 to 1."""
    from PIL import Image, ImageChops

    apart = ImageChops.difference(picture, Image.new("RGB", picture.size, colour)).split()
    furthest = ImageChops.lighter(ImageChops.lighter(apart[0], apart[1]), apart[2])
    return sum(furthest.histogram()[:_SAME_COLOUR]) / (picture.width * picture.height)


def _blurred(picture: "Image.Image", size: tuple[int, int]) -> "Image.Image":
    """The middle of *picture* over all of *size*, so coarse that only its colours are left: drawn from a few pixels."""
    from PIL.Image import Resampling

    width, height = picture.size
    part = min(width / size[0], height / size[1])
    cover = _middle(picture.size, (max(1, int(size[0] * part)), max(1, int(size[1] * part))))
    shrink = _BLUR / max(size)
    few = tuple(max(2, round(side * shrink)) for side in size)
    colours = picture.convert("RGB").resize(few, Resampling.BOX, box=cover).point(lambda level: level * _DIM)
    return colours.resize(size, Resampling.BICUBIC)
