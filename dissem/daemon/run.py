"""The daemon: one process that carries out the queue and starts jobs, until it is told to stop.

On SQLite it is the only one, which a lock beside the database sees to; on PostgreSQL there may be any number.
"""

import fcntl
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from typing import NoReturn

from sqlalchemy import delete, update
from sqlmodel import col

from dissem import clock
from dissem.daemon import job_runs, marker, memory
from dissem.errors import Broken, Conflict, DissemError
from dissem.models import Daemon
from dissem.queue import claims
from dissem.queue.carry import Progress
from dissem.queue.engine import Engine
from dissem.queue.shared import require_media
from dissem.redaction import Masking
from dissem.store.database import Database
from dissem.store.installation import Installation

log = logging.getLogger(__name__)

LOCK = "daemon.lock"
BEAT = timedelta(seconds=5)  # between two signs of life
ALIVE = timedelta(seconds=30)  # a daemon whose last sign of life is older is taken for dead
GRACE = 10.0  # seconds that jobs get after the engine, which takes up to 25 for what it has in hand
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(
    installation: Installation,
    *,
    until_idle: bool = False,
    engine: Engine | None = None,
    owner: str | None = None,
    stop: Event | None = None,
    progress: Progress | None = None,
    starts_jobs: bool = True,
) -> int:
    """Carry out deliveries until *stop* is set or a signal says so; answers the exit status.

    With *until_idle* it leaves when nothing is in hand, in doubt or due within a minute, and starts no jobs. Raises
    Conflict if another daemon has this SQLite database, and Broken if the media folder is not the one that the machines
    on PostgreSQL share. SIGTERM and SIGINT let it finish what is in hand; a second one
    ends the process at once, which costs nothing but the time to look up what was being sent.
    """
    memory.keep_few_heaps()
    logs_to_stderr()
    owner, stop = owner or new_owner(), stop or Event()
    with _only_one(installation), _signals(stop), _registered(installation, owner) as registered:
        if installation.database.is_sqlite:
            _end_leases(installation.database, owner)
        else:
            require_media(installation)
        if installation.config.public_media.folder:
            installation.public_media.tidy(clock.utc_now())
        engine = engine or _threads(installation, owner, progress)
        starts_jobs = starts_jobs and not until_idle
        job_clock = job_runs.JobClock(installation, owner, stop) if starts_jobs else None
        memory.collect_often()
        try:
            if job_clock:
                job_clock.start()
            engine.run(stop, until_idle=until_idle, tick=registered.beat)
        finally:
            if job_clock:
                job_clock.finish(GRACE)
    return 0


def work(installation: Installation) -> int:
    """Be a worker: as `run`, on the lanes that the distributed engine gives to this process, and without jobs. Raises
    Conflict on SQLite and Broken without the extra."""
    from dissem.queue.engines.procrastinate import Procrastinate
    from dissem.queue.steady import SteadyClock

    logs_to_stderr()
    owner = new_owner()
    engine = Procrastinate(installation, owner, now=SteadyClock())
    return run(installation, engine=engine, owner=owner, starts_jobs=False)


def new_owner() -> str:
    """A name for this process that no other process has, nor had: host, process number, chance."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"


def leave(status: int) -> NoReturn:
    """End the process without waiting for threads: what did not finish in time has a lease, and will be seen to."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _threads(installation: Installation, owner: str, progress: Progress | None = None) -> Engine:
    from dissem.queue.carry import Carrier
    from dissem.queue.engines.threads import Threads
    from dissem.queue.steady import SteadyClock

    now = SteadyClock()
    return Threads(installation, owner, carrier=Carrier(installation, now=now, progress=progress), now=now)


def _end_leases(database: Database, owner: str) -> None:
    """The lock says that every other owner is dead, so what they had in hand need not wait for its time."""
    now = clock.utc_now()
    deliveries = claims.end_leases(database, now=now, but=owner)
    runs = job_runs.end_leases(database, now=now, but=owner)
    if deliveries or runs:
        log.warning("the daemon before left %d deliveries and %d jobs in hand", deliveries, runs)


# Being the only one


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the daemon's lock in the data *folder*. Conflict, naming the process, if somebody holds it.

    The lock goes with the process, however it ends, and is not inherited by programs it starts: a file that was left
    behind says nothing. It is never deleted, or two could each lock a file of that name.
    """
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Broken(
            "The lock file {file} cannot be opened.", hint="Is the data folder there, and yours?", file=folder / LOCK
        ) from error
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _second(file.read(20).strip()) from None
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def holder(folder: Path) -> int | None:
    """The process that holds the daemon's lock in *folder*, asked without touching it; None if nobody does."""
    with suppress(OSError, ValueError):
        pid = int((folder / LOCK).read_text())
        held = (folder / LOCK).resolve()
        if any(file.exists() and file.samefile(held) for file in Path(f"/proc/{pid}/fd").iterdir()):
            return pid
    return None


def _second(first: str) -> Conflict:
    """Told to the second daemon; *first* is the process number of the first, empty in its very first moment."""
    if not first:
        return Conflict("A daemon is running here already.")
    return Conflict("A daemon is running here already, as process {pid}.", hint="To stop it: kill {pid}", pid=first)


@contextmanager
def _only_one(installation: Installation) -> Iterator[None]:
    if not installation.database.is_sqlite:
        yield
        return
    with alone(installation.data):
        yield


# Signs of life


class Registered:
    """The row of a daemon."""

    def __init__(self, installation: Installation, owner: str, now: datetime) -> None:
        self.database = installation.database
        self.home = installation.home
        self.owner = owner
        self._last = now

    def beat(self, now: datetime) -> None:
        """Say that we live, at most once in `BEAT`; also after the clock was set back."""
        if abs(now - self._last) < BEAT:
            return
        self._write(beat=now)
        self._last = now  # not before it is written

    def end(self, now: datetime) -> None:
        self._write(ended=now)

    def _write(self, **values: datetime) -> None:
        with self.database.write() as session:
            session.execute(update(Daemon).where(col(Daemon.owner) == self.owner).values(**values))
        if "beat" in values:
            marker.keep(self.home, self.owner, values["beat"])


@contextmanager
def _registered(installation: Installation, owner: str) -> Iterator[Registered]:
    """Be in the table of daemons. A database from the past is noticed before it forgets who was in it."""
    now = clock.utc_now()
    marker.see_to_it(installation, now)
    with installation.database.write() as session:
        session.execute(delete(Daemon).where(col(Daemon.beat) < now - marker.REMEMBERED))
        session.add(Daemon(owner=owner, host=socket.gethostname(), pid=os.getpid(), started=now, beat=now))
    log.info("daemon %s begins", owner)
    marker.keep(installation.home, owner, now)
    registered = Registered(installation, owner, now)
    try:
        yield registered
    finally:
        try:
            registered.end(clock.utc_now())
        except DissemError as error:  # its last sign of life grows old instead
            log.error("the end of this daemon could not be written down: %s", error)
        log.info("daemon %s ends", owner)


# Signals


@contextmanager
def _signals(stop: Event) -> Iterator[None]:
    """The first signal sets *stop*, the second ends the process. Nothing where signals do not arrive, off the main
    thread.

    Python's own handlers run in the middle of whatever the main thread does, and could wait for ever for a lock it
    holds, that of *stop* included. So the interpreter writes each signal into a pipe, and a thread reads it.
    """
    if current_thread() is not main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    handlers = {number: signal.signal(number, lambda number, frame: None) for number in _SIGNALS}
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = Thread(target=_watch, args=(reading, stop), name="signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: it was not set by Python
        os.close(writing)  # ends the watcher
        watcher.join()
        os.close(reading)


def _watch(reading: int, stop: Event) -> None:
    while number := os.read(reading, 1):
        if number[0] not in _SIGNALS:
            continue
        if stop.is_set():
            os._exit(1)
        log.info("%s: finishing what is in hand", signal.Signals(number[0]).name)
        stop.set()


# Logging


class JsonLines(Masking):
    """One JSON object a line: time, level, logger, message; tracebacks inside the message, secrets masked."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": super().format(record),
        }
        return json.dumps(fields, ensure_ascii=False)


def logs_to_stderr() -> None:
    """Log to standard error, unless the program that runs us said already where to: plain on a terminal, else JSON."""
    if logging.root.handlers:
        return
    handler = logging.StreamHandler()
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    terminal = sys.stderr.isatty()
    handler.setFormatter(Masking(plain) if terminal else JsonLines(logging.Formatter("%(message)s")))
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)
    for talkative in ("tweepy", "urllib3", "apscheduler"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    for wordy in ("procrastinate", "psycopg.pool"):  # a database that is away is told of in a line by ourselves
        logging.getLogger(wordy).setLevel(logging.CRITICAL)
