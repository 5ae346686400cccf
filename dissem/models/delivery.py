"""Deliveries, their frozen parts, the attempts and the proofs."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from dissem.models.columns import document, words
from dissem.models.life import Held, State


class Delivery(SQLModel, table=True):
    """One release on one channel: the unit of work.

    *due* is what people approved; *next_at* is when there is something to do, also after a backoff. Every write of a
    worker is conditional on *fence*, which grows with every claim.
    """

    # The migration makes the partial indexes on PostgreSQL too; to say so here would load that dialect at every start.
    __table_args__ = (
        UniqueConstraint("release_id", "channel_id", name="one_delivery_a_channel"),
        CheckConstraint("(state = 'held') = (held IS NOT NULL)", name="held_says_why"),
        # one publishing delivery a channel: the lane is a key, not an if
        Index(
            "lane",
            "channel_id",
            unique=True,
            sqlite_where=text("state = 'publishing'"),
        ),
        Index(
            "delivery_ready",
            "channel_id",
            "urgent",
            "next_at",
            "id",
            sqlite_where=text("state = 'waiting' AND ready"),
        ),
        Index(
            "delivery_unready",
            "next_at",
            sqlite_where=text("state = 'waiting' AND NOT ready"),
        ),
        Index(
            "delivery_next",
            "next_at",
            sqlite_where=text("state = 'waiting'"),
        ),
        Index(
            "delivery_until",
            "until",
            sqlite_where=text("state IN ('proposed', 'waiting')"),
        ),
        Index("delivery_follows", "follows", sqlite_where=text("follows IS NOT NULL")),
        Index("delivery_state_since", "state", "since"),
        Index("delivery_state_due", "state", "due"),
        Index("delivery_leased", "lease_until", sqlite_where=text("state IN ('preparing', 'publishing')")),
        Index("delivery_doubtful", "next_at", sqlite_where=text("state IN ('processing', 'unknown')")),
        Index("delivery_urgent", "next_at", sqlite_where=text("state = 'waiting' AND urgent")),
        # with the release, so that the report counts the weeks before without reading a row
        Index("delivery_published", "published", "release_id", sqlite_where=text("published IS NOT NULL")),
    )

    id: int | None = Field(default=None, primary_key=True)
    release_id: int = Field(foreign_key="release.id")
    channel_id: int = Field(foreign_key="channel.id", index=True)
    state: State = Field(default=State.PROPOSED, sa_column=words(State))
    held: Held | None = Field(default=None, sa_column=words(Held, nullable=True))
    due: datetime
    until: datetime  # latest useful time
    not_before: datetime | None = None  # the release's embargo
    urgent: bool = False
    next_at: datetime
    account: str | None = None  # the channel's account when the parts were frozen
    part: int = 1  # number of the part to publish next
    parts: int = 1
    independent: bool = False  # a part for each recipient: what becomes of one says nothing of the others
    open_parts: int = 0  # of independent parts, beside the current one: still to be tried
    doubtful_parts: int = 0  # likewise: may be public
    public_parts: int = 0  # likewise: are public
    follows: int | None = Field(default=None, foreign_key="delivery.id")  # the delivery whose link it waits for
    ready: bool = False  # the part is prepared, or has nothing to prepare
    prepared_until: datetime | None = None
    owner: str | None = None
    fence: int = 0
    lease_until: datetime | None = None
    attempts: int = 0  # irrevocable requests, ever
    failures: int = 0  # in a row, for the backoff
    deaths: int = 0  # leases that ran out while preparing
    ambiguous: bool = False  # an attempt for the current part may be public
    absences: int = 0  # times the part was looked for completely and not there
    since: datetime  # when it came into this state
    reason: dict[str, Any] | None = Field(default=None, sa_column=document(nullable=True))
    published: datetime | None = None  # when its last part became public


class Settled(StrEnum):
    """What became of an independent part that is not the current one."""

    PUBLIC = "public"
    REFUSED = "refused"
    UNSURE = "unsure"  # it may be public


class Part(SQLModel, table=True):
    """A part as composed and frozen at submit. *prepared* is what has been made at the platform so far."""

    __tablename__ = "part"
    __table_args__ = (UniqueConstraint("delivery_id", "number", name="part_number"),)

    id: int | None = Field(default=None, primary_key=True)
    delivery_id: int = Field(foreign_key="delivery.id")
    number: int
    post: dict[str, Any] = Field(sa_column=document())  # dissem.channels.adapter.Part.frozen()
    prepares: bool = False  # whether the adapter has steps to take before it can be published
    prepared: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    prepared_until: datetime | None = None
    price: float = 0.0  # US dollars that the platform charges for publishing it
    settled: Settled | None = Field(default=None, sa_column=words(Settled, nullable=True))
    next_at: datetime | None = None  # of an independent part that was put off


class Attempt(SQLModel, table=True):
    """One irrevocable request, written down before it leaves; *outcome* closes it. Append-only but for its closing."""

    __table_args__ = (
        UniqueConstraint("part_id", "number", name="attempt_number"),
        Index("attempt_lost", "started", sqlite_where=text("outcome IN ('uncertain', 'lease over')")),
    )

    id: int | None = Field(default=None, primary_key=True)
    part_id: int = Field(foreign_key="part.id")
    delivery_id: int = Field(foreign_key="delivery.id", index=True)
    number: int
    fence: int
    owner: str
    fingerprint: str
    started: datetime
    settled: datetime | None = None
    outcome: str | None = None  # an Evidence
    detail: dict[str, Any] | None = Field(default=None, sa_column=document(nullable=True))


class Publication(SQLModel, table=True):
    """The proof for one part. A receipt that is still processing has no *published* yet."""

    __table_args__ = (
        UniqueConstraint("channel_id", "account", "remote_id", name="one_delivery_a_post"),
        Index("publication_gone", "gone", sqlite_where=text("gone IS NOT NULL")),
        Index("publication_over", "published", sqlite_where=text("coalesce(removed, gone) IS NOT NULL")),
    )

    id: int | None = Field(default=None, primary_key=True)
    part_id: int = Field(foreign_key="part.id", unique=True)
    delivery_id: int = Field(foreign_key="delivery.id", index=True)
    channel_id: int = Field(foreign_key="channel.id")
    account: str = ""  # the channel's account then; another one may count its posts from 1 again
    remote_id: str
    also: list[str] = Field(default_factory=list, sa_column=document())
    url: str | None = None
    fingerprint: str
    published: datetime | None = Field(default=None, index=True)
    removed: datetime | None = None  # taken down by us
    gone: datetime | None = None  # seen to be gone


class Suppression(SQLModel, table=True):
    """A recipient of a channel who gets nothing any more: the address is dead, or the person asked for it."""

    channel_id: int = Field(foreign_key="channel.id", primary_key=True)
    recipient: str = Field(primary_key=True)
    since: datetime
    reason: dict[str, Any] = Field(sa_column=document())


class ApprovedDelivery(SQLModel, table=True):
    """What an approval covers of one delivery: the hash of parts, account and times, which the gate compares."""

    approval_id: int = Field(foreign_key="approval.id", primary_key=True)
    delivery_id: int = Field(foreign_key="delivery.id", primary_key=True, index=True)
    hash: str
