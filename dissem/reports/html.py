"""The report as one HTML page that stands alone: to read on a phone or a desk, to print, to file."""

import base64
from pathlib import Path

from dissem import i18n
from dissem.i18n import _
from dissem.reports import charts
from dissem.reports.layout import READY, Block, Chart, Column, Listing, Page, Row, Table
from dissem.reports.words import said

LONG = ("title", "name", "reason", "why", "figures", "text", "figure", "state", "outcome")  # may take several lines
NARROW = ("reach", "release", "agency", "kind", "rate", "channels", "releases", "platform")  # not on a phone
COMPARED = ("published_now", "published_then", "published_change", "interactions_then")  # nor these
COLOURS = (
    (charts.INK, "--ink"),
    (charts.SOFT, "--soft"),
    (charts.DARK, "--accent"),
    (charts.PALE, "--pale"),
    (charts.BAND, "--band"),
)  # of the drawings, as the page calls them: darkness is for the page to decide


def html(page: Page) -> str:
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
        pictures={number: _data(picture) for number, picture in page.pictures.items()},
        kind_of=_kind_of,
        said=lambda value, column: said(value, column.shape, page.zone),
        drawing=lambda chart: Markup(chart.svg),  # noqa: S704 - of our own making, its texts escaped in `charts`
        picture_of=_picture_of,
        look=_look,
        folds=_folds,
        colours=COLOURS,
        _=_,
        language=i18n.language.get(),
    )


def _kind_of(block: Block) -> str:
    return {Table: "table", Listing: "listing", Chart: "chart"}[type(block)]


def _look(table: Table, column: Column, first: bool) -> str:
    """The classes of a cell."""
    ready = table.key in READY and not first  # its figures are texts already
    shape = "number" if column.numeric or ready else "" if column.key in LONG else "short"
    narrow = (
        "narrow"
        if column.key in NARROW + COMPARED and not first and not _folds(table) and table.key != "untold"
        else ""
    )
    return " ".join(name for name in (f"c-{column.key}", shape, "minor" if column.minor else "", narrow) if name)


def _folds(table: Table) -> bool:
    """Whether each row becomes a small list on a phone: texts and moments beside each other have no room there."""
    told = any(column.shape == "moment" or column.key in LONG for column in table.columns[1:])
    return (told and len(table.columns) > 2) or (table.columns[0].numeric and len(table.columns) > 3)


def _picture_of(row: Row, pictures: dict[int, str]) -> str | None:
    return pictures.get(row.picture) if row.picture is not None else None


def _data(picture: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
