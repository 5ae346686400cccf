"""What people did with publications, counted at moments; and the daily roll-up of it."""

import datetime as dt
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from dissem.models.columns import document


class Engagement(SQLModel, table=True):
    """Counts of one publication at one moment, whole totals. Append-only; None is "unavailable", never 0.

    *planned* is the moment the sample was planned for; one sample a plan.
    """

    __table_args__ = (
        UniqueConstraint("publication_id", "planned", name="one_sample_a_plan"),
        Index("engagement_publication_at", "publication_id", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    publication_id: int = Field(foreign_key="publication.id")
    planned: datetime
    at: datetime = Field(index=True)
    views: int | None = Field(default=None, sa_type=BigInteger)
    reach: int | None = Field(default=None, sa_type=BigInteger)
    likes: int | None = Field(default=None, sa_type=BigInteger)
    comments: int | None = Field(default=None, sa_type=BigInteger)
    shares: int | None = Field(default=None, sa_type=BigInteger)
    saves: int | None = Field(default=None, sa_type=BigInteger)
    clicks: int | None = Field(default=None, sa_type=BigInteger)
    watch_seconds: int | None = Field(default=None, sa_type=BigInteger)
    raw: dict[str, Any] = Field(default_factory=dict, sa_column=document())


class EngagementDay(SQLModel, table=True):
    """Gained on one local day by one channel's publications of one kind, the sum of differences between samples.

    Written in the transaction that stores the samples, so it can be made again from them.
    """

    day: dt.date = Field(primary_key=True)  # in the office's zone
    channel_id: int = Field(foreign_key="channel.id", primary_key=True)
    kind: str = Field(primary_key=True)  # of the release
    samples: int = 0
    views: int | None = Field(default=None, sa_type=BigInteger)
    reach: int | None = Field(default=None, sa_type=BigInteger)
    likes: int | None = Field(default=None, sa_type=BigInteger)
    comments: int | None = Field(default=None, sa_type=BigInteger)
    shares: int | None = Field(default=None, sa_type=BigInteger)
    saves: int | None = Field(default=None, sa_type=BigInteger)
    clicks: int | None = Field(default=None, sa_type=BigInteger)
    watch_seconds: int | None = Field(default=None, sa_type=BigInteger)
