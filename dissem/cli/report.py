"""The weekly and the monthly report: to read, to sign, to file, for programs."""

import os
import sys
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dissem.cli.command import Commands
from dissem.cli.failures import from_the_system
from dissem.cli.opening import desk
from dissem.cli.options import asked
from dissem.cli.show import note, show
from dissem.errors import WrongInput
from dissem.i18n import _

if TYPE_CHECKING:
    from dissem.reports.figures import Report

app = Commands(_("The weekly report."))

FORMATS = ("text", "json", "html", "pdf", "xlsx", "csv")
BINARY = ("pdf", "xlsx")
ENDINGS = {"htm": "html", "txt": "text"}

Form = Annotated[str, typer.Option("--format", metavar="FORMAT", help=_("text, json, html, pdf, xlsx or csv."))]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE", help=_("Write it into this file; csv into a folder: a file a table."))
]
Printed = Annotated[
    str, typer.Option(metavar="DATE", help=_("The day that stands on it, as 2026-11-30; otherwise today."))
]
Raw = Annotated[bool, typer.Option("--raw", help=_("Add everything up from the readings, not from the daily sums."))]


@app.command("weekly", help=_("Figures of one week, from Monday to Sunday."))
def weekly(
    week: Annotated[str, typer.Option(metavar="WEEK", help=_("2026-W47, this or last (the last full week)."))] = "last",
    form: Form = "",
    out: Out = None,
    printed: Printed = "",
    raw: Raw = False,
) -> None:
    from dissem.reports.weekly import of_week

    _answer(of_week, week, form, out, printed, raw)


@app.command("monthly", help=_("The same figures over a calendar month."))
def monthly(
    month: Annotated[
        str, typer.Option(metavar="MONTH", help=_("2026-11, this or last (the last full month)."))
    ] = "last",
    form: Form = "",
    out: Out = None,
    printed: Printed = "",
    raw: Raw = False,
) -> None:
    from dissem.reports.weekly import of_month

    _answer(of_month, month, form, out, printed, raw)


def _answer(made: Callable[..., "Report"], period: str, form: str, out: Path | None, printed: str, raw: bool) -> None:
    form = _known(form or ("json" if asked().as_json and out is None else _by_ending(out)))
    _require_place(form, out)
    day = _day(printed)
    with desk() as acting:
        from dissem.reports.render import render, tables

        now = acting.now()
        source = "samples" if raw else "rollups"
        report = made(acting.installation, period, planned=now, now=now, printed=day, source=source)
        into_folder = form == "csv" and out is not None and _is_folder(out)
        known: Any = form
        document: str | bytes | Mapping[str, str] = tables(report) if into_folder else render(report, known)
    _deliver(report, form, document, out.expanduser() if out else None)


def _deliver(report: "Report", form: str, document: str | bytes | Mapping[str, str], out: Path | None) -> None:
    if out is None:
        sys.stdout.write(str(document))  # pdf and xlsx always have a file
        return
    if isinstance(document, Mapping):
        _folder(out)
        for name, content in document.items():
            _write(out / name, content)
    else:
        _write(out, document)
    note(_("The report of {period} is in {file}.", period=report.period.label, file=out))
    if asked().as_json:
        show({report.period.unit: report.period.label, "format": form, "file": str(out)}, "")


def _by_ending(out: Path | None) -> str:
    """What the name of the file says, else text."""
    ending = out.suffix.lower().lstrip(".") if out else ""
    form = ENDINGS.get(ending, ending)
    return form if form in FORMATS else "text"


def _known(form: str) -> str:
    if form not in FORMATS:
        raise WrongInput(
            "There is no format {format}.", hint="Formats: {known}.", format=form, known=", ".join(FORMATS)
        )
    return form


def _require_place(form: str, out: Path | None) -> None:
    """Bytes are not for a terminal or a pipe of text."""
    if form in BINARY and out is None:
        raise WrongInput("A report as {format} is for a file.", hint="Name one: --out report.{format}", format=form)


def _is_folder(out: Path) -> bool:
    """A folder that is there, or a name without an ending."""
    return out.expanduser().is_dir() or not out.suffix


def _day(printed: str) -> date | None:
    if not printed:
        return None
    try:
        return date.fromisoformat(printed)
    except ValueError as error:
        raise WrongInput(
            "{date} is not a date.", hint="Write it as in {example}.", date=printed[:40], example="2026-11-30"
        ) from error


def _folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_the_system(error, out) from error


def _write(file: Path, document: str | bytes) -> None:
    """Whole or not at all."""
    half = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        half.write_bytes(document.encode() if isinstance(document, str) else document)
        half.replace(file)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise from_the_system(error, file) from error
