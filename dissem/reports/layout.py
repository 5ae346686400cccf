"""What a report is made of, whatever it is about: sections of tables, lists and charts, all words in the reader's
language.

Cells keep their values; each form writes them in its own way (`words.said` as people read them). Forms that are read
show at most `Table.most` rows and say how many are left out; forms that are kept have all of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from dissem import i18n
from dissem.i18n import _
from dissem.reports.words import Shape, Value

READY = ("glance", "compared", "reached")  # tables whose figures are texts already


@dataclass(frozen=True)
class Column:
    """*key* names it for programs. *minor*: left out where room is short, on paper and in a terminal."""

    key: str
    label: str
    shape: Shape = "text"
    minor: bool = False

    @property
    def numeric(self) -> bool:
        return self.shape not in ("text", "moment")


@dataclass(frozen=True)
class Row:
    """The first cell names the row. *links*: what they are called and where they lead. *picture*: of which release.
    *shape*: of its figures, where that differs from row to row."""

    cells: tuple[Value, ...]
    links: tuple[tuple[str, str], ...] = ()
    picture: int | None = None
    shape: Shape | None = None


@dataclass(frozen=True)
class Table:
    key: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str = ""  # said instead of a table without rows
    most: int | None = None  # rows shown where people read
    kept: "Table | None" = None  # with values instead of texts, for forms that are kept

    @property
    def shown(self) -> tuple[Row, ...]:
        return self.rows[: self.most]

    @property
    def more(self) -> str:
        """Said below a table that is not shown whole."""
        left = len(self.rows) - len(self.shown)
        return _("Not shown: {count} more. The spreadsheet has all.", count=i18n.number(left)) if left else ""


@dataclass(frozen=True)
class Listing:
    key: str
    caption: str
    items: tuple[str, ...]
    empty: str = ""


@dataclass(frozen=True)
class Chart:
    """A drawing with its figures: *alt* says what it shows, *table* holds what was drawn, *marks* draws in letters."""

    key: str
    title: str
    alt: str
    svg: str
    table: Table
    marks: tuple[str, ...] = ()


Block = Table | Listing | Chart


@dataclass(frozen=True)
class Section:
    key: str
    heading: str
    blocks: tuple[Block, ...]
    text: tuple[str, ...] = ()


@dataclass(frozen=True)
class Best:
    """A release on the page for leaders."""

    title: str
    gained: str
    release: int


@dataclass(frozen=True)
class Page:
    """*label* names its files. *sections*: the first one is the page for leaders."""

    title: str
    office: str
    period: str
    label: str
    printed: date
    zone: ZoneInfo
    summary: str
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
    best: tuple[Best, ...] = ()
    pictures: Mapping[int, bytes] = field(default_factory=dict)  # small JPEG pictures by release
    picture: int | None = None  # of which release, if the whole page is about one

    @property
    def day(self) -> str:
        """The day that stands on it, as people read it."""
        return i18n.day(self.printed, weekday=False)


def kept(key: str, caption: str, keys: Mapping[str, str], rows: Iterable[tuple[str, Shape, Iterable[Value]]]) -> Table:
    """A table of figures of several shapes: a name, a shape and values a row. *keys*: the columns and their labels."""
    columns = (Column("figure", _("Figure")), *(Column(name, label, "number") for name, label in keys.items()))
    return Table(key, caption, columns, tuple(Row((name, *values), shape=shape) for name, shape, values in rows))


def tables(laid_out: Page) -> Iterable[Table]:
    """Every table, those behind charts included."""
    for section in laid_out.sections:
        for block in section.blocks:
            if isinstance(block, Table):
                yield block.kept or block
            elif isinstance(block, Chart):
                yield block.table
            else:
                yield Table(
                    block.key, block.caption, (Column(block.key, block.caption),), tuple(Row((i,)) for i in block.items)
                )
