"""Clock jobs: a file in `jobs/` says when, a registered task says what. Which there are, and their planned moments.

What comes of a planned moment is in `dissem.daemon.job_runs`. APScheduler reads the cron expressions.
"""

import logging
import re
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import dissem
from dissem import clock, tasks
from dissem.config import Config, toml_place
from dissem.errors import DissemError, NotFound, WrongInput

log = logging.getLogger(__name__)

JUST_NOW = timedelta(minutes=1)  # a moment no older than this was not missed: the clock ticks once a minute


class IfMissed(StrEnum):
    """What becomes of moments that passed while no daemon was there."""

    ONCE = "run once"  # only the newest
    SKIP = "skip"
    ALL = "run all"  # each, in order


@dataclass(frozen=True)
class Job:
    """One job file, checked. *options* is what its task takes."""

    name: str
    task: str
    cron: str
    timezone: str
    if_missed: IfMissed = IfMissed.ONCE
    options: tasks.Options = field(default_factory=tasks.Options)


# Reading job files


class _File(BaseModel):
    """What a job file may say."""

    model_config = ConfigDict(extra="forbid")

    task: str
    cron: str
    timezone: str = ""  # the office's
    if_missed: IfMissed = IfMissed.ONCE
    options: dict[str, Any] = Field(default_factory=dict)


def shipped() -> Path:
    """The folder of the job files that come with dissem, to be copied into a new installation."""
    package = Path(dissem.__file__).parent
    installed = package / "jobs"
    return installed if installed.is_dir() else package.parent / "jobs"


def read_jobs(folder: Path, config: Config) -> list[Job]:
    """The jobs of *folder* by name, those left out that `check` complains of. A missing folder has no jobs."""
    found = (_read(file, config) for file in files(folder))
    return [job for job in found if isinstance(job, Job)]


def check(folder: Path, config: Config | None = None) -> list[DissemError]:
    """Everything that is wrong with the job files of *folder*, one sentence each."""
    found = (_read(file, config or Config()) for file in files(folder))
    return [error for errors in found if not isinstance(errors, Job) for error in errors]


def job_named(name: str, folder: Path, config: Config) -> Job:
    """The job *name*; NotFound with a suggestion, or the first thing that is wrong with its file."""
    by_name = {file.stem: file for file in files(folder)}
    if name not in by_name:
        close = get_close_matches(name, list(by_name), 1)
        raise NotFound(
            "There is no job named {job}.",
            hint="Did you mean {close}?" if close else "See dissem job list.",
            job=name,
            close=close[0] if close else "",
        )
    found = _read(by_name[name], config)
    if not isinstance(found, Job):
        raise found[0]
    return found


def files(folder: Path) -> list[Path]:
    """The job files of *folder*, by name."""
    return sorted(file for file in folder.glob("*.toml") if not file.name.startswith("."))


def _read(file: Path, config: Config) -> Job | list[DissemError]:
    """The job of *file*, or what is wrong with it."""
    try:
        written = _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        return [WrongInput("{file} is not valid TOML: {why}.", file=file.name, why=toml_place(error))]
    except (OSError, UnicodeDecodeError):
        return [WrongInput("{file} cannot be read.", file=file.name)]
    except ValidationError as error:
        return list(_complaints(error, file, _File.model_fields))
    zone = written.timezone or config.office.timezone
    options = _options(file, written)
    errors = [*_wrong_name(file), *_wrong_zone(file, zone), *(options if isinstance(options, list) else ())]
    errors += _wrong_cron(file, written.cron)
    if errors or isinstance(options, list):
        return errors
    return Job(file.stem, written.task, written.cron, clock.zone(zone).key, written.if_missed, options)


def _complaints(error: ValidationError, file: Path, known: Collection[str], table: str = "") -> Iterator[DissemError]:
    for one in error.errors(include_input=False, include_url=False):
        step, *rest = (str(step) for step in one["loc"])
        key = ".".join((*([table] if table else []), step, *rest))
        if one["type"] == "missing":
            yield WrongInput("{file}: the line {key} is missing.", file=file.name, key=key)
        elif one["type"] == "extra_forbidden":
            close = get_close_matches(step, list(known), 1)
            yield WrongInput(
                "{file}: there is no setting {key}.",
                hint="Did you mean {close}?" if close else "It may have: {known}.",
                file=file.name,
                key=key,
                close=close[0] if close else "",
                known=", ".join(known),
            )
        else:
            why = str(one["msg"]).removeprefix("Value error, ")
            yield WrongInput("{file}: {key} cannot be used: {why}", file=file.name, key=key, why=why)


def _options(file: Path, written: _File) -> tasks.Options | list[DissemError]:
    """The options as the task has them; it is the task that knows what is right."""
    try:
        kind = tasks.task_named(written.task).options
        return kind.model_validate(written.options)
    except WrongInput as error:
        return [_in_file(file, error)]
    except ValidationError as error:
        return list(_complaints(error, file, kind.model_fields, "options"))
    except Exception as error:  # a task that cannot be imported is one job less, not a daemon less
        log.error("task %s cannot be loaded", written.task, exc_info=error)
        return [WrongInput("{file}: the task {task} cannot be loaded.", file=file.name, task=written.task)]


def _in_file(file: Path, error: DissemError) -> DissemError:
    """*error* with the file it is about."""
    return WrongInput("{file}: {why}", hint=error.hint_text, file=file.name, why=error, **error.values)


def _wrong_name(file: Path) -> Iterator[DissemError]:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", file.stem):
        yield WrongInput(
            "{file}: the name of a job is made of small letters, digits and hyphens.",
            hint="Rename the file, as in weekly-report.toml.",
            file=file.name,
        )


def _wrong_zone(file: Path, name: str) -> Iterator[DissemError]:
    try:
        clock.zone(name)
    except WrongInput as error:
        yield _in_file(file, error)


# Cron expressions

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS = (  # in cron's order, which counts from Sunday; APScheduler counts from Monday, so words only
    ("sun", "sunday", "minggu"),
    ("mon", "monday", "senin"),
    ("tue", "tuesday", "selasa"),
    ("wed", "wednesday", "rabu"),
    ("thu", "thursday", "kamis"),
    ("fri", "friday", "jumat"),
    ("sat", "saturday", "sabtu"),
)


def _wrong_cron(file: Path, cron: str) -> Iterator[DissemError]:
    fields = cron.lower().split()
    if len(fields) != 5:
        yield WrongInput(
            '{file}: cron has five fields, as in "30 6 * * mon": minute, hour, day of the month, month, weekday.',
            file=file.name,
        )
        return
    meant = _meant(fields[4])
    if meant != fields[4]:
        yield WrongInput(
            "{file}: weekdays are written by name, because programs count them differently; {written} is not a name.",
            hint="Write {meant}." if meant else "Write mon, tue, wed, thu, fri, sat or sun.",
            file=file.name,
            written=fields[4],
            meant=meant,
        )
    elif fields[2] != "*" and fields[4] != "*":
        yield WrongInput(
            "{file}: cron names a day of the month and a weekday, which some programs read as both and some as either.",
            hint="Put * in the place of one of them.",
            file=file.name,
        )
    else:
        yield from _wrong_expression(file, cron)


def _wrong_expression(file: Path, cron: str) -> Iterator[DissemError]:
    try:
        comes = _trigger(cron, "UTC").get_next_fire_time(None, datetime.now(UTC))
    except ValueError as error:
        yield WrongInput("{file}: cron cannot be used: {why}", file=file.name, why=error)
        return
    if comes is None:
        yield WrongInput("{file}: the moment cron names never comes.", file=file.name)


def _meant(field: str) -> str:
    """The weekday field *field* as it should be written: itself if it is right, empty if nobody can tell."""
    parts = field.split(",")
    if field == "*" or all(_is_right(part) for part in parts):
        return field
    days = [_days(part) for part in parts]
    return ",".join(dict.fromkeys(day for some in days for day in some)) if all(days) else ""


def _is_right(part: str) -> bool:
    """Whether *part* is a name, or a range of names within a week that begins on Monday."""
    first, dash, last = part.partition("-")
    names = (first, last) if dash else (first, first)
    return all(name in WEEKDAYS for name in names) and WEEKDAYS.index(names[0]) <= WEEKDAYS.index(names[1])


def _days(part: str) -> list[str]:
    """The names cron means by *part*, such as `1-5`, `*/2` or `sabtu`; none if it is not understood."""
    match = re.fullmatch(r"(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/([1-7]))?", part)
    first = _day(match[1]) if match else None
    if match is None or first is None:
        return []
    last = 6 if match[1] == "*" else _day(match[2] or match[1])
    if last is None:
        return []
    return [_DAYS[n % 7][0] for n in range(first, last + 1 + 7 * (last < first), int(match[3] or 1))]


def _day(word: str) -> int | None:
    """The number cron gives to the day *word*, as in 5, fri, friday, jumat or *, which begins with Sunday."""
    if word == "*" or re.fullmatch("[0-7]", word):
        return 0 if word == "*" else int(word)
    matching = (n for n, names in enumerate(_DAYS) if any(name.startswith(word) for name in names))
    return next(matching, None) if len(word) >= 3 else None


@lru_cache(maxsize=256)
def _trigger(cron: str, timezone: str) -> Any:
    """APScheduler's reading of *cron*; ValueError if it has none."""
    from apscheduler.triggers.cron import CronTrigger

    return CronTrigger.from_crontab(cron, timezone=clock.zone(timezone))


# Planned moments


def next_planned(job: Job, after: datetime) -> datetime:
    """The first planned moment later than *after*, aware UTC."""
    moment: datetime | None = _trigger(job.cron, job.timezone).get_next_fire_time(None, after + datetime.resolution)
    return moment.astimezone(UTC) if moment else datetime.max.replace(tzinfo=UTC)


def planned_between(job: Job, after: datetime, until: datetime) -> list[datetime]:
    """The planned moments later than *after* and not later than *until*, aware UTC, in order."""
    moments = []
    while (after := next_planned(job, after)) <= until:
        moments.append(after)
    return moments


def to_run(job: Job, *, after: datetime, now: datetime) -> datetime | None:
    """Of the moments later than *after*, the one to run at *now*, as `if_missed` says; None: there is none."""
    if job.if_missed is IfMissed.ALL:
        first = next_planned(job, after)
        return first if first <= now else None
    newest = _newest(job, after, now)
    missed = newest is not None and newest + JUST_NOW <= now
    return None if missed and job.if_missed is IfMissed.SKIP else newest


def _newest(job: Job, after: datetime, now: datetime) -> datetime | None:
    """The last planned moment in (after, now]. Looked for backwards: a year of minutes takes long to walk."""
    for window in (timedelta(hours=1), timedelta(days=1), timedelta(days=32), now - after):
        found = planned_between(job, max(after, now - window), now)
        if found or now - window <= after:
            return found[-1] if found else None
    return None
