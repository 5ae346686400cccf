"""The contract between dissem and the code that speaks for a channel.

An adapter knows one platform and nothing else: values in, a Receipt or a named error out. It does not retry, log,
check lengths or wait; others do that once for all. How to write one: CONTRIBUTING.md.
"""

import hashlib
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from dissem.channels.errors import Refused, Uncertain
from dissem.channels.network import Network
from dissem.errors import DissemError

KINDS = ("press_release", "photo", "infographic", "video")
COUNTS = ("views", "reach", "likes", "comments", "shares", "saves", "clicks", "watch_seconds")
_counted = attrgetter(*COUNTS)


class Certainty(StrEnum):
    """What can be known after an answer was lost."""

    KEYED = "keyed"  # a key or name we choose: read, then send again with the same key
    STAGED = "staged"  # an invisible object exists first: ask it, then flip it again
    READABLE = "readable"  # our own posts can be listed: look for the fingerprint
    BLIND = "blind"  # nothing can be looked up: a person decides


class Stage(StrEnum):
    """How far a published part is."""

    PUBLIC = "public"
    PROCESSING = "processing"  # accepted, the platform still works on it: `confirm` asks
    HANDED = "handed"  # given to a person to post


class Why(StrEnum):
    """Why a count that the platform has was not told of one post."""

    RIGHT = "right"  # the login lacks a right for it
    FEW = "few"  # too few people have seen the post
    HIDDEN = "hidden"  # the account does not show it
    AGED = "aged"  # told of younger posts only
    RETIRED = "retired"  # the platform does not know the figure any more
    SILENT = "silent"  # left out without a word


@dataclass(frozen=True)
class Facts:
    """What a platform takes and can do. Text lengths by the adapter's own `length`, sizes in bytes, sides in pixels."""

    label: str  # as people call it: "Mastodon"
    text: int | None  # longest text; None: no limit, 0: it shows none
    caption: int | None = None  # longest text beside media, where it is shorter than `text`
    certainties: frozenset[Certainty] = frozenset({Certainty.BLIND})  # what `certainty` may answer
    api: str = ""  # API version this was written for
    sunset: date | None = None  # last day of that version, if the platform says so
    images: int = 0  # most images in one part
    videos: int = 0
    mixed: bool = False  # images and video in one part
    cover: bool = False  # a picture that stands behind a video becomes its cover, by the image limits
    needs_media: bool = False  # no post without a picture or video
    image_types: frozenset[str] = frozenset({"image/jpeg", "image/png"})
    image_bytes: int = 8 * 2**20
    image_side: int = 8192
    image_ratio: tuple[float, float] | None = None  # width ÷ height of pictures, least and most; None: any
    video_types: frozenset[str] = frozenset({"video/mp4"})
    video_codecs: frozenset[str] = frozenset()  # "avc1" is H.264, "hvc1" is HEVC; empty: any
    video_bytes: int = 100 * 2**20
    video_least_bytes: int = 0
    video_seconds: float | None = None  # longest video; None: no limit known
    video_least_seconds: float = 0
    video_ratio: tuple[float, float] | None = None  # width ÷ height of videos as shown, least and most; None: any
    alt: int = 0  # longest alt text it carries; 0: none
    link: Literal["text", "field"] = "text"  # where the link goes: into the text, or a field of its own
    tags: Literal["text", "field"] = "text"
    titled: bool = False  # has a title of its own, so the text does not repeat it
    title: int | None = None  # longest title of its own; None: no limit
    full: bool = False  # shows the whole body as HTML instead of a shortened text
    threads: bool = False  # a long text may go on in a chain of parts
    prepares_text: bool = False  # `prepare` has steps even without attachments
    recipients: bool = False  # a part for each address of the setting `recipients`; none depends on another
    daily: int | None = None  # posts that one account may make in 24 hours; None: no limit known
    fetches: bool = False  # takes files from a public address: those that `fetched` names have a `url`
    counts: frozenset[str] = frozenset()  # which of COUNTS it can read; others are "unavailable"
    batch: int = 1  # receipts one `measure` request can carry
    lasts: timedelta | None = None  # how long a post is shown; afterwards the platform knows it no more
    ahead: timedelta = timedelta(hours=12)  # how far before the due time `prepare` may run
    lag: timedelta = timedelta(seconds=10)  # how late a new post may show up in `find`
    permalink: int = 120  # longest address of one of its posts

    def limit(self, attachments: Sequence["Attachment"]) -> int | None:
        """Longest text beside *attachments*; None: no limit."""
        return self.caption if attachments and self.caption is not None else self.text


@dataclass(frozen=True)
class Attachment:
    """One file to send: already fitting, its metadata removed, its bytes named by *sha256*."""

    sha256: str
    path: Path
    type: str  # MIME type
    size: int  # bytes
    width: int  # as shown, pixels
    height: int
    duration: float | None = None  # seconds
    alt: str = ""
    url: str | None = None  # a public address, for platforms that fetch

    @property
    def is_video(self) -> bool:
        return self.type.startswith("video/")


@dataclass(frozen=True)
class Receipt:
    """Proof of one published (or accepted) part. *also*: further ids, as of the other photos of an album."""

    id: str
    url: str | None = None
    also: tuple[str, ...] = ()
    stage: Stage = Stage.PUBLIC


@dataclass(frozen=True)
class Part:
    """What one `publish` makes public, frozen at submit. *after*: the receipt of the part it continues."""

    key: str  # the same for every try of this part and content, different for any other
    kind: str  # of the release: one of KINDS
    title: str
    text: str  # fits the platform; link and tags inside unless facts say they have fields
    body: str  # the whole text as Markdown
    tags: tuple[str, ...] = ()  # without the hash sign
    attachments: tuple[Attachment, ...] = ()
    link: str | None = None
    language: str = "id"
    created: datetime | None = None
    agency: str = ""  # name of the agency
    recipient: str = ""  # whom this part is for, where every recipient gets a part of its own
    after: Receipt | None = None

    def frozen(self) -> dict[str, Any]:
        """As JSON, for the row and the content hash; files are named by their SHA-256 alone."""
        data = asdict(self)
        data["created"] = self.created and self.created.isoformat()
        data["tags"] = list(self.tags)
        data["attachments"] = [
            {k: v for k, v in asdict(a).items() if k not in ("path", "url")} for a in self.attachments
        ]
        del data["after"]
        return data

    @classmethod
    def thawed(cls, data: Mapping[str, Any], paths: Mapping[str, Path], after: Receipt | None = None) -> "Part":
        """The part of `frozen` JSON; *paths* says where each SHA-256 lies."""
        attachments = tuple(Attachment(path=paths[a["sha256"]], **a) for a in data["attachments"])
        created = data["created"] and datetime.fromisoformat(data["created"])
        known = {**data, "attachments": attachments, "created": created, "tags": tuple(data["tags"])}
        return cls(**known, after=after)


@dataclass(frozen=True)
class Prepared:
    """What `prepare` has made at the platform so far, as JSON: ids, handles, offsets. Good until *expires*."""

    data: Mapping[str, Any] = field(default_factory=dict)
    expires: datetime | None = None

    def get(self, name: str, default: Any = ()) -> Any:
        return self.data.get(name, default)

    def having(self, **values: Any) -> "Prepared":
        """With *values* set."""
        return replace(self, data={**self.data, **values})

    def adding(self, name: str, item: Any) -> "Prepared":
        """With *item* appended to the list *name*."""
        return self.having(**{name: [*self.get(name), item]})

    def until(self, expires: datetime) -> "Prepared":
        """Good until *expires*, or until an earlier moment set before."""
        return replace(self, expires=min(expires, self.expires) if self.expires else expires)


@dataclass(frozen=True)
class Account:
    """Who the channel is at the platform. *expires*: when the token ends, None if it does not or nobody knows."""

    id: str
    name: str
    url: str | None = None
    scopes: tuple[str, ...] = ()
    expires: datetime | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Counts:
    """Engagement of one publication, whole totals at this moment. None: the platform does not say (never 0).

    *why*: by name, why a count of `Facts.counts` is None, where that is known.
    """

    views: int | None = None
    reach: int | None = None
    likes: int | None = None  # every kind of reaction
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    clicks: int | None = None
    watch_seconds: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    why: Mapping[str, Why] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Raises TypeError for what is no whole number: no sum would be right that holds it."""
        for value in _counted(self):
            if value is not None and not isinstance(value, int):
                raise TypeError(f"a count is a {type(value).__name__}")


@dataclass(frozen=True)
class Gone:
    """The publication is no longer at the platform."""


@dataclass(frozen=True)
class Seen:
    """A post in the account's own list. *also*: further ids it may be known by, as of the files it shows."""

    id: str
    at: datetime
    url: str | None = None
    text: str = ""  # as it would be compared with ours
    also: tuple[str, ...] = ()


class Adapter(ABC):
    """Speaks for one account on one platform. One object serves one channel; several threads may use it."""

    platform: ClassVar[str]
    facts: ClassVar[Facts]

    class Settings(BaseModel):
        """Settings of a channel. A field of type SecretStr is a secret: sealed in the database, never shown."""

        model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

        on_absent: Literal["hold", "resend_once"] = Field("hold", description="after a lost answer and two looks")
        gap: float = Field(0, ge=0, description="least seconds between two posts of this channel")
        daily: int | None = Field(
            None, ge=1, description="most posts of this channel in 24 hours; the platform's own limit if not said"
        )

    def __init__(self, settings: Any, *, network: Network, account: str = "") -> None:
        """*account*: the remote id that `check` answered when the channel was connected, empty before."""
        self.settings = settings
        self.network = network
        self.account = account

    @classmethod
    def length(cls, text: str) -> int:
        """Length of *text* as the platform counts it. Counted in code points unless overridden."""
        return len(text)

    @classmethod
    def receipt_at(cls, url: str) -> Receipt | None:
        """The receipt of the post at *url*, the address a person copied; None if its id does not stand in there."""
        return None

    def recipients(self) -> Sequence[str]:
        """Whom a post of this channel goes to, a part each: where `facts.recipients` says so."""
        return ()

    @classmethod
    def objection(cls, part: Part) -> DissemError | None:
        """Why the platform would refuse *part* although all facts are kept, None if it would not: people are told
        before the approval."""
        return None

    @classmethod
    def price(cls, part: Part) -> float:
        """What the platform charges for publishing *part*, in US dollars."""
        return 0.0

    def certainty(self, part: Part) -> Certainty:
        """What can be known about *part* after a lost answer."""
        return Certainty.BLIND

    def fetched(self, attachment: Attachment) -> bool:
        """Whether the platform fetches this file from a public address: where it does, pictures unless overridden."""
        return self.facts.fetches and not attachment.is_video

    @property
    def renews(self) -> bool:
        """Whether `renew` gets this channel a new login before the old one ends."""
        return type(self).renew is not Adapter.renew

    @abstractmethod
    def check(self) -> Account:
        """Ask the platform who we are: a read, also the probe of a breaker."""

    def renew(self) -> Mapping[str, SecretStr] | None:
        """Fresh secrets where tokens end, to be stored before their first use; None where they do not."""
        return None

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        """Do what is not public, safe to repeat; yield after every finished step, which is saved at once.

        Starts from *prepared*, which holds the steps finished before; yields nothing if there is nothing to do.
        """
        yield from ()

    @abstractmethod
    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """THE irrevocable request: one, never retried inside. Raises Uncertain unless surely not accepted."""

    def confirm(self, receipt: Receipt) -> Receipt:
        """Is a PROCESSING receipt public by now? NotYet while it is not, Refused if the platform gave up."""
        return receipt

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        """Every post of ours, made after *since*, that is *part*. Empty: looked completely and it is not there.

        Raises Uncertain when the platform cannot tell (listing failed, incomplete, or there is none).
        """
        raise Uncertain("The platform cannot be asked whether the post is there.")

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        """Engagement by receipt id, for at most `facts.batch` receipts; an id that is missing could not be read now."""
        return {}

    @property
    def watches(self) -> bool:
        """Whether `recent` can tell what is on the account."""
        return type(self).recent is not Adapter.recent

    def recent(self, since: datetime) -> Sequence[Seen]:
        """Every post on the account made at *since* or later, whoever made it; answers to other people are left out.

        Raises ChannelErrors when the list cannot be read whole.
        """
        return ()

    def followers(self) -> int | None:
        """How many follow the account now; None where the platform does not tell."""
        return None

    def remove(self, receipt: Receipt) -> None:
        """Take the post down; one that is gone already counts as done."""
        raise Refused("This platform does not let dissem remove posts.", hint="Remove it there by hand.")


_LINK = re.compile(r"https?://\S+|\b[\w.-]+\.[a-z]{2,}/\S*", re.IGNORECASE)


def plain(text: str) -> str:
    """*text* as it is compared: without links, NFC, case folded, blanks collapsed, the first 200 characters."""
    folded = unicodedata.normalize("NFC", _LINK.sub(" ", text)).casefold()
    return " ".join(folded.split())[:200].strip()


def same_text(ours: str, theirs: str) -> bool:
    """Whether *theirs*, read back from a platform, is *ours*, whatever was done to links, blanks and case."""
    return plain(ours) == plain(theirs)


def fingerprint(frozen: Mapping[str, Any]) -> str:
    """SHA-256, hexadecimal, of a frozen part's compared text with number and types of its attachments: what was sent,
    in short."""
    shape = [attachment["type"] for attachment in frozen["attachments"]]
    return hashlib.sha256(f"{plain(frozen['text'])}\n{len(shape)} {' '.join(shape)}".encode()).hexdigest()
