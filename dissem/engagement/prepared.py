"""One statement for many rows by the driver's own call: SQLAlchemy's way costs twice the time for every row."""

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect

Row = tuple[Any, ...]


class Prepared:
    """*statement* of a table, with a bound parameter for each of *names*, its columns; written out once for *dialect*.

    *shared*: columns whose value many rows have in common, so that it is brought into the driver's form once.
    """

    def __init__(
        self, statement: Any, table: Any, names: Sequence[str], dialect: Dialect, shared: Sequence[str] = ()
    ) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self.text, self.names = str(compiled), names
        self.ordered: Any = None  # the values in the places of the statement, where it does not name them
        if compiled.positional and list(compiled.positiontup) != list(names):
            self.ordered = itemgetter(*(names.index(name) for name in compiled.positiontup))
        self.named = not compiled.positional
        impls = [table.c[name].type.dialect_impl(dialect) for name in names]
        made = [(place, impl.bind_processor(dialect)) for place, impl in enumerate(impls)]
        self.processors = [
            (place, lru_cache(256)(process) if names[place] in shared else process)
            for place, process in made
            if process
        ]

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Each of *rows* has its values in the order of the names."""
        connection.exec_driver_sql(self.text, [self._bound(row) for row in rows])

    def _bound(self, row: Row) -> Any:
        """As the driver takes it: in the places of the statement, or by name."""
        values = list(row)
        for place, process in self.processors:
            if values[place] is not None:
                values[place] = process(values[place])
        if self.named:
            return dict(zip(self.names, values, strict=True))
        return self.ordered(values) if self.ordered else tuple(values)
