"""The weekly report: to read, to file, for programs."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dissem.cli.command import Commands
from dissem.cli.failures import from_the_system
from dissem.cli.opening import desk
from dissem.cli.options import asked
from dissem.cli.show import note, show
from dissem.errors import WrongInput
from dissem.i18n import _

app = Commands(_("The weekly report."))

FORMATS = ("text", "json", "html")
LATER = ("pdf", "xlsx", "csv")


@app.command("weekly", help=_("Figures of one week, from Monday to Sunday."))
def weekly(
    week: Annotated[str, typer.Option(metavar="WEEK", help=_("2026-W47, this or last (the last full week)."))] = "last",
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help=_("text, json or html."))] = "",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help=_("Write it into this file."))] = None,
) -> None:
    form = _known(form or ("json" if asked().as_json and out is None else _by_ending(out)))
    with desk() as acting:
        from dissem.reports.render import render
        from dissem.reports.weekly import of_week

        now = acting.now()
        report = of_week(acting.installation, week, planned=now, now=now)
        known: Any = form
        document = render(report, known)
    if out is None:
        sys.stdout.write(document)
        return
    _write(out.expanduser(), document)
    note(_("The report of week {week} is in {file}.", week=report.week, file=out))
    if asked().as_json:
        show({"week": report.week, "format": form, "file": str(out)}, "")


def _by_ending(out: Path | None) -> str:
    """What the name of the file says, else text."""
    ending = out.suffix.lower().lstrip(".") if out else ""
    return {"htm": "html"}.get(ending, ending) if ending in (*FORMATS, *LATER, "htm") else "text"


def _known(form: str) -> str:
    if form in LATER:
        raise WrongInput(
            "This version does not write the report as {format}.",
            hint="Formats: {known}. A browser prints the html as PDF.",
            format=form,
            known=", ".join(FORMATS),
        )
    if form not in FORMATS:
        raise WrongInput(
            "There is no format {format}.", hint="Formats: {known}.", format=form, known=", ".join(FORMATS)
        )
    return form


def _write(file: Path, document: str) -> None:
    """Whole or not at all."""
    half = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        half.write_text(document, encoding="utf-8")
        half.replace(file)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise from_the_system(error, file) from error
