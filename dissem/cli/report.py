"""The reports of a week, a month, a release and an agency: to read, to sign, to file, for programs."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dissem.cli.command import Command, Commands
from dissem.cli.failures import from_the_system
from dissem.cli.opening import desk, desk_or_installation
from dissem.cli.options import ReleaseNumber, asked
from dissem.cli.show import fields, note, show, table
from dissem.errors import WrongInput, told
from dissem.i18n import _

if TYPE_CHECKING:
    from dissem.desk.acting import Acting
    from dissem.reports.figures import Report
    from dissem.reports.render import AnyReport

app = Commands(_("Reports of a week, a month, a release or an agency."))

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


BEFORE = "before"  # what --compare means without a word after it


class CompareCommand(Command):
    """Lets --compare stand alone: then it is the period before."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(with_word(args)))


def with_word(arguments: Sequence[str]) -> Iterator[str]:
    """`--compare` at the end or before another option as `--compare before`."""
    for argument, following in zip(arguments, [*arguments[1:], "-"], strict=True):
        yield argument
        if argument == "--compare" and following.startswith("-"):
            yield BEFORE


@app.command("weekly", cls=CompareCommand, help=_("Figures of one week, from Monday to Sunday."))
def weekly(
    week: Annotated[str, typer.Option(metavar="WEEK", help=_("2026-W47, this or last (the last full week)."))] = "last",
    compare: Annotated[
        str, typer.Option(metavar="[WEEK]", help=_("Side by side with this week; without a word, the week before."))
    ] = "",
    form: Form = "",
    out: Out = None,
    printed: Printed = "",
    raw: Raw = False,
) -> None:
    from dissem.reports import weekly as reports

    _answer(_periodic(reports.of_week, week, compare, raw), form, out, printed)


@app.command("monthly", cls=CompareCommand, help=_("The same figures over a calendar month."))
def monthly(
    month: Annotated[
        str, typer.Option(metavar="MONTH", help=_("2026-11, this or last (the last full month)."))
    ] = "last",
    compare: Annotated[
        str, typer.Option(metavar="[MONTH]", help=_("Side by side with this month; without a word, the month before."))
    ] = "",
    form: Form = "",
    out: Out = None,
    printed: Printed = "",
    raw: Raw = False,
) -> None:
    from dissem.reports import weekly as reports

    _answer(_periodic(reports.of_month, month, compare, raw), form, out, printed)


@app.command("release", help=_("The whole life of one release: who approved it, where it went out, what it reached."))
def release(number: ReleaseNumber, form: Form = "", out: Out = None, printed: Printed = "") -> None:
    from dissem.reports.release_rows import of_release

    _answer(lambda acting, day: of_release(acting, number, printed=day), form, out, printed)


@app.command("agency", help=_("The report of one agency: its channels, its releases, what failed."))
def agency(
    code: Annotated[str, typer.Argument(metavar="CODE", help=_("Code of the agency."))],
    week: Annotated[str, typer.Option(metavar="WEEK", help=_("2026-W47, this or last (the last full week)."))] = "last",
    month: Annotated[str, typer.Option(metavar="MONTH", help=_("A month instead: 2026-11, this or last."))] = "",
    form: Form = "",
    out: Out = None,
    printed: Printed = "",
) -> None:
    def made(acting: "Acting", day: date | None) -> "AnyReport":
        from dissem.desk.people import known_agency
        from dissem.reports.weekly import of_month, of_week

        with acting.installation.database.read() as session:
            known_agency(session, code)
        now, of, period = acting.now(), of_month if month else of_week, month or week
        return of(acting.installation, period, planned=now, now=now, printed=day, agency=code)

    _answer(made, form, out, printed)


Made = Callable[["Acting", date | None], "AnyReport"]  # a report, with the day that stands on it


def _periodic(of: Callable[..., "Report"], period: str, compare: str, raw: bool) -> Made:
    """The report of a week or a month, or two of them side by side."""

    def made(acting: "Acting", day: date | None) -> "AnyReport":
        from dissem.reports.compared import Compared
        from dissem.reports.periods import before

        now, source = acting.now(), "samples" if raw else "rollups"
        said = {"planned": now, "now": now, "printed": day, "source": source}
        report = of(acting.installation, period, **said)
        if not compare:
            return report
        other = before(report.period, report.zone).label if compare == BEFORE else compare
        return Compared(report, of(acting.installation, other, **said))

    return made


def _answer(made: Made, form: str, out: Path | None, printed: str) -> None:
    form = _known(form or ("json" if asked().as_json and out is None else _by_ending(out)))
    _require_place(form, out)
    day = _day(printed)
    with desk() as acting:
        from dissem.reports.render import render, tables

        report = made(acting, day)
        into_folder = form == "csv" and out is not None and _is_folder(out)
        known: Any = form
        document: str | bytes | Mapping[str, str] = tables(report) if into_folder else render(report, known)
    _deliver(report, form, document, out.expanduser() if out else None)


def _deliver(report: "AnyReport", form: str, document: str | bytes | Mapping[str, str], out: Path | None) -> None:
    if out is None:
        sys.stdout.write(str(document))  # pdf and xlsx always have a file
        return
    if isinstance(document, Mapping):
        _folder(out)
        for name, content in document.items():
            _write(out / name, content)
    else:
        _write(out, document)
    note(_("The report of {period} is in {file}.", period=report.label, file=out))
    if asked().as_json:
        show({**report.about, "format": form, "file": str(out)}, "")


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


@app.command("send", help=_("Send the report of a week now to the readers who have not got it, and show who has."))
def send(
    week: Annotated[str, typer.Option(metavar="WEEK", help=_("2026-W47, or last (the last full week)."))] = "last",
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="READER", help=_("Only to this address or chat; repeat for more.")),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help=_("Also to those who may have it, as a new mail."))] = False,
) -> None:
    with desk_or_installation() as acting:
        from dissem.reports.sending import ask

        posted, copies = ask(acting, week, only=to or (), again=again)
        zone = acting.installation.zone
        rows = [fields(copy, zone, without=["id", "doubts", "next_at"]) for copy in copies]
    shown = [(row["recipient"], row["role"], _(row["state"]), row["sent"], told(row["reason"])) for row in rows]
    headings = (_("Reader"), _("Role"), _("State"), _("Sent"), _("Why"))
    show([{**row, "reason": told(row["reason"]) or None} for row in rows], table(headings, shown))
    posted.require()
