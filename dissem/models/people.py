"""Agencies and the people of each."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from dissem.models.columns import words


class Role(StrEnum):
    """What a person may do; the table of rights is in `dissem.desk.rights`."""

    AUTHOR = "author"
    APPROVER = "approver"
    COORDINATOR = "coordinator"
    ADMIN = "admin"


class Agency(SQLModel, table=True):
    """An office (OPD) with its own people and channels."""

    code: str = Field(primary_key=True, max_length=40)
    name: str


class Person(SQLModel, table=True):
    """Somebody who works with dissem, always as themselves. An admin of the installation belongs to no agency."""

    id: int | None = Field(default=None, primary_key=True)
    username: str = Field(unique=True, max_length=60)
    name: str
    role: Role = Field(sa_column=words(Role))
    agency: str | None = Field(default=None, foreign_key="agency.code")
    token_hash: str = Field(unique=True, max_length=64)  # SHA-256 of the random token, which is not kept
    created: datetime
    disabled: datetime | None = None
