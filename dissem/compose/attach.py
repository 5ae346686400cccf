"""Pictures and videos of a release → attachments: which of them a post takes, and the files that are sent for them."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dissem.channels.adapter import Adapter, Attachment, Facts
from dissem.compose import media
from dissem.compose.text import one_line, shorten
from dissem.errors import DissemError, WrongInput
from dissem.models.release import Kind, Release


class Original(Protocol):
    """Facts of a stored file: a `Media` row, or what `media.inspect` answers."""

    @property
    def sha256(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def duration(self) -> float | None: ...


@dataclass(frozen=True)
class Picture:
    """One photo or video of a release, as it came in: its facts, alternative text and file name."""

    original: Original
    alt: str
    name: str

    @property
    def is_video(self) -> bool:
        return self.original.type.startswith("video/")


@dataclass(frozen=True)
class Made:
    """A file that `compose` has written from an original: to be kept as a `Media` row."""

    sha256: str
    type: str
    size: int
    width: int
    height: int
    duration: float | None
    made_from: str


def chosen(
    release: Release, pictures: Sequence[Picture], facts: Facts, warnings: list[DissemError]
) -> Sequence[Picture]:
    """The pictures and videos that one post takes, in order; of a video release the video comes first."""
    images = [picture for picture in pictures if not picture.is_video]
    videos = [picture for picture in pictures if picture.is_video]
    video_first = release.kind == Kind.VIDEO
    if images and videos and facts.images and facts.videos and not facts.mixed:
        images, videos = _unmixed(images, videos, video_first, facts, warnings)
    images = _first(images, facts.images, facts, _fewer_images, warnings)
    videos = _first(videos, facts.videos, facts, _fewer_videos, warnings)
    kept = {id(picture) for picture in (*images, *videos)}
    taken = [*videos, *images] if video_first else [picture for picture in pictures if id(picture) in kept]
    if facts.needs_media and not taken:
        raise _no_media(facts)
    # Where pictures and videos share one album, together no more than it has room for.
    return _first(taken, max(facts.images, facts.videos), facts, _fewer_in_all, warnings)


def _unmixed(
    images: list[Picture], videos: list[Picture], video_first: bool, facts: Facts, warnings: list[DissemError]
) -> tuple[list[Picture], list[Picture]]:
    """Either the pictures or the videos: what the release is about."""
    if video_first:
        warnings.append(
            DissemError(
                "Left out on {platform}: all pictures ({left}), because it does not mix them with a video.",
                hint="Publish the pictures as a release of their own.",
                platform=facts.label,
                left=len(images),
            )
        )
        return [], videos
    warnings.append(
        DissemError(
            "Left out on {platform}: all videos ({left}), because it does not mix them with pictures.",
            hint="Publish the video as a release of its own.",
            platform=facts.label,
            left=len(videos),
        )
    )
    return images, []


def _first(
    pictures: list[Picture], most: int, facts: Facts, told: Callable[..., DissemError], warnings: list[DissemError]
) -> list[Picture]:
    """The first *most* of *pictures*; what is left out is *told*."""
    if len(pictures) > most:
        count = len(pictures)
        warnings.append(told(platform=facts.label, left=count - most, all=count, most=most))
    return pictures[:most]


def _fewer_images(**values: object) -> DissemError:
    return DissemError(
        "Left out on {platform}: {left} of {all} pictures; it takes at most {most} in one post.",
        hint="Put the most important pictures first.",
        **values,
    )


def _fewer_videos(**values: object) -> DissemError:
    return DissemError(
        "Left out on {platform}: {left} of {all} videos; it takes at most {most} in one post.",
        hint="Put the most important video first.",
        **values,
    )


def _fewer_in_all(**values: object) -> DissemError:
    return DissemError(
        "Left out on {platform}: {left} of {all} pictures and videos; it takes at most {most} in one post.",
        hint="Put the most important ones first.",
        **values,
    )


def _no_media(facts: Facts) -> WrongInput:
    hint = "Add one to the release, or leave this channel out."
    if not facts.images:
        return WrongInput("{platform} publishes nothing without a video.", hint=hint, platform=facts.label)
    if not facts.videos:
        return WrongInput("{platform} publishes nothing without a picture.", hint=hint, platform=facts.label)
    return WrongInput("{platform} publishes nothing without a picture or video.", hint=hint, platform=facts.label)


class Files:
    """Makes the files of one post; every original is cleaned once."""

    def __init__(self, folder: Path, kind: type[Adapter], warnings: list[DissemError]) -> None:
        self.folder, self.kind, self.facts, self.warnings = folder, kind, kind.facts, warnings
        self.made: dict[str, Made] = {}
        self.names: dict[str, str] = {}
        self._ready: dict[str, media.Inspected] = {}

    def attached(self, picture: Picture) -> Attachment:
        """The file that is sent for *picture*, with its alternative text."""
        file = self._fitting(picture)
        self.names.setdefault(file.sha256, picture.name)
        return Attachment(
            sha256=file.sha256,
            path=media.stored(self.folder, file.sha256, file.type),
            type=file.type,
            size=file.size,
            width=file.width,
            height=file.height,
            duration=file.duration,
            alt=self._alt(picture),
        )

    def _fitting(self, picture: Picture) -> media.Inspected:
        source = picture.original.sha256
        if source not in self._ready:
            if picture.is_video:
                _require_video(picture, self.facts)
            with _called(picture.name):
                self._ready[source] = self._made_fit(picture)
        return self._ready[source]

    def _made_fit(self, picture: Picture) -> media.Inspected:
        original = picture.original
        file = media.clean(media.stored(self.folder, original.sha256, original.type), self.folder)
        self._note(file, original)
        if picture.is_video:
            return file
        file = media.fit(
            media.stored(self.folder, file.sha256, file.type),
            self.folder,
            types=self.facts.image_types,
            max_bytes=self.facts.image_bytes,
            max_side=self.facts.image_side,
        )
        self._note(file, original)
        return file

    def _note(self, file: media.Inspected, original: Original) -> None:
        if file.sha256 != original.sha256:
            facts = (file.sha256, file.type, file.size, file.width, file.height, file.duration)
            self.made.setdefault(file.sha256, Made(*facts, made_from=original.sha256))

    def _alt(self, picture: Picture) -> str:
        alt, most = one_line(picture.alt), self.facts.alt
        if not most:
            return ""
        if not alt:
            self.warnings.append(
                DissemError(
                    "{name} has no alternative text: people who cannot see it learn nothing of it.",
                    hint="Describe in a sentence what it shows.",
                    name=picture.name,
                )
            )
        elif self._count(alt) > most:
            self.warnings.append(
                DissemError(
                    "{platform} does not take the end of the alternative text of {name}.",
                    hint="Say it in at most {most} characters.",
                    platform=self.facts.label,
                    name=picture.name,
                    most=most,
                )
            )
        return shorten(alt, most, self._count)

    def _count(self, alt: str) -> int:
        # A platform that counts a link in its texts as short need not do so in descriptions.
        return max(len(alt), self.kind.length(alt))


def _require_video(picture: Picture, facts: Facts) -> None:
    """WrongInput if the platform does not take this video; nothing here encodes videos anew."""
    video = picture.original
    if video.type not in facts.video_types:
        raise WrongInput(
            "{platform} does not take {name}, a video of type {type}.",
            hint="Save it as MP4 and add that file.",
            platform=facts.label,
            name=picture.name,
            type=video.type,
        )
    if video.size > facts.video_bytes:
        raise WrongInput(
            "{name} has {size} MiB, and {platform} takes videos of up to {most} MiB.",
            hint="Save it smaller and add it again, or leave this channel out.",
            platform=facts.label,
            name=picture.name,
            size=math.ceil(video.size / media.MIB),
            most=facts.video_bytes // media.MIB,
        )
    seconds = math.ceil(video.duration or 0)
    if facts.video_seconds is not None and (video.duration or 0) > facts.video_seconds:
        raise WrongInput(
            "{name} lasts {seconds} seconds, and {platform} takes videos of up to {most} seconds.",
            hint="Cut it and add it again, or leave this channel out.",
            platform=facts.label,
            name=picture.name,
            seconds=seconds,
            most=math.floor(facts.video_seconds),
        )


@contextmanager
def _called(name: str) -> Iterator[None]:
    """Errors about a stored file name it as people know it."""
    try:
        yield
    except WrongInput as error:
        raise WrongInput(error.text, hint=error.hint_text, **{**error.values, "name": name}) from error
