"""Pictures and videos of a release → attachments: which of them a post takes, and the files that are sent for them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dissem.channels.adapter import Adapter, Attachment, Facts
from dissem.compose import films, media, shapes, transcode
from dissem.compose.text import one_line, shorten
from dissem.errors import DissemError, WrongInput
from dissem.models.release import Kind, Release, Shape


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
    if facts.cover and videos:
        cover = _first(images, 1, facts, _fewer_images, warnings)
        return [*_first(videos, 1, facts, _fewer_videos, warnings), *cover]
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
    if not values["most"]:
        return DissemError("Left out on {platform}: all pictures ({left}), because it takes none.", hint="", **values)
    return DissemError(
        "Left out on {platform}: {left} of {all} pictures; it takes at most {most} in one post.",
        hint="Put the most important pictures first.",
        **values,
    )


def _fewer_videos(**values: object) -> DissemError:
    if not values["most"]:
        return DissemError("Left out on {platform}: all videos ({left}), because it takes none.", hint="", **values)
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
    """Makes the files of one post; every original is cleaned once. *shape* is what the release wants to become of a
    picture that is too wide or too tall for the platform."""

    def __init__(
        self, folder: Path, kind: type[Adapter], warnings: list[DissemError], shape: Shape = Shape.PAD
    ) -> None:
        self.folder, self.kind, self.facts, self.warnings = folder, kind, kind.facts, warnings
        self.shape = shape
        self.made: dict[str, Made] = {}
        self.names: dict[str, str] = {}
        self._ready: dict[str, media.Inspected] = {}

    def every(self, pictures: Sequence[Picture]) -> tuple[Attachment, ...]:
        """The files that are sent for *pictures*, in their order."""
        with media.batch():
            return tuple(self.attached(picture) for picture in pictures)

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
            make = self._video if picture.is_video else self._picture
            with _called(picture.name), media.batch():
                self._ready[source] = make(picture)
        return self._ready[source]

    def _picture(self, picture: Picture) -> media.Inspected:
        facts = self.facts
        clean = self._cleaned(picture.original)
        if shapes.outside(clean.width, clean.height, facts.image_ratio):
            self._tell_shape(picture, clean)
        file = media.fit(
            media.stored(self.folder, clean.sha256, clean.type),
            self.folder,
            types=facts.image_types,
            max_bytes=facts.image_bytes,
            max_side=facts.image_side,
            ratio=facts.image_ratio,
            shape=self.shape.value,
        )
        self._note(file, picture.original)
        return file

    def _video(self, picture: Picture) -> media.Inspected:
        original = picture.original
        film = media.film(media.stored(self.folder, original.sha256, original.type))
        video = films.Video(picture.name, original.type, original.size, film)
        how = films.recipe(video, self.facts)
        clean = self._cleaned(original)
        if how is None:
            return clean
        source = media.stored(self.folder, clean.sha256, clean.type)
        file = transcode.made(source, clean.sha256, how, self.folder, picture.name)
        self._note(file, original)
        if not how.copy:
            self.warnings.append(films.converted(video, file.width, file.height, self.facts))
        return file

    def _cleaned(self, original: Original) -> media.Inspected:
        file = media.clean(media.stored(self.folder, original.sha256, original.type), self.folder)
        self._note(file, original)
        return file

    def _tell_shape(self, picture: Picture, clean: media.Inspected) -> None:
        """Warn of bars or a cut; WrongInput if the release wants neither."""
        told = {"name": picture.name, "platform": self.facts.label, "width": clean.width, "height": clean.height}
        if self.shape is Shape.REFUSE:
            raise WrongInput(
                "{platform} does not take {name} in its shape of {width} × {height} pixels.",
                hint="Cut it and add it again, let the release have bars or be cut, or leave this channel out.",
                **told,
            )
        if self.shape is Shape.PAD:
            self.warnings.append(
                DissemError(
                    "{platform} does not take the shape of {name} ({width} × {height} pixels): it is sent with bars.",
                    hint="Look at the preview; cut it yourself if bars do not suit it.",
                    **told,
                )
            )
            return
        self.warnings.append(
            DissemError(
                "{platform} does not take the shape of {name} ({width} × {height} pixels): two edges are cut off.",
                hint="Look at the preview; let it have bars if something important is missing.",
                **told,
            )
        )

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


@contextmanager
def _called(name: str) -> Iterator[None]:
    """Errors about a stored file name it as people know it."""
    try:
        yield
    except WrongInput as error:
        raise WrongInput(error.text, hint=error.hint_text, **{**error.values, "name": name}) from error
