"""The report's tables as CSV after RFC 4180: comma, point, UTF-8, times with offset, unavailable figures empty.

A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers are numbers, negative ones too.
"""

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from dissem.reports.layout import Page, Table, tables
from dissem.reports.words import Value

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def one_file(page: Page) -> str:
    """All tables below each other, each under its name, an empty line between them."""
    return "\r\n".join(f"{table.key}\r\n{_written(table, page.zone)}" for table in tables(page))


def files(page: Page) -> Mapping[str, str]:
    """A file for each table, by its name: what programs read."""
    return {f"{page.label}-{table.key}.csv": _written(table, page.zone) for table in tables(page)}


def _written(table: Table, zone: ZoneInfo) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    linked = any(row.links for row in table.rows)
    writer.writerow([*(column.key for column in table.columns), *(["links"] if linked else [])])
    for row in table.rows:
        links = [" ".join(url for _name, url in row.links)] if linked else []
        writer.writerow([cell(value, zone) for value in (*row.cells, *links)])
    return out.getvalue()


def cell(value: Value, zone: ZoneInfo) -> str | int | float:
    """*value* as a cell that no spreadsheet runs."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    return harmless(value) if isinstance(value, str) else value


def harmless(text: str) -> str:
    """*text* with an apostrophe before what a spreadsheet would run, also behind blanks and signs nobody sees."""
    bare = "".join(sign for sign in text if sign.isprintable() or sign in "\t\r\n").lstrip(" \xa0")
    return f"'{text}" if bare.startswith(_FORMULA) else text
