"""Column types both databases understand alike."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Dialect, Enum, TypeDecorator
from sqlalchemy.types import TypeEngine


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


class Document(TypeDecorator[Any]):
    """JSON, on PostgreSQL as JSONB. The dialect is imported where it is used: it costs start-up time."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name != "postgresql":
            return dialect.type_descriptor(JSON(none_as_null=True))
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB(none_as_null=True))


def document(*, nullable: bool = False) -> Any:
    """A column of JSON, replaced whole: a change inside a kept dict would not be noticed."""
    return Column(Document, nullable=nullable)
