"""The reports in the forms people use: text for a terminal, JSON for programs, HTML to read, PDF to sign, a workbook
and CSV to go on with. All show the same figures and, but for JSON, the same tables, laid out once."""

from collections.abc import Mapping
from typing import Literal, overload

from dissem.reports import csv, html, page, page_compared, page_release, pdf, plain, text, xlsx
from dissem.reports.compared import Compared
from dissem.reports.figures import Report
from dissem.reports.layout import Page
from dissem.reports.release import ReleaseReport

Words = Literal["text", "json", "html", "csv"]
Bytes = Literal["pdf", "xlsx"]
Format = Literal["text", "json", "html", "csv", "pdf", "xlsx"]
FORMATS: tuple[Format, ...] = ("text", "json", "html", "pdf", "xlsx", "csv")

AnyReport = Report | Compared | ReleaseReport


@overload
def render(report: AnyReport, format: Words) -> str: ...
@overload
def render(report: AnyReport, format: Bytes) -> bytes: ...
def render(report: AnyReport, format: Format) -> str | bytes:  # noqa: A002 - the name of the option
    """*report* as one document: a text, or bytes for `pdf` and `xlsx` (Broken without the extra `reports`).

    The same report in the same language is the same document to the byte. `csv` has all tables below each other.
    """
    if format == "json":
        return plain.as_text(report)
    laid = laid_out(report)
    if format == "html":
        return html.html(laid)
    if format == "pdf":
        return pdf.pdf(laid)
    if format == "xlsx":
        return xlsx.workbook(laid)
    return csv.one_file(laid) if format == "csv" else text.text(laid)


def tables(report: AnyReport) -> Mapping[str, str]:
    """The tables of *report* as CSV files by their names."""
    return csv.files(laid_out(report))


def laid_out(report: AnyReport) -> Page:
    """*report* in the reader's language, for every form."""
    if isinstance(report, Compared):
        return page_compared.page(report)
    if isinstance(report, ReleaseReport):
        return page_release.page(report)
    return page.page(report)
