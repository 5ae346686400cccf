"""Material to be approved, its media, and the approvals."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field, SQLModel

from dissem.models.columns import document, words


class Kind(StrEnum):
    """What a release is."""

    PRESS_RELEASE = "press_release"
    PHOTO = "photo"
    INFOGRAPHIC = "infographic"
    VIDEO = "video"


class ReleaseState(StrEnum):
    """Where a release stands. Any edit leads back to draft."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"


class Shape(StrEnum):
    """What is done with a picture whose shape a platform does not take."""

    PAD = "pad"  # shown whole, with bars
    CROP = "crop"  # filled, the edges cut
    REFUSE = "refuse"  # nothing: the platform is left to people


class Media(SQLModel, table=True):
    """One file, stored once under its SHA-256. *made_from*: the original of a cleaned or fitted copy."""

    sha256: str = Field(primary_key=True, max_length=64)
    type: str  # MIME type by content
    size: int = Field(sa_type=BigInteger)  # bytes
    width: int  # as shown, pixels
    height: int
    duration: float | None = None  # seconds
    made_from: str | None = Field(default=None, foreign_key="media.sha256")
    created: datetime


class Release(SQLModel, table=True):
    """A press release, photo story, infographic or video."""

    id: int | None = Field(default=None, primary_key=True)
    kind: Kind = Field(sa_column=words(Kind))
    state: ReleaseState = Field(default=ReleaseState.DRAFT, sa_column=words(ReleaseState, index=True))
    agency: str = Field(foreign_key="agency.code", index=True)
    title: str
    body: str  # Markdown
    tags: list[str] = Field(default_factory=list, sa_column=document())
    link: str | None = None
    language: str = "id"
    urgent: bool = False
    not_before: datetime | None = None  # embargo
    until: datetime | None = None  # latest useful time; None: by kind
    shape: Shape = Field(default=Shape.PAD, sa_column=words(Shape))
    link_from: int | None = Field(default=None, foreign_key="channel.id")  # others link to its publication
    author_id: int = Field(foreign_key="person.id")
    editor_id: int = Field(foreign_key="person.id")  # who edited last
    content_hash: str | None = None  # of the frozen parts, set at submit
    reason: str | None = None  # why it was rejected
    created: datetime
    edited: datetime
    submitted: datetime | None = None


class ReleaseMedia(SQLModel, table=True):
    """A file of a release, in order, with its alternative text."""

    release_id: int = Field(foreign_key="release.id", primary_key=True)
    position: int = Field(primary_key=True)
    sha256: str = Field(foreign_key="media.sha256")  # the original as it came in
    name: str  # file name as it came in, for people
    alt: str = ""


class Approval(SQLModel, table=True):
    """One person's yes to one content hash. The author and the last editor stand in the row, so that the database
    itself refuses a yes to one's own work."""

    __table_args__ = (CheckConstraint("approver_id <> author_id AND approver_id <> editor_id", name="four_eyes"),)

    id: int | None = Field(default=None, primary_key=True)
    release_id: int = Field(foreign_key="release.id", index=True)
    content_hash: str
    approver_id: int = Field(foreign_key="person.id")
    author_id: int = Field(foreign_key="person.id")
    editor_id: int = Field(foreign_key="person.id")
    at: datetime
    voided: datetime | None = None


def release_facts(release: Release) -> dict[str, Any]:
    """What of the release itself an approval covers, beside its deliveries."""
    linked = {"link_from": release.link_from} if release.link_from else {}
    return {
        **linked,
        "id": release.id,
        "kind": release.kind.value,
        "agency": release.agency,
        "urgent": release.urgent,
        "not_before": stamp(release.not_before),
        "until": stamp(release.until),
    }


def stamp(instant: datetime | None) -> str | None:
    """An instant as text for a hash: the same whatever zone it is written in."""
    return instant.astimezone(UTC).isoformat() if instant else None
