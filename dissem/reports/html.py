"""The report as one HTML page that stands alone: to read on a phone or a desk, to print, to file."""

import base64
from pathlib import Path

from dissem import i18n
from dissem.i18n import _
from dissem.reports import page as laid_out
from dissem.reports.figures import Report
from dissem.reports.page import Chart, Column, Listing, Page, Row, Table
from dissem.reports.words import said

LONG = ("title", "name", "reason", "figure", "state")  # columns whose texts may take several lines


def html(report: Report, page: Page) -> str:
    """No script, nothing from elsewhere; every text is escaped by the template."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html").render(
        page=page,
        pictures={number: _data(picture) for number, picture in report.pictures.items()},
        kind_of=_kind_of,
        said=lambda value, column: said(value, column.shape, page.zone),
        drawing=lambda chart: Markup(chart.svg),  # noqa: S704 - of our own making, its texts escaped in `charts`
        picture_of=_picture_of,
        look=_look,
        _=_,
        language=i18n.language.get(),
    )


def _kind_of(block: laid_out.Block) -> str:
    return {Table: "table", Listing: "listing", Chart: "chart"}[type(block)]


def _look(table: Table, column: Column, first: bool) -> str:
    """The classes of a cell."""
    ready = table.key == "glance" and not first  # its figures are texts already
    shape = "number" if column.numeric or ready else "" if column.key in LONG else "short"
    return " ".join(name for name in (f"c-{column.key}", shape, "minor" if column.minor else "") if name)


def _picture_of(row: Row, pictures: dict[int, str]) -> str | None:
    return pictures.get(row.picture) if row.picture is not None else None


def _data(picture: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
