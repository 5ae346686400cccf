"""What job files may ask for: tasks by name, each a function with typed options.

Tasks are entry points of the group `dissem.tasks`, ours and other people's alike. A run that died is done again, and
so a task may be carried out twice for one planned moment: the second time must leave what the first would have left.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dissem.errors import DissemError, WrongInput, told
from dissem.store.installation import Installation

GROUP = "dissem.tasks"


class Options(BaseModel):
    """What the table `[options]` of a job file may say. An unknown option is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Taken = TypeVar("Taken", bound=Options)
Given_contra = TypeVar("Given_contra", bound=Options, contravariant=True)
Detail = Mapping[str, Any]  # JSON: what was done, kept with the run


class Work(Protocol[Given_contra]):
    """The function of a task: does the work meant for *planned*, or raises a DissemError that says why it could not."""

    def __call__(
        self, installation: Installation, options: Given_contra, /, *, now: datetime, planned: datetime
    ) -> Detail: ...


@dataclass(frozen=True)
class Task:
    """What an entry point leads to: the work, and the options it takes."""

    options: type[Options]
    work: Work[Any]

    def __call__(self, installation: Installation, options: Any, *, now: datetime, planned: datetime) -> Detail:
        return self.work(installation, options, now=now, planned=planned)


def task(options: type[Taken]) -> Callable[[Work[Taken]], Task]:
    """Make a function a task with *options*."""
    return lambda work: Task(options, work)


@cache
def task_names() -> tuple[str, ...]:
    """Names of all installed tasks, sorted; none of them is imported."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


@cache
def task_named(name: str) -> Task:
    """The task *name*; WrongInput with a suggestion if there is none."""
    for point in entry_points(group=GROUP, name=name):
        loaded: Any = point.load()
        return loaded  # type: ignore[no-any-return]
    close = get_close_matches(name, task_names(), 1)
    raise WrongInput(
        "There is no task named {task}.",
        hint="Did you mean {close}?" if close else "Known tasks: {known}.",
        task=name,
        close=close[0] if close else "",
        known=", ".join(task_names()),
    )


# Engagement


class CollectOptions(Options):
    limit: int = Field(20_000, ge=1, description="most publications read in one run")


@task(CollectOptions)
def engagement_collect(
    installation: Installation, options: CollectOptions, *, now: datetime, planned: datetime
) -> Detail:
    """Look for posts that are not ours, read followers once a day and the counts that are due; throw away readings that
    are old enough. What one channel refuses is in the detail; if no counts could be read at all, it failed."""
    from dissem.engagement.collect import collect
    from dissem.engagement.followers import count_followers
    from dissem.engagement.foreign import watch
    from dissem.engagement.keeping import tidy

    watched = watch(installation, now=now)  # first: a taken-over account is to be told whatever else fails
    followed = count_followers(installation, now=now)
    collected = collect(installation, now=now, limit=options.limit)
    tidied = tidy(installation, now=now)
    if collected.reasons and not collected.read and not collected.gone:
        channel, reason = next(iter(collected.reasons.items()))
        raise DissemError("No counts could be read; {channel} said: {why}", channel=channel, why=told(reason))
    return {**asdict(collected), "watched": asdict(watched), "followers": asdict(followed), "thrown_away": tidied}


# Logins that end


@task(Options)
def tokens_renew(installation: Installation, options: Options, *, now: datetime, planned: datetime) -> Detail:
    """Renew the channels' logins that end soon, where a platform lets us, and warn of those where it does not."""
    from dissem.desk import endings
    from dissem.desk.acting import Acting
    from dissem.desk.channels import renew_ending

    endings.warn(installation, now=now)
    renewed, failed = renew_ending(Acting(installation, None, lambda: now))
    for channel, error in failed.items():
        raise DissemError("The login of {channel} could not be renewed: {why}", channel=channel, why=error)
    return {"renewed": renewed}


# The weekly report

Format = Literal["html", "json", "text", "pdf", "xlsx", "csv"]
_ENDINGS = {"text": "txt"}


def _inside(folder: str) -> str:
    path = PurePosixPath(folder)
    if not folder.strip() or path.is_absolute() or ".." in path.parts:
        raise ValueError("a folder inside the installation's own is needed")
    return folder


class WeeklyOptions(Options):
    week: str = Field("last", pattern=r"^(this|last|20\d\d-W\d\d)$", description="last, this or one like 2026-W47")
    format: tuple[Format, ...] = Field(("html", "json", "text"), min_length=1, description="forms to write")
    folder: Annotated[str, AfterValidator(_inside)] = Field("reports", description="inside the installation's folder")
    make: bool = Field(True, description="false: make nothing, only send what could not be sent before")


@task(WeeklyOptions)
def report_weekly(installation: Installation, options: WeeklyOptions, *, now: datetime, planned: datetime) -> Detail:
    """Write the report of the week, one file a form, named by the week; then send it to those who have not got it, and
    what is left of earlier weeks. Whom it did not reach is why it failed.

    `last` and `this` are seen from *planned*: a report that was due on Monday and is made up for on Thursday, or a
    week later, is of the week that was meant.
    """
    from dissem.reports import sending
    from dissem.reports.render import render
    from dissem.reports.weekly import of_week

    if not options.make:
        left = sending.send_waiting(installation, now=now)
        left.require()
        return {"sent": left.sent}
    report = of_week(installation, options.week, planned=planned, now=now)
    folder = installation.home / options.folder
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for form in options.format:
        file = folder / f"{report.week}.{_ENDINGS.get(form, form)}"
        _replace(file, render(report, form))
        written.append(str(file.relative_to(installation.home)))
    posted = sending.post(installation, report, now=now)
    posted.require()
    return {"week": report.week, "files": written, "sent": posted.sent}


def _replace(file: Path, content: str | bytes) -> None:
    """Put *content* in the place of *file*, whole or not at all, also when the power fails or two write at once."""
    half = file.with_name(f".{file.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with half.open("wb") as out:
            out.write(content.encode() if isinstance(content, str) else content)
            out.flush()
            os.fsync(out.fileno())
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    """A new name survives a power cut only when its folder was written too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
