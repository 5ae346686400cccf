"""The report for a terminal: tables in aligned columns, drawings in letters, nothing a terminal would obey."""

import re
import textwrap
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from dissem.reports.layout import READY, Block, Chart, Listing, Page, Row, Section, Table
from dissem.reports.words import NONE, said

TITLE = 44  # longest title, letters
WORDS = 60  # longest other text in a table
WIDTH = 100  # of running text
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def text(page: Page) -> str:
    """*page* as text that ends with a line break."""
    blocks = [
        "\n".join(map(visible, (f"{page.title} · {page.office}", page.period, page.day))),
        _wrapped(page.summary),
        *(_wrapped(f"! {note}") for note in page.notes),
        *(_section(section, page.zone) for section in page.sections),
    ]
    return "\n\n".join(blocks) + "\n"


def visible(words: str) -> str:
    """*words* with control signs and those that turn the direction of writing as visible marks."""
    return _OBEYED.sub(lambda sign: f"‹{ord(sign[0]):04X}›", words)


def _section(section: Section, zone: ZoneInfo) -> str:
    heading = f"== {section.heading} =="
    parts = [*(_wrapped(words) for words in section.text), *(_block(block, zone) for block in section.blocks)]
    return "\n\n".join([heading, *parts])


def _block(block: Block, zone: ZoneInfo) -> str:
    if isinstance(block, Table):
        return _table(block, zone)
    if isinstance(block, Listing):
        return _listing(block)
    return _chart(block)


def _chart(chart: Chart) -> str:
    if not chart.marks:
        return _wrapped(f"{chart.title}: {chart.alt}")
    return "\n".join(map(visible, (chart.title, *chart.marks)))


def _listing(listing: Listing) -> str:
    if any(len(item) > WORDS for item in listing.items):
        return "\n".join([visible(listing.caption), *(_wrapped(f"- {item}") for item in listing.items)])
    return _wrapped(f"{listing.caption}: {', '.join(listing.items) or listing.empty}")


def _table(table: Table, zone: ZoneInfo) -> str:
    if not table.rows:
        return _wrapped(f"{table.caption}: {table.empty}")
    places = [place for place, column in enumerate(table.columns) if not column.minor]
    header = [table.columns[place].label for place in places]
    body = [[_cell(row, table, place, zone) for place in places] for row in table.shown]
    lines = _aligned([header, *body], [_right(table, place) for place in places])
    return "\n".join(part for part in (visible(table.caption), lines, table.more) if part)


def _cell(row: Row, table: Table, place: int, zone: ZoneInfo) -> str:
    return _short(said(row.cells[place], table.columns[place].shape, zone), WORDS if place else TITLE)


def _right(table: Table, place: int) -> bool:
    """Numbers stand to the right; so do the ready-made figures of the glance."""
    return table.columns[place].numeric or (table.key in READY and place > 0)


def _aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """Columns as wide as their longest cell, a line below the first row."""
    cells = [[visible(cell) or NONE for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    lines = (
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def _short(words: str, longest: int) -> str:
    return words if len(words) <= longest else f"{words[: longest - 1].rstrip()}…"


def _wrapped(words: str) -> str:
    return textwrap.fill(visible(words), WIDTH, subsequent_indent="  ")
