"""Videos made to fit by ffmpeg, where it is installed: MOV becomes MP4, HEVC becomes H.264, a heavy video lighter.

ffmpeg is kept short: it may read the one file and nothing else (no network, no playlists, no other containers), decode
what cameras and editors write, and use so much memory and time. What it made is judged by our own reader.

The same ffmpeg makes the same bytes of the same video; another version of it may not. So what was made once is
remembered in the media folder under the source and the recipe, and asked again, also by another process, the answer is
the same file.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from dissem.compose import media, mp4
from dissem.compose.limits import Limits, bound, surroundings
from dissem.errors import WrongInput

MEMORY = 2 * 1024**3
LEAST_RATE = 150_000  # bits of picture a second; below, nobody sees what a video shows
MOST_RATE = 8_000_000
SOUND_RATE = 128_000
MOST_SECONDS = 3600  # of processor time for one video

_VERSION = 1  # of what a recipe means: raise it when the command below changes
_SIDES = ((2_500_000, 1920), (1_000_000, 1280), (500_000, 854), (0, 640))  # from this rate on, this longer side
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2"
_CODECS = (
    "h264,hevc,mpeg4,h263,mjpeg,prores,dnxhd,vp9,av1,libdav1d,libaom-av1,rawvideo,"
    "aac,mp3,mp3float,ac3,eac3,alac,opus,libopus,amrnb,amrwb,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_mulaw,pcm_alaw"
)


@dataclass(frozen=True)
class Recipe:
    """How an MP4 is made: *copy* keeps the pictures as they are encoded; otherwise H.264 of at most *rate* bits a
    second and *side* pixels on the longer side. Never more than *most* bytes."""

    copy: bool
    copy_sound: bool
    rate: int
    side: int
    most: int


def recipe(film: mp4.Facts, size: int, codecs: frozenset[str], most: int) -> Recipe | None:
    """How *film* becomes an MP4 of at most *most* bytes in one of *codecs* (empty: any); None if that is impossible.

    The pictures are encoded anew only where they must be: their codec is not taken, or there are too many bytes.
    """
    if codecs and "avc1" not in codecs:
        return None
    light = size < most * 0.99
    copy = light and film.video in (codecs or {"avc1"}) and film.video in ("avc1", "hvc1")
    # With a buffer of one second, no moment but the first gets more than the rate.
    rate = min(MOST_RATE, int(most * 8 * 0.95 / (film.duration + 1)) - (SOUND_RATE if film.audio else 0))
    if not copy and rate < LEAST_RATE:
        return None
    side = next(side for least, side in _SIDES if rate >= least) if rate > 0 else 0
    return Recipe(copy, light and film.audio in ("", "mp4a"), rate, side, most)


def installed() -> str | None:
    """The path of ffmpeg, or None."""
    return shutil.which("ffmpeg")


def made(source: Path, sha256: str, how: Recipe, folder: Path, name: str) -> media.Inspected:
    """The facts of *source*, whose hash is *sha256*, made into an MP4 by *how* and stored in *folder*, now or before.

    WrongInput about the video that people call *name* if ffmpeg cannot do it.
    """
    memory = folder / "transcoded" / f"{_key(sha256, how)}.json"
    return _remembered(memory, folder) or _learned(memory, folder, _make(source, how, folder, name))


def _key(sha256: str, how: Recipe) -> str:
    return hashlib.sha256(json.dumps([_VERSION, sha256, asdict(how)], sort_keys=True).encode()).hexdigest()


def _remembered(memory: Path, folder: Path) -> media.Inspected | None:
    """What is noted in *memory*, if the file it speaks of is still there."""
    try:
        facts = media.Inspected(**json.loads(memory.read_bytes()))
        whole = media.stored(folder, facts.sha256, facts.type).stat().st_size == facts.size
    except (OSError, ValueError, TypeError):
        return None
    return facts if whole else None


def _learned(memory: Path, folder: Path, facts: media.Inspected) -> media.Inspected:
    """*facts*, noted in *memory*; where another process was faster, what that one has noted."""
    memory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", prefix=".draft-", dir=memory.parent) as draft:
        json.dump(asdict(facts), draft)
        draft.flush()
        os.fsync(draft.fileno())
        try:
            os.link(draft.name, memory)
        except FileExistsError:
            if earlier := _remembered(memory, folder):
                return earlier
            memory.unlink(missing_ok=True)  # it speaks of a file that is gone
            os.link(draft.name, memory)
    return facts


def _make(source: Path, how: Recipe, folder: Path, name: str) -> media.Inspected:
    before = media.film(source)
    with _workplace(folder) as place:
        target = place / "made.mp4"
        _run(_command(source, target, how, before), how, before.duration, name)
        if not target.exists() or target.stat().st_size > how.most:
            raise _failed(name)
        facts = media.clean(target, folder)  # what encoders write about themselves goes, too
        _require_same(before, media.film(media.stored(folder, facts.sha256, facts.type)), how, name)
    return facts


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """A folder for one file, gone at the end."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".transcoding-", dir=folder) as place:
        yield Path(place)


def _command(source: Path, target: Path, how: Recipe, film: mp4.Facts) -> list[str]:
    """ffmpeg's words. One thread and `bitexact`: the same bytes whenever it is asked."""
    video = ["-c:v", "copy", *(["-tag:v", "hvc1"] if film.video == "hvc1" else [])] if how.copy else _h264(how)
    sound = ["-c:a", "copy"] if how.copy_sound else ["-c:a", "aac", "-b:a", str(SOUND_RATE), "-ac", "2"]
    return [
        *(installed() or "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y"),
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", _CONTAINERS, "-codec_whitelist", _CODECS),
        *("-threads", "1", "-f", "mov", "-i", f"file:{source.absolute()}"),
        *("-map", "0:v:0", "-map", "0:a:0?", "-dn", "-sn", "-map_metadata", "-1", "-map_chapters", "-1"),
        *("-t", f"{film.duration + 1:.3f}", *video, *sound),
        *("-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"),
        *("-movflags", "+faststart", "-f", "mp4", f"file:{target.absolute()}"),
    ]


def _h264(how: Recipe) -> list[str]:
    """Good quality, but at no moment more than the rate; sides even and never enlarged."""
    side = how.side
    scale = f"scale='trunc(iw*min(1,{side}/max(iw,ih))/2)*2':'trunc(ih*min(1,{side}/max(iw,ih))/2)*2'"
    rate = ["-crf", "21", "-maxrate", str(how.rate), "-bufsize", str(how.rate)]
    return ["-vf", scale, "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-pix_fmt", "yuv420p", *rate]


def _run(command: list[str], how: Recipe, duration: float, name: str) -> None:
    seconds = min(MOST_SECONDS, 60 + int(10 * duration))
    limits = Limits(memory=MEMORY, cpu=seconds, file=how.most + 1, nice=10)
    try:
        done = subprocess.run(  # noqa: S603 - ffmpeg with words of ours
            bound(command, limits),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=surroundings(),
            cwd="/",
            timeout=2 * seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(name) from error
    if done.returncode:
        raise _failed(name)


def _require_same(before: mp4.Facts, after: mp4.Facts, how: Recipe, name: str) -> None:
    """That the film made is the whole film in its shape."""
    ratio = (after.width / after.height) / (before.width / before.height)
    short = abs(after.duration - before.duration) > 1
    if short or not 0.97 < ratio < 1.03 or (not how.copy and after.video != "avc1"):
        raise _failed(name)


def _failed(name: str) -> WrongInput:
    return WrongInput(
        "{name} could not be converted here into what the platform takes.",
        hint="Export it as MP4 (H.264) with a smaller size and add that file, or leave this channel out.",
        name=name,
    )
