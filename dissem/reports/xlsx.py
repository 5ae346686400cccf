"""The report as a workbook: one sheet a table, numbers as numbers, charts that Excel and LibreOffice draw themselves.

A text is written as a text, whatever it begins with: no formula and no link comes from a title.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time
from io import BytesIO
from typing import Any

from dissem.errors import Broken
from dissem.i18n import _
from dissem.reports.layout import Page, Row, Table, tables
from dissem.reports.words import Shape, Value

_FORMATS: dict[Shape, str] = {
    "id": "0",
    "number": "#,##0",
    "share": "0.0%",
    "seconds": "#,##0",
    "moment": "yyyy-mm-dd hh:mm",
    "change": "+#,##0;-#,##0;0",
}
LINE = 100  # letters of a line on the first sheet
_TEXT_LENGTH = 32_000  # a cell holds 32,767 letters
_INK, _LINE = "#0F4C56", "#D9E1E5"


def workbook(page: Page) -> bytes:
    """The same bytes for the same figures and the same printed day."""
    try:
        import xlsxwriter
    except ImportError as error:
        raise missing("xlsx") from error
    out = BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(out, {**options, "remove_timezone": True}) as book:
        printed = datetime.combine(page.printed, time(), UTC)
        book.set_properties(
            {
                "title": f"{page.title} {page.label}",
                "company": _plain(page.office),
                "created": printed.replace(tzinfo=None),
            }
        )
        _Sheets(book, page).write()
    return out.getvalue()


def missing(form: str) -> Broken:
    """What to say where the extra is not installed."""
    return Broken(
        "The report as {format} needs packages that are not installed.",
        hint="Run: pip install 'dissem[reports]'",
        format=form,
    )


class _Sheets:
    """Writes one sheet after another."""

    def __init__(self, book: Any, page: Page) -> None:
        self.book, self.page = book, page
        self.names: set[str] = set()
        self.title = book.add_format({"bold": True, "font_size": 14, "font_color": _INK})
        self.soft = book.add_format({"italic": True, "text_wrap": True, "valign": "top"})
        self.head = book.add_format(
            {"bold": True, "bottom": 2, "bottom_color": _INK, "text_wrap": True, "valign": "bottom"}
        )
        self.formats = {shape: book.add_format({"num_format": text}) for shape, text in _FORMATS.items()}
        self.wrapped = book.add_format({"text_wrap": True, "valign": "top"})

    def write(self) -> None:
        self._front()
        for table in tables(self.page):
            if table.rows:
                self._table(table)

    def _front(self) -> None:
        sheet = self._sheet(self.page.title)
        sheet.set_column(0, 0, 100, self.wrapped)
        lines = [self.page.office, self.page.period, self.page.day, "", self.page.summary, "", *self.page.notes]
        sheet.write_string(0, 0, _plain(self.page.title), self.title)
        for place, line in enumerate(lines, start=1):
            sheet.write_string(place, 0, _plain(line), self.wrapped)
            sheet.set_row(place, 15 * max(1, -(-len(line) // LINE)))  # nobody else makes room for a long line

    def _sheet(self, name: str) -> Any:
        """Names of sheets are short, different, and without some signs."""
        bare = re.sub(r"[\[\]:*?/\\']", " ", _plain(name)).strip()[:28] or "-"
        number = 1
        while (free := bare if number == 1 else f"{bare[:26]} {number}").casefold() in self.names:
            number += 1
        self.names.add(free.casefold())
        sheet = self.book.add_worksheet(free)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)  # as wide as a page
        return sheet

    def _table(self, table: Table) -> None:
        sheet = self._sheet(table.caption)
        linked = any(row.links for row in table.rows)
        for place, column in enumerate(table.columns):
            sheet.write_string(0, place, _plain(column.label), self.head)
            sheet.set_column(place, place, _width(table, place))
        if linked:
            sheet.write_string(0, len(table.columns), _("Links"), self.head)
            sheet.set_column(len(table.columns), len(table.columns), 60)
        for number, row in enumerate(table.rows, start=1):
            self._row(sheet, number, row, table)
        sheet.freeze_panes(1, 1)
        if len(table.rows) > 1:
            sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
        self._chart(sheet, table)

    def _row(self, sheet: Any, number: int, row: Row, table: Table) -> None:
        for place, (value, column) in enumerate(zip(row.cells, table.columns, strict=True)):
            self._cell(sheet, number, place, value, row.shape or column.shape)
        if row.links:
            links = " ".join(url for _name, url in row.links)
            sheet.write_string(number, len(table.columns), _plain(links))

    def _cell(self, sheet: Any, number: int, place: int, value: Value, shape: Shape) -> None:
        if value is None:
            return  # empty: not 0
        if isinstance(value, datetime):
            sheet.write_datetime(
                number, place, value.astimezone(self.page.zone).replace(tzinfo=None), self.formats["moment"]
            )
        elif isinstance(value, str):
            sheet.write_string(number, place, _plain(value))
        else:
            sheet.write_number(number, place, value, self.formats.get(shape))

    def _chart(self, sheet: Any, table: Table) -> None:
        """Beside tables of one figure, and of interactions where rows are few enough to be seen."""
        keys = [column.key for column in table.columns]
        drawn = len(keys) - 1 if len(keys) == 2 and table.columns[1].numeric else None
        if drawn is None and table.key in ("platforms", "kinds", "agencies") and "interactions" in keys:
            drawn = keys.index("interactions")
        if table.key == "hours":
            self._shaded(sheet, table)
        if drawn is None or len(table.rows) > 60:
            return
        lying = table.key in ("agencies", "platforms", "platform_interactions")
        chart = self.book.add_chart({"type": "bar" if lying else "column"})
        name, last = sheet.get_name(), len(table.rows)
        chart.add_series(
            {
                "name": [name, 0, drawn],
                "categories": [name, 1, 0, last, 0],
                "values": [name, 1, drawn, last, drawn],
                "fill": {"color": _INK},
                "gap": 60,
            }
        )
        chart.set_title({"name": _plain(table.caption), "name_font": {"size": 12}})
        chart.set_legend({"none": True})
        names = {"reverse": lying, "major_gridlines": {"visible": False}}
        values: dict[str, Any] = {"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": _LINE}}}
        if min(_figures(table, drawn), default=0) >= 0:
            values["min"] = 0  # or small differences would look large
        chart.set_y_axis(names if lying else values)
        chart.set_x_axis(values if lying else names)
        chart.set_size({"width": 620, "height": max(300, 26 * last + 90 if lying else 0)})
        below = len(keys) > 3  # or a wide sheet would be printed too small
        sheet.insert_chart(
            last + 2 if below else 1,
            0 if below else len(keys) + 1,
            chart,
            {"description": f"{_plain(table.caption)}: {_plain(table.columns[drawn].label)}"},
        )

    def _shaded(self, sheet: Any, table: Table) -> None:
        last = len(table.rows), len(table.columns) - 1
        scale = {"type": "2_color_scale", "min_color": "#FFFFFF", "max_color": _INK}
        sheet.conditional_format(1, 1, *last, scale)


def _figures(table: Table, place: int) -> list[float]:
    cells = (row.cells[place] for row in table.rows)
    return [cell for cell in cells if isinstance(cell, int | float)]


def _width(table: Table, place: int) -> float:
    """Of a column, by its longest text."""
    cells: Iterable[Value] = (row.cells[place] for row in table.rows[:200])
    longest = max(len(cell) if isinstance(cell, str) else 16 if isinstance(cell, datetime) else 9 for cell in cells)
    return float(min(max(longest, len(table.columns[place].label) * 0.8, 6), 60)) + 1


def _plain(text: str) -> str:
    """What a cell can hold: no control signs, and not too long."""
    return "".join(sign for sign in text if sign.isprintable() or sign == "\n")[:_TEXT_LENGTH]
