"""Statements for many rows at once, past what SQLAlchemy does for every row and every bound value: that costs more than
the database itself."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    Connection,
    Dialect,
    Integer,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB

Row = tuple[Any, ...]


class Insertion:
    """Rows into the columns *names* of *table*. SQLite takes them one by one in one call, PostgreSQL as one JSON array,
    whose order it keeps.

    *shared*: columns whose value many rows have in common, so that it is brought into the driver's form once.
    *finish*: what else the statement says, as on a conflict.
    """

    def __init__(
        self,
        table: Any,
        names: Sequence[str],
        dialect: Dialect,
        shared: Sequence[str] = (),
        finish: Callable[[Any], Any] = lambda insert: insert,
    ) -> None:
        self.whole = dialect.name == "postgresql"
        insert: Any = (postgresql if self.whole else sqlite).insert(table)
        filled = (
            insert.from_select(names, _unpacked(table, names), include_defaults=False)
            if self.whole
            else insert.values(_bound(table, names))
        )
        compiled: Any = finish(filled).compile(dialect=dialect)
        self.text = str(compiled)
        if not self.whole:
            self.processors = list(_processors(table, names, dialect, shared))
            self.order = [names.index(name) for name in compiled.positiontup]

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Each of *rows* has its values in the order of the names; there is one at least."""
        if self.whole:
            connection.exec_driver_sql(self.text, {"rows": json.dumps(rows, default=str)})
        else:
            connection.exec_driver_sql(self.text, self._ordered(rows))

    def _ordered(self, rows: Sequence[Row]) -> list[Row]:
        """As the driver takes them, in the places of the statement; column by column, which needs no step a row."""
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for place, process in self.processors:
            columns[place] = [None if value is None else process(value) for value in columns[place]]
        return list(zip(*(columns[place] for place in self.order), strict=True))


def _bound(table: Any, names: Sequence[str]) -> dict[str, Any]:
    """A parameter for each of *names*; where the database has a default of its own, that one."""
    defaults = {column.name: column.server_default.arg for column in table.c if column.server_default is not None}
    return {**defaults, **{name: bindparam(name) for name in names}}


def _unpacked(table: Any, names: Sequence[str]) -> Any:
    """The rows in the parameter `rows`, each value as its column has it."""
    lines = func.jsonb_array_elements(cast(bindparam("rows", type_=Text), JSONB), type_=JSONB).column_valued("line")
    return select(
        *(cast(lines.op("->>")(literal_column(str(place))), table.c[name].type) for place, name in enumerate(names))
    )


def _processors(table: Any, names: Sequence[str], dialect: Dialect, shared: Sequence[str]) -> Iterable[tuple[int, Any]]:
    """The place of each value that the driver takes in another form, and what brings it there."""
    for place, name in enumerate(names):
        process = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        if process:
            yield place, lru_cache(256)(process) if name in shared else process


def among(column: Any, dialect: Dialect) -> Any:
    """Whether *column* is one of the numbers in the parameter `numbers`, which are `listed`: a single one, however many
    they are."""
    numbers = bindparam("numbers", type_=Text)
    if dialect.name == "postgresql":
        return column == any_(cast(numbers, ARRAY(Integer)))
    return column.in_(select(func.json_each(numbers).table_valued("value").c.value))


def listed(numbers: Iterable[int], dialect: Dialect) -> dict[str, str]:
    """The parameter of `among`."""
    text = ",".join(map(str, numbers))
    return {"numbers": f"{{{text}}}" if dialect.name == "postgresql" else f"[{text}]"}
