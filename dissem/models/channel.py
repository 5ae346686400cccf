"""Channels: one account on one platform, of one agency."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Field, SQLModel

from dissem.models.columns import document, words


class ChannelState(StrEnum):
    """Whether a channel publishes."""

    ACTIVE = "active"
    PAUSED = "paused"


class Channel(SQLModel, table=True):
    """*account* is the remote id learned when the channel was connected; what was approved for one account is not
    published on another. *secrets* are sealed, see `dissem.store.vault`."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=80)
    platform: str = Field(max_length=40)
    agency: str = Field(foreign_key="agency.code", index=True)
    state: ChannelState = Field(default=ChannelState.ACTIVE, sa_column=words(ChannelState))
    settings: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    secrets: dict[str, str] = Field(default_factory=dict, sa_column=document())
    host: str = ""  # of its api_url; at most half of the senders serve one host
    account: str | None = None
    account_name: str | None = None
    account_url: str | None = None
    token_expires: datetime | None = None
    checked: datetime | None = None
    reason: dict[str, Any] | None = Field(default=None, sa_column=document(nullable=True))  # why it is paused
    free_at: datetime | None = None  # the next post not before this, for the gap
    version: int = 1  # grows with every change of settings or secrets, so that workers open it anew
    created: datetime
