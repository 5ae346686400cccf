"""The report as PDF to sign and file: letterhead, page numbers, tagged after PDF/UA, set by typst.

All texts reach typst as JSON, so that nothing in a title is ever markup. The printed day is its time: the same figures
are the same bytes.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from dissem import i18n
from dissem.i18n import _
from dissem.reports.layout import READY, Block, Chart, Column, Page, Row, Table
from dissem.reports.typesetting import typeset
from dissem.reports.words import said

# Where the fonts that typst brings have a shape for every sign; a test holds it true.
SHAPED = (
    (0x20, 0x24F),
    (0x300, 0x45F),
    (0x1E00, 0x1EFF),
    (0x2010, 0x2040),
    (0x20A0, 0x20BF),
    (0x2100, 0x211E),
    (0x2190, 0x22FF),
    (0x25A0, 0x25FF),
)
NO_SHAPE = "□"
_SHAPED = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in SHAPED) + "]+")
TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
# shares of what is left; other columns are as wide as their texts
WIDTHS = {"title": 2, "name": 2, "reason": 2, "why": 3, "figures": 2, "text": 3, "state": 1.2, "channel": 1.4}
PRINTED = 80  # rows of a table on paper
LINKS = 8  # of one release; the workbook has all


def pdf(page: Page) -> bytes:
    """A4; at most some hundred kilobytes, however many channels there are."""
    data = json.dumps(_data(page), ensure_ascii=False)
    return typeset(TEMPLATE.read_bytes(), {"data": data}, day=page.printed, format="pdf", pdf_standards="ua-1")


def _data(page: Page) -> dict[str, Any]:
    return {
        "language": i18n.language.get(),
        "office": _plain(page.office),
        "letterhead": _plain(page.office.upper()),  # here: some capitals have no shape
        "title": page.title,
        "period": _plain(page.period),
        "picture": _picture(page, page.picture),
        "label": page.label,
        "printed": page.day,
        "day": [page.printed.year, page.printed.month, page.printed.day],
        "summary": _plain(page.summary),
        "notes": [_plain(note) for note in page.notes],
        "best": [
            {"title": _plain(one.title), "gained": one.gained, "picture": _picture(page, one.release)}
            for one in page.best
        ],
        "sections": [
            {
                "key": section.key,
                "heading": section.heading,
                "text": [_plain(words) for words in section.text],
                "blocks": [_block(block, page) for block in section.blocks],
            }
            for section in page.sections
        ],
        "words": {
            "page": _("Page"),
            "of": _("of"),
            "notes": _("What to know about these figures"),
            "printed": _("Printed on {day}", day=page.day),
            "best": _("Best releases"),
            "prepared": _("Prepared by"),
            "approved": _("Approved by"),
            "number": _("NIP"),
        },
    }


def _picture(page: Page, release: int | None) -> list[int] | None:
    picture = page.pictures.get(release) if release is not None else None
    return list(picture) if picture else None


def _block(block: Block, page: Page) -> dict[str, Any]:
    if isinstance(block, Table):
        return _table(block, page)
    if isinstance(block, Chart):
        alt = f"{block.title}. {block.alt}"
        return {
            "kind": "chart",
            "key": block.key,
            "title": _plain(block.title),
            "alt": _plain(alt),
            "svg": _plain(block.svg),
        }
    items = [_plain(item) for item in block.items]
    return {"kind": "listing", "key": block.key, "caption": block.caption, "items": items, "empty": block.empty}


def _table(table: Table, page: Page) -> dict[str, Any]:
    places = [place for place, column in enumerate(table.columns) if not column.minor]
    ready = table.key in READY  # its figures are texts already
    return {
        "kind": "table",
        "key": table.key,
        "caption": table.caption,
        "columns": [table.columns[place].label for place in places],
        "bare": ready,
        "right": [table.columns[place].numeric or (ready and place > 0) for place in places],
        "widths": _widths([table.columns[place] for place in places]),
        "rows": [_row(row, table, places, page) for row in _printed(table)],
        "empty": table.empty,
        "more": _more(table) if len(table.shown) > PRINTED else table.more,
    }


def _widths(columns: Sequence[Column]) -> list[float]:
    """A table of figures alone has columns of one width; in others the first one names the row and has most room."""
    if columns[0].numeric:
        return [1] * len(columns)
    return [max(WIDTHS.get(column.key, 0), 2 * (place == 0)) for place, column in enumerate(columns)]


def _printed(table: Table) -> Sequence[Row]:
    """Of a table too long for paper, the rows with most interactions, in their order."""
    if len(table.shown) <= PRINTED:
        return table.shown
    place = next((n for n, column in enumerate(table.columns) if column.key == "interactions"), 0)
    figures = [row.cells[place] if isinstance(row.cells[place], int) else 0 for row in table.rows]
    best = set(sorted(range(len(figures)), key=lambda n: (-figures[n], n))[:PRINTED])  # type: ignore[operator]
    return [row for number, row in enumerate(table.rows) if number in best]


def _more(table: Table) -> str:
    return _(
        "The {shown} with most interactions. Not shown: {count} more. The spreadsheet has all.",
        shown=PRINTED,
        count=i18n.number(len(table.rows) - PRINTED),
    )


def _row(row: Row, table: Table, places: list[int], page: Page) -> dict[str, Any]:
    return {
        "cells": [_plain(said(row.cells[place], table.columns[place].shape, page.zone)) for place in places],
        "links": [[_plain(name), _plain(url)] for name, url in row.links[:LINKS]],
        "picture": _picture(page, row.picture),
    }


def _plain(text: str) -> str:
    """What the fonts can show: PDF/UA refuses a sign without a shape. Letters in disguise (bold, full-width) become
    plain ones, anything else, as a pictograph, an empty square."""
    return "".join(map(_shown, text))


@cache
def _shown(sign: str) -> str:
    if not sign.isprintable():
        return "" if unicodedata.category(sign) == "Cf" else " "
    if _SHAPED.fullmatch(sign):
        return sign
    usual = unicodedata.normalize("NFKC", sign)
    return usual if _SHAPED.fullmatch(usual) else "" if unicodedata.combining(sign) else NO_SHAPE
