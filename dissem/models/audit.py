"""The audit record: append-only, each entry sealed to the one before."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from dissem.models.columns import document


class AuditEntry(SQLModel, table=True):
    """Who did what to which object. *mac* is an HMAC over this entry and the *mac* before it."""

    __tablename__ = "audit_entry"

    id: int = Field(primary_key=True)  # 1, 2, 3 … without holes
    at: datetime
    actor: str  # username, or "dissem" for the installation itself
    action: str
    object: str = Field(index=True)  # "release 4", "channel website" …
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=document())
    mac: str
