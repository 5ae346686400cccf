"""What people did with publications, counted at moments, and the roll-ups of it; followers; how reading goes; and
posts on our accounts that are not ours."""

import datetime as dt
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from dissem.models.columns import document


class Counted(SQLModel):
    """The counts, by the names of `dissem.channels.adapter.COUNTS`; None is "unavailable", never 0."""

    views: int | None = Field(default=None, sa_type=BigInteger)
    reach: int | None = Field(default=None, sa_type=BigInteger)
    likes: int | None = Field(default=None, sa_type=BigInteger)
    comments: int | None = Field(default=None, sa_type=BigInteger)
    shares: int | None = Field(default=None, sa_type=BigInteger)
    saves: int | None = Field(default=None, sa_type=BigInteger)
    clicks: int | None = Field(default=None, sa_type=BigInteger)
    watch_seconds: int | None = Field(default=None, sa_type=BigInteger)


class Engagement(Counted, table=True):
    """Counts of one publication at one moment, whole totals. Append-only.

    *planned* is the moment the sample was planned for; one sample a plan. *missing*: by the name of each count that the
    platform has and did not tell, why (`dissem.channels.adapter.Why`); a count that it does not have stands nowhere.
    *fell*: names of the counts that are below the last known value, parted by blanks. A reading that failed leaves no
    row: what went wrong stands in `Reading`.
    """

    __table_args__ = (
        UniqueConstraint("publication_id", "planned", name="one_sample_a_plan"),
        Index("engagement_publication_at", "publication_id", "at"),
        # most samples lack nothing; the report asks for those that do
        Index("engagement_missing", "at", sqlite_where=text("missing IS NOT NULL")),
    )

    id: int | None = Field(default=None, primary_key=True)
    publication_id: int = Field(foreign_key="publication.id")
    planned: datetime
    at: datetime = Field(index=True)
    raw: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    missing: dict[str, str] | None = Field(default=None, sa_column=document(nullable=True))
    fell: str | None = None


class EngagementDay(Counted, table=True):
    """Gained on one local day by one channel's publications of one kind, the sum of differences between samples.

    Written in the transaction that stores the samples, so it can be made again from them, unless it is *closed*: then
    samples of that day have been thrown away, and this row is all there is.
    """

    __table_args__ = (Index("engagementday_closed", "day", sqlite_where=text("closed = 1")),)

    day: dt.date = Field(primary_key=True)  # in the office's zone
    channel_id: int = Field(foreign_key="channel.id", primary_key=True)
    kind: str = Field(primary_key=True)  # of the release
    samples: int = 0
    closed: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class EngagementPeriod(Counted, table=True):
    """The same sums over a local week ("2026-W47") or calendar month ("2026-11"), and how well it was read.

    Written with the days; a period stands for good when its first day is closed. *due* and *ended* are of weeks alone.
    """

    __table_args__ = {"sqlite_with_rowid": False}

    period: str = Field(primary_key=True)
    channel_id: int = Field(foreign_key="channel.id", primary_key=True)
    kind: str = Field(primary_key=True)  # of the release
    samples: int = 0
    publications: int = 0  # with a sample that counts for it
    late: int = 0  # of them, with one taken too late for its plan
    fallen: int = 0  # of them, with a count that is lower than when the period began
    due: int = 0  # publications read before its end and young enough to be read at it
    ended: int = 0  # of them, those that were, in time


class ReleasePeriod(Counted, table=True):
    """What all posts of one release gained in a week or month; the sum of its rows so far is what they had reached.

    *rated* and *rated_views*: interactions and views of those posts that gave both, for the engagement rate.
    """

    __table_args__ = (Index("releaseperiod_period", "period"), {"sqlite_with_rowid": False})

    release_id: int = Field(foreign_key="release.id", primary_key=True)
    period: str = Field(primary_key=True)
    rated: int = Field(default=0, sa_type=BigInteger)
    rated_views: int = Field(default=0, sa_type=BigInteger)


class EngagementHour(SQLModel, table=True):
    """Interactions gained between readings close enough to say when: by the local day these count for, and the hour
    of the week, Monday 00:00 being 0, in which the middle between them lies."""

    __table_args__ = {"sqlite_with_rowid": False}

    day: dt.date = Field(primary_key=True)  # in the office's zone
    hour: int = Field(primary_key=True)
    interactions: int = Field(default=0, sa_type=BigInteger)
    readings: int = 0  # that were close enough, also those that gained nothing


class Reading(SQLModel, table=True):
    """How reading the figures of one channel goes."""

    channel_id: int = Field(foreign_key="channel.id", primary_key=True)
    read: datetime | None = None  # its last answer
    failing: datetime | None = None  # since when nothing could be read
    reason: dict[str, Any] | None = Field(default=None, sa_column=document(nullable=True))  # of the last failure
    free_at: datetime | None = None  # the platform asks not to be asked before
    watched: datetime | None = None  # the account's own list was looked through up to here


class AccountDay(SQLModel, table=True):
    """Followers of a channel's account on one local day, as the first reading of that day told."""

    channel_id: int = Field(foreign_key="channel.id", primary_key=True)
    day: dt.date = Field(primary_key=True)  # in the office's zone
    at: datetime
    followers: int = Field(sa_type=BigInteger)


class ForeignPost(SQLModel, table=True):
    """A post on a channel's account that dissem did not make: somebody else has the login, or posted by hand."""

    __tablename__ = "foreign_post"
    __table_args__ = (
        UniqueConstraint("channel_id", "account", "remote_id", name="one_notice_a_post"),
        # most are acknowledged once and then only kept
        Index("foreign_post_open", "channel_id", sqlite_where=text("known IS NULL")),
    )

    id: int | None = Field(default=None, primary_key=True)
    channel_id: int = Field(foreign_key="channel.id")
    account: str
    remote_id: str
    at: datetime  # when the platform says that it was made
    url: str | None = None
    text: str = ""  # how it begins
    seen: datetime
    known: datetime | None = None  # when a person said that it is the office's own
    known_by: str | None = None  # who said so
