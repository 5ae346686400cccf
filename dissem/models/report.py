"""Copies of a report on their way to its readers."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from dissem.models.columns import document, words


class CopyState(StrEnum):
    """What is known of a copy."""

    WAITING = "waiting"
    SENDING = "sending"  # about to be sent, or sent and not yet written down
    SENT = "sent"
    REFUSED = "refused"  # the address takes nothing
    HELD = "held"  # only a person can say what to do


class ReportCopy(SQLModel, table=True):
    """One report for one reader: a mail address, or a chat. Unique, so that nobody gets a report twice; a copy a person
    asks for again is the next *edition* of the same row.

    *message_id* is written down before the first byte leaves and is the same for every try of an edition. *doubts*
    counts tries of which nobody knows how they ended; a try whose end is known is none.
    """

    __tablename__ = "report_copy"
    __table_args__ = (UniqueConstraint("period", "recipient", name="one_copy_a_reader"),)

    id: int | None = Field(default=None, primary_key=True)
    period: str  # "2026-W47"
    role: str
    recipient: str
    edition: int = 1
    made: datetime  # the date of the mail
    state: CopyState = Field(default=CopyState.WAITING, sa_column=words(CopyState))
    next_at: datetime  # not to be touched before; of one being sent, when it counts as dead
    doubts: int = 0
    message_id: str = ""
    sent: datetime | None = None
    reason: dict[str, Any] | None = Field(default=None, sa_column=document(nullable=True))
