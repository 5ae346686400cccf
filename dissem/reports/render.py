"""The report in the forms people use: text for a terminal, JSON for programs, HTML to read, PDF to sign, a workbook and
CSV to go on with. All show the same figures and, but for JSON, the same tables, laid out once in `page`."""

from collections.abc import Mapping
from typing import Literal, overload

from dissem.reports import csv, html, pdf, plain, text, xlsx
from dissem.reports.figures import Report
from dissem.reports.page import page
from dissem.reports.words import duration, period_title

Words = Literal["text", "json", "html", "csv"]
Bytes = Literal["pdf", "xlsx"]
Format = Literal["text", "json", "html", "csv", "pdf", "xlsx"]
FORMATS: tuple[Format, ...] = ("text", "json", "html", "pdf", "xlsx", "csv")

__all__ = ["FORMATS", "Format", "duration", "period_title", "render", "tables"]


@overload
def render(report: Report, format: Words) -> str: ...
@overload
def render(report: Report, format: Bytes) -> bytes: ...
def render(report: Report, format: Format) -> str | bytes:  # noqa: A002 - the name of the option
    """*report* as one document: a text, or bytes for `pdf` and `xlsx` (Broken without the extra `reports`).

    The same report in the same language is the same document to the byte. `csv` has all tables below each other.
    """
    if format == "json":
        return plain.as_text(report)
    laid_out = page(report)
    if format == "html":
        return html.html(report, laid_out)
    if format == "pdf":
        return pdf.pdf(report, laid_out)
    if format == "xlsx":
        return xlsx.workbook(report, laid_out)
    return csv.one_file(laid_out) if format == "csv" else text.text(laid_out)


def tables(report: Report) -> Mapping[str, str]:
    """The tables of *report* as CSV files by their names."""
    return csv.files(page(report))
