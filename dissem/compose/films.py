"""Which videos a platform takes: as they are, made to fit by `transcode`, or not, and then why in one sentence."""

import math
from dataclasses import dataclass

from dissem.channels.adapter import Facts
from dissem.compose import mp4, shapes, transcode
from dissem.errors import DissemError, WrongInput

MIB = 1024 * 1024
_CODECS = {
    "avc1": "H.264",
    "hvc1": "HEVC (H.265)",
    "av01": "AV1",
    "vp09": "VP9",
    "mp4v": "MPEG-4",
}  # as people know them


@dataclass(frozen=True)
class Video:
    """A video of a release: the *name* people know, MIME type, size in bytes, and what it shows."""

    name: str
    type: str
    size: int
    film: mp4.Facts


def recipe(video: Video, facts: Facts) -> transcode.Recipe | None:
    """How the video is made to fit; None if it fits as it is.

    WrongInput if the platform does not take it and it cannot be made to fit here: length and shape only people can
    mend, the rest needs ffmpeg.
    """
    _require_length(video, facts)
    _require_shape(video, facts)
    misfit = _misfit(video, facts)
    if misfit is None:
        return None
    how = transcode.recipe(video.film, video.size, _codecs(facts), facts.video_bytes)
    if how is None or "video/mp4" not in facts.video_types or not transcode.installed():
        raise misfit
    return how


def converted(video: Video, width: int, height: int, facts: Facts) -> DissemError:
    """The warning that not the video itself is sent."""
    return DissemError(
        "{name} is sent to {platform} converted, as MP4 (H.264) of {width} × {height} pixels.",
        hint="Watch it once before it is approved.",
        name=video.name,
        platform=facts.label,
        width=width,
        height=height,
    )


def _require_length(video: Video, facts: Facts) -> None:
    seconds = video.film.duration
    if facts.video_seconds is not None and seconds > facts.video_seconds:
        raise WrongInput(
            "{name} lasts {seconds} seconds, and {platform} takes videos of up to {most} seconds.",
            hint="Cut it and add it again, or leave this channel out.",
            platform=facts.label,
            name=video.name,
            seconds=math.ceil(seconds),
            most=math.floor(facts.video_seconds),
        )
    if seconds < facts.video_least_seconds:
        raise WrongInput(
            "{name} lasts {seconds} seconds, and {platform} takes videos of {least} seconds or more.",
            hint="Use a longer one, or leave this channel out.",
            platform=facts.label,
            name=video.name,
            seconds=math.floor(seconds),
            least=math.ceil(facts.video_least_seconds),
        )


def _require_shape(video: Video, facts: Facts) -> None:
    film = video.film
    if shapes.outside(film.width, film.height, facts.video_ratio):
        raise WrongInput(
            "{platform} does not take {name} in its shape of {width} × {height} pixels.",
            hint="Cut it to another shape and add it again, or leave this channel out.",
            platform=facts.label,
            name=video.name,
            width=film.width,
            height=film.height,
        )
    if video.size < facts.video_least_bytes:
        raise WrongInput(
            "{name} has {size} bytes, and {platform} takes videos of {least} bytes or more.",
            hint="Export it in a better quality and add it again, or leave this channel out.",
            platform=facts.label,
            name=video.name,
            size=video.size,
            least=facts.video_least_bytes,
        )


def _misfit(video: Video, facts: Facts) -> WrongInput | None:
    """Why the platform does not take the video as it is encoded, and what people can do; None if it does."""
    codecs = _codecs(facts)
    if video.type not in facts.video_types:
        return WrongInput(
            "{platform} does not take {name}, a video of type {type}.",
            hint="Save it as MP4 and add that file.",
            platform=facts.label,
            name=video.name,
            type=video.type,
        )
    if codecs and video.film.video not in codecs:
        return WrongInput(
            "{platform} does not take {name}, a video encoded as {codec}.",
            hint="Save it as MP4 with H.264 (camera settings: most compatible) and add that file.",
            platform=facts.label,
            name=video.name,
            codec=_CODECS.get(video.film.video, video.film.video) or "?",
        )
    if video.size > facts.video_bytes:
        return WrongInput(
            "{name} has {size} MiB, and {platform} takes videos of up to {most} MiB.",
            hint="Save it smaller and add it again, or leave this channel out.",
            platform=facts.label,
            name=video.name,
            size=math.ceil(video.size / MIB),
            most=facts.video_bytes // MIB,
        )
    return None


def _codecs(facts: Facts) -> frozenset[str]:
    """Names of codecs as in `mp4.Facts.video`; empty: any."""
    codecs: frozenset[str] = facts.video_codecs
    return codecs
