"""Column types both databases understand alike."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Enum
from sqlalchemy.dialects.postgresql import JSONB


def words(kind: type[StrEnum], *, nullable: bool = False, index: bool = False) -> Any:
    """A column of the words of *kind*, checked by the database; no native PostgreSQL type, which is hard to widen."""
    values = Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        name=kind.__name__.lower(),
        values_callable=lambda k: [member.value for member in k],
        length=20,
    )
    return Column(values, nullable=nullable, index=index)


def document(*, nullable: bool = False) -> Any:
    """A column of JSON, replaced whole: a change inside a kept dict would not be noticed."""
    return Column(JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=nullable)
