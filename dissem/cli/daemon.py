"""What runs by itself: the daemon, its clock jobs, and how the installation is."""

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dissem import i18n
from dissem.cli.command import Commands
from dissem.cli.opening import installation
from dissem.cli.options import asked
from dissem.cli.show import fields, local, note, show, table
from dissem.clock import utc_now
from dissem.config import find_home
from dissem.errors import DissemError, told
from dissem.i18n import _

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from dissem.daemon.jobs import Job
    from dissem.models import JobRun

job = Commands(_("What the daemon does by the clock."))

JobName = Annotated[str, typer.Argument(metavar="JOB", help=_("Name of a job: its file without .toml."))]


def daemon(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help=_("Leave when nothing is in hand, in doubt or due within a minute."))
    ] = False,
) -> None:
    from dissem.cli.progress import bars
    from dissem.daemon.run import run

    shown = bars() if sys.stderr.isatty() else nullcontext()
    with installation(logs=False) as opened, shown as progress:
        status = run(opened, until_idle=until_idle, progress=progress)
    raise typer.Exit(status)


def worker() -> None:
    from dissem.daemon.run import work

    with installation(logs=False) as opened:
        status = work(opened)
    raise typer.Exit(status)


def doctor() -> None:
    from dissem.daemon.health import examine, remarks

    for remark in remarks():
        note(f"{remark} {remark.hint}")
    found = [_sentence(one) for one in examine(find_home(asked().folder), now=utc_now())]
    show(found, "\n".join(f"- {one['message']} {one['hint']}".strip() for one in found) or _("All is well."))
    if found:
        raise typer.Exit(1)


@job.command("list", help=_("Show the jobs, when they ran and when they run next."))
def list_jobs() -> None:
    from dissem.daemon import job_runs, jobs

    now = utc_now()
    with installation() as opened, opened.database.read() as session:
        last, zone = job_runs.last_runs(session), opened.zone
        rows = [
            (one, jobs.next_planned(one, now), last.get(one.name)) for one in jobs.read_jobs(opened.jobs, opened.config)
        ]
    text = table(
        [_("Job"), _("Task"), _("Next"), _("Last"), _("Result")],
        [(one.name, one.task, i18n.short_moment(comes, zone), *_ran(ran, zone)) for one, comes, ran in rows],
        empty=_("There are no jobs."),
    )
    show([_as_json(one, comes, ran, zone) for one, comes, ran in rows], text)


def _ran(run: "JobRun | None", zone: "ZoneInfo") -> tuple[str, str]:
    return (i18n.short_moment(run.started, zone), _result(run)) if run else ("", "")


def _as_json(job: "Job", comes: "datetime", run: "JobRun | None", zone: "ZoneInfo") -> dict[str, Any]:
    return {
        "name": job.name,
        "task": job.task,
        "cron": job.cron,
        "timezone": job.timezone,
        "if_missed": job.if_missed.value,
        "next": local(comes, zone),
        "last": local(run.started, zone) if run else None,
        "ok": run.ok if run else None,
        "reason": _reason(run) if run else None,
    }


@job.command("check", help=_("What is wrong with the job files."))
def check_jobs() -> None:
    from dissem.daemon import jobs

    with installation() as opened:
        found = [_sentence(one) for one in jobs.check(opened.jobs, opened.config)]
    show(
        found, "\n".join(f"- {one['message']} {one['hint']}".strip() for one in found) or _("All job files are right.")
    )
    if found:
        raise typer.Exit(1)


@job.command("run", help=_("Run a job now."))
def run_job(name: JobName) -> None:
    from dissem.daemon import job_runs, jobs, run

    with installation() as opened:
        known = jobs.job_named(name, opened.jobs, opened.config)
        runs = job_runs.run_now(opened, known, owner=run.new_owner())
        data = [fields(one, opened.zone, without=["owner", "lease_until"]) for one in runs]
    show(data, "\n".join(_("Job {job}: {result}", job=name, result=_result(one)) for one in runs))
    if not all(one.ok for one in runs):
        raise typer.Exit(1)


def _result(run: "JobRun") -> str:
    if run.ok is None:
        return _("running")
    return _("done") if run.ok else _("failed: {reason}", reason=_reason(run) or "–")


def _reason(run: "JobRun") -> str | None:
    """Why it failed; what a run that went well leaves is no reason."""
    return (told(run.detail) or None) if run.ok is False else None


def _sentence(error: DissemError) -> dict[str, str]:
    return {"message": str(error), "hint": error.hint}
