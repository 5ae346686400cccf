"""What people did with publications, counted at moments; and the daily roll-up of it."""

import datetime as dt
from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
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
    views: int | None = None
    reach: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    clicks: int | None = None
    watch_seconds: int | None = None
    raw: dict[str, Any] = Field(default_factory=dict, sa_column=document())


class EngagementDay(SQLModel, table=True):
    """Gained on one local day by one channel's publications of one kind, the sum of differences between samples.

    Written in the transaction that stores the samples, so it can be made again from them.
    """

    day: dt.date = Field(primary_key=True)  # in the office's zone
    channel_id: int = Field(foreign_key="channel.id", primary_key=True)
    kind: str = Field(primary_key=True)  # of the release
    samples: int = 0
    views: int | None = None
    reach: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    clicks: int | None = None
    watch_seconds: int | None = None
