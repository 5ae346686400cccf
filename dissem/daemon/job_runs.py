"""What comes of planned moments: the table `job_run`, and the clock that looks at it.

Each moment is carried out once however many daemons there are, and again if its run died; after a pause the job's
`if_missed` decides. One job has one run at a time. APScheduler only ticks.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from dissem import clock, i18n, redaction, tasks
from dissem.daemon.jobs import Job, check, files, read_jobs, to_run
from dissem.errors import Conflict, DissemError
from dissem.models import JobRun
from dissem.store.database import Database
from dissem.store.installation import Installation

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)  # of a run, renewed while it lasts
MOST_DEATHS = 3  # runs of one moment that may end with their daemon, before it is given up
_FIRST_SIGHT = datetime(1970, 1, 1, tzinfo=UTC)  # `planned` of the row that says since when a job is known


def claim(
    database: Database,
    job: Job,
    *,
    owner: str,
    now: datetime,
    lease: timedelta = LEASE,
    otherwise: datetime | None = None,
) -> JobRun | None:
    """Take the run of *job* that is to be done now: one that died, else the planned moment of `to_run`.

    Any number of daemons may ask at once; one gets it. None if there is nothing to do, or a run of the job is going
    on somewhere. A job that was never seen before counts from now on. *otherwise*: the moment a run is recorded for
    when nothing is planned or missed.
    """
    with database.write() as session:
        since = _first_sight(session, job, owner, now).started  # its lock lets one daemon at a time decide
        unfinished = session.exec(
            select(JobRun).where(JobRun.job == job.name, col(JobRun.finished).is_(None)).limit(1)
        ).first()
        if unfinished and unfinished.lease_until > now:
            return None
        if unfinished and (run := _taken_again(unfinished, job, owner, now, lease)):
            return run
        planned = to_run(job, after=_last_planned(session, job, now) or since, now=now) or otherwise
        if planned is None:
            return None
        run = JobRun(job=job.name, planned=planned, owner=owner, lease_until=now + lease, started=now)
        session.add(run)
        return run


def _first_sight(session: Session, job: Job, owner: str, now: datetime) -> JobRun:
    """The locked row that says since when *job* is known; made if this is the first time."""
    mark = (
        select(JobRun).where(JobRun.job == job.name, JobRun.planned == _FIRST_SIGHT).with_for_update()
    )  # FOR UPDATE says nothing on SQLite, where a writer is alone from its beginning
    found = session.exec(mark).first()
    if found:
        return found
    dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = {
        "job": job.name,
        "planned": _FIRST_SIGHT,
        "owner": owner,
        "lease_until": now,
        "started": now,
        "finished": now,
    }
    session.execute(dialect.insert(JobRun).values(**row).on_conflict_do_nothing(index_elements=["job", "planned"]))
    return session.exec(mark).one()


def _last_planned(session: Session, job: Job, now: datetime) -> datetime | None:
    """The newest planned moment that was dealt with. Those ahead of *now* are from a clock that went wrong."""
    return session.exec(
        select(JobRun.planned)
        .where(JobRun.job == job.name, JobRun.planned > _FIRST_SIGHT, JobRun.planned <= now)
        .order_by(col(JobRun.planned).desc())
        .limit(1)
    ).first()


def _taken_again(run: JobRun, job: Job, owner: str, now: datetime, lease: timedelta) -> JobRun | None:
    """*run*, whose daemon is gone, in new hands; None once it took too many daemons with it."""
    deaths = int((run.detail or {}).get("deaths", 0)) + 1
    if deaths >= MOST_DEATHS:
        error = DissemError(
            "dissem stopped {deaths} times while job {job} was running, so this run is given up.",
            hint="Look into the daemon's log, then: dissem job run {job}",
            deaths=deaths,
            job=job.name,
        )
        run.finished, run.ok, run.detail = now, False, error.reason()
        return None
    run.owner, run.started, run.lease_until, run.detail = owner, now, now + lease, {"deaths": deaths}
    return run


def carry_out(
    installation: Installation,
    job: Job,
    run: JobRun,
    *,
    now: Callable[[], datetime] = clock.utc_now,
    stop: Event | None = None,
    lease: timedelta = LEASE,
) -> JobRun:
    """Do *run*, holding on to its lease until it is over or *stop* is set, and write down how it went."""
    with _held(installation.database, run, now, stop or Event(), lease):
        run.ok, run.detail = _outcome(installation, job, run.planned, now())
    run.finished = now()
    _write(installation.database, run, finished=run.finished, ok=run.ok, detail=run.detail)
    return run


def _outcome(installation: Installation, job: Job, planned: datetime, now: datetime) -> tuple[bool, dict[str, Any]]:
    language = i18n.language.set(installation.config.office.language)  # what the daemon writes is in the office's
    try:
        return True, dict(tasks.task_named(job.task)(installation, job.options, now=now, planned=planned))
    except DissemError as error:
        log.error("job %s failed: %s", job.name, error)
        return False, _cleaned(error)
    except Exception as error:  # the last place; the log has the traceback, the row a sentence
        log.error("job %s failed", job.name, exc_info=error)
        wrong = DissemError(
            "Job {job} failed in a way nobody thought of ({error}).",
            hint="The daemon's log says more.",
            job=job.name,
            error=type(error).__name__,
        )
        return False, _cleaned(wrong)
    finally:
        i18n.language.reset(language)


def _cleaned(error: DissemError) -> dict[str, Any]:
    """The reason as it is kept, without secrets."""
    values = {k: redaction.clean(v) if isinstance(v, str) else v for k, v in error.values.items()}
    return {**error.reason(), "text": redaction.clean(error.text), "values": values}


@contextmanager
def _held(
    database: Database, run: JobRun, now: Callable[[], datetime], stop: Event, lease: timedelta
) -> Iterator[None]:
    """Renew the lease of *run* from a thread of its own."""
    done = Event()

    def renew() -> None:
        while not done.wait(lease.total_seconds() / 3) and not stop.is_set():
            try:
                if not _write(database, run, lease_until=now() + lease):
                    return
            except DissemError as error:
                log.warning("the lease of job %s could not be renewed: %s", run.job, error)

    thread = Thread(target=renew, name=f"lease of {run.job}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _write(database: Database, run: JobRun, **values: Any) -> bool:
    """Change the row while it is ours and not over; answers whether it was."""
    with database.write() as session:
        changed = session.execute(
            update(JobRun)
            .where(
                col(JobRun.id) == run.id,
                col(JobRun.owner) == run.owner,
                col(JobRun.finished).is_(None),
            )
            .values(**values)
        )
        return int(changed.rowcount) == 1  # type: ignore[attr-defined]


def end_leases(database: Database, *, now: datetime, but: str) -> int:
    """End the leases of every other owner's runs, as `dissem.queue.claims.end_leases` does for deliveries."""
    with database.write() as session:
        changed = session.execute(
            update(JobRun).where(col(JobRun.finished).is_(None), col(JobRun.owner) != but).values(lease_until=now)
        )
        return int(changed.rowcount)  # type: ignore[attr-defined]


def last_runs(session: Session) -> dict[str, JobRun]:
    """The newest run of each job that ever ran, by name."""
    rows = session.exec(
        select(JobRun).where(JobRun.planned > _FIRST_SIGHT).order_by(col(JobRun.started), col(JobRun.id))
    )
    return {run.job: run for run in rows}


def run_now(
    installation: Installation, job: Job, *, owner: str, now: Callable[[], datetime] = clock.utc_now
) -> list[JobRun]:
    """Run *job* because a person asks: what was missed if anything was, else once more. Conflict if it is running."""
    run = claim(installation.database, job, owner=owner, now=now(), otherwise=now())
    if run is None:
        raise Conflict("Job {job} is running already.", hint="Wait until it is over.", job=job.name)
    done = []
    while run:
        done.append(carry_out(installation, job, run, now=now))
        run = claim(installation.database, job, owner=owner, now=now())
    return done


# The clock


class JobClock:
    """Starts jobs at their times: it looks once a minute, and each job runs in a thread of its own.

    Job files are read anew when they change. A file that is wrong costs its own job and nothing else. Once *stop* is
    set nothing is started any more.
    """

    def __init__(
        self, installation: Installation, owner: str, stop: Event, *, now: Callable[[], datetime] = clock.utc_now
    ) -> None:
        self.installation = installation
        self.owner = owner
        self.now = now
        self._jobs: list[Job] = []
        self._seen: frozenset[tuple[str, int, int]] | None = None
        self._running: dict[str, tuple[Thread, JobRun]] = {}
        self._lock = Lock()
        self._stop = stop
        self._scheduler: Any = None

    def start(self) -> None:
        """Tick now, and at every full minute."""
        from apscheduler.schedulers.background import BackgroundScheduler
        from apscheduler.triggers.cron import CronTrigger

        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._scheduler.add_job(
            self.tick,
            CronTrigger(second=0, timezone=UTC),
            next_run_time=datetime.now(UTC),
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
        self._scheduler.start()

    def tick(self) -> None:
        """Start what is to be run now."""
        for job in self._current():
            if self._stop.is_set():
                return
            if job.name in self._running:  # even if its lease ran out meanwhile, as when the machine slept
                continue
            try:
                self._begin(job)
            except DissemError as error:  # the database is busy or away; the moment is still there at the next tick
                log.error("job %s cannot be started: %s", job.name, error)

    def _begin(self, job: Job) -> None:
        run = claim(self.installation.database, job, owner=self.owner, now=self.now())
        if run is None:
            return
        log.info("job %s starts, planned for %s", job.name, run.planned.isoformat())
        thread = Thread(target=self._work, args=(job, run), name=f"job {job.name}", daemon=True)
        with self._lock:
            self._running[job.name] = thread, run
        thread.start()

    def _work(self, job: Job, run: JobRun | None) -> None:
        """Carry out *run*, then whatever of this job was missed besides."""
        try:
            while run:
                carry_out(self.installation, job, run, now=self.now, stop=self._stop)
                run = self._next(job)
        except DissemError as error:  # its lease ends, and then it is done again
            log.error("what became of job %s could not be written down: %s", job.name, error)
        finally:
            with self._lock:
                self._running.pop(job.name, None)

    def _next(self, job: Job) -> JobRun | None:
        if self._stop.is_set():
            return None
        run = claim(self.installation.database, job, owner=self.owner, now=self.now())
        if run:
            with self._lock:
                self._running[job.name] = self._running[job.name][0], run
        return run

    def _current(self) -> list[Job]:
        """The jobs as their files say now; complaints are logged once for each change."""
        folder = self.installation.jobs
        seen = _versions(folder)
        if seen != self._seen:
            self._seen, self._jobs = seen, read_jobs(folder, self.installation.config)
            _complain(check(folder, self.installation.config))
        return self._jobs

    def finish(self, seconds: float) -> None:
        """Set *stop*, and give what is running *seconds*; the leases of what is left end, so that it is done again."""
        self._stop.set()
        if self._scheduler:
            self._scheduler.shutdown(wait=False)
        with self._lock:
            running = list(self._running.values())
        end = time.monotonic() + seconds
        for thread, run in running:
            thread.join(max(end - time.monotonic(), 0))
            if thread.is_alive():
                log.warning("job %s was not finished in time; it will be run again", run.job)
                with suppress(DissemError):  # then the lease ends by time
                    _write(self.installation.database, run, lease_until=self.now())


def _versions(folder: Path) -> frozenset[tuple[str, int, int]]:
    """What tells that a job file was changed, added or removed."""
    seen = set()
    for file in files(folder):
        with suppress(FileNotFoundError):  # taken away a moment ago
            stat = file.stat()
            seen.add((file.name, stat.st_mtime_ns, stat.st_size))
    return frozenset(seen)


def _complain(errors: Iterable[DissemError]) -> None:
    for error in errors:
        log.error("%s %s", error, error.hint)
