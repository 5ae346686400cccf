"""The daemon process: alone on SQLite, alive in the table, jobs beside the queue, an orderly end."""

import gc
import json
import logging
import os
import platform
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from sqlmodel import select

from dissem import redaction
from dissem.clock import utc_now
from dissem.daemon import job_runs, memory
from dissem.daemon.jobs import read_jobs
from dissem.daemon.run import BEAT, LOCK, JsonLines, alone, new_owner, run
from dissem.errors import Conflict
from dissem.models import (
    Agency,
    Channel,
    Daemon,
    Delivery,
    JobRun,
    Kind,
    Person,
    Release,
    Role,
    State,
)
from dissem.queue.engine import Engine, Tick
from dissem.store.installation import Installation

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


class Doing(Engine):
    """An engine that does one thing, and remembers how it was asked."""

    def __init__(self, work: Callable[[Event, Tick], object] = lambda stop, tick: None) -> None:
        self.work = work
        self.until_idle: bool | None = None

    def run(self, stop: Event, *, until_idle: bool = False, tick: Tick = lambda now: None) -> None:
        self.until_idle = until_idle
        self.work(stop, tick)


def daemons(installation: Installation) -> list[Daemon]:
    with installation.database.read() as session:
        return list(session.exec(select(Daemon)).all())


def job_runs_of(installation: Installation) -> list[JobRun]:
    with installation.database.read() as session:
        return [run for run in session.exec(select(JobRun)) if run.planned.year > 1970]


def an_overdue_job(installation: Installation) -> None:
    """A job that a daemon saw a week ago and that was never run since."""
    (installation.jobs / "reading.toml").write_text('task = "engagement.collect"\ncron = "* * * * *"\n')
    [job] = read_jobs(installation.jobs, installation.config)
    assert job_runs.claim(installation.database, job, owner="earlier", now=utc_now() - timedelta(days=7)) is None


def a_delivery_in_hand_of(installation: Installation, owner: str, lease_until: datetime) -> None:
    with installation.database.write() as session:
        session.add(Agency(code="kominfo", name="Dinas Kominfo"))
        session.flush()
        siti = Person(username="siti", name="Siti", role=Role.AUTHOR, agency="kominfo", token_hash="x", created=NOW)
        channel = Channel(name="web", platform="newsroom", agency="kominfo", created=NOW)
        session.add_all((siti, channel))
        session.flush()
        release = Release(
            kind=Kind.PHOTO,
            agency="kominfo",
            title="Halo",
            body="Halo",
            author_id=siti.id or 0,
            editor_id=siti.id or 0,
            created=NOW,
            edited=NOW,
        )
        session.add(release)
        session.flush()
        session.add(
            Delivery(
                release_id=release.id or 0,
                channel_id=channel.id or 0,
                state=State.PREPARING,
                due=NOW,
                until=NOW + timedelta(hours=12),
                next_at=NOW,
                owner=owner,
                lease_until=lease_until,
                since=NOW,
            )
        )


# The only one


def test_a_daemon_with_nothing_to_do_until_idle_is_done(installation: Installation) -> None:
    assert run(installation, until_idle=True) == 0

    [row] = daemons(installation)
    assert (row.pid, row.ended is not None) == (os.getpid(), True)


@only_sqlite
def test_a_second_daemon_is_refused_and_told_the_process_of_the_first(installation: Installation) -> None:
    with alone(installation.data), pytest.raises(Conflict) as caught:
        run(installation, engine=Doing())

    assert f"process {os.getpid()}" in str(caught.value)
    assert daemons(installation) == []


@only_sqlite
def test_a_lock_file_that_was_left_behind_says_nothing(installation: Installation) -> None:
    (installation.data / LOCK).write_text("4194304123\n")

    with alone(installation.data):
        assert (installation.data / LOCK).read_text() == f"{os.getpid()}\n"


@only_sqlite
def test_programs_started_by_the_daemon_do_not_keep_its_lock(installation: Installation) -> None:
    program = [sys.executable, "-ISc", "print(flush=True); input()"]
    with alone(installation.data):
        left_behind = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False)
        assert left_behind.stdout is not None
        left_behind.stdout.readline()  # by now it is a program of its own
    try:
        with alone(installation.data):
            assert left_behind.poll() is None
    finally:
        left_behind.kill()
        left_behind.communicate()


@only_postgresql
def test_on_postgresql_any_number_of_daemons_may_run(installation: Installation) -> None:
    meeting = threading.Barrier(2)
    engines = [Doing(lambda stop, tick: meeting.wait(10)) for _ in range(2)]

    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda engine: run(installation, engine=engine), engines))

    assert codes == [0, 0]
    assert len({row.owner for row in daemons(installation)}) == 2


def test_only_on_sqlite_what_the_predecessor_had_in_hand_is_free_at_once(installation: Installation) -> None:
    lease = utc_now() + timedelta(hours=1)
    a_delivery_in_hand_of(installation, "dead:1:ab", lease)
    with installation.database.write() as session:
        session.add(JobRun(job="reading", planned=NOW, owner="dead:1:ab", lease_until=lease, started=NOW))

    run(installation, until_idle=True, engine=Doing())

    with installation.database.read() as session:
        delivery, job = session.exec(select(Delivery)).one(), session.exec(select(JobRun)).one()
    freed = installation.database.is_sqlite
    assert delivery.lease_until is not None
    assert (delivery.lease_until < lease) is freed
    assert (job.lease_until < lease) is freed


# Signs of life


def test_a_daemon_is_in_the_table_while_it_lives_and_its_end_is_written_down(installation: Installation) -> None:
    seen: list[Daemon] = []

    run(installation, engine=Doing(lambda stop, tick: seen.extend(daemons(installation))), owner="here:7:ab")

    [alive], [ended] = seen, daemons(installation)
    assert (alive.owner, alive.ended) == ("here:7:ab", None)
    assert ended.ended is not None


def test_a_sign_of_life_is_written_every_few_seconds_and_not_at_every_tick(installation: Installation) -> None:
    beats: list[datetime] = []

    def work(stop: Event, tick: Tick) -> None:
        began = daemons(installation)[0].beat
        for late in (timedelta(seconds=1), BEAT, BEAT + timedelta(seconds=1), timedelta(hours=-1)):
            tick(began + late)
            beats.append(daemons(installation)[0].beat - began)  # type: ignore[arg-type]

    run(installation, engine=Doing(work))

    assert beats == [timedelta(0), BEAT, BEAT, timedelta(hours=-1)]


def test_an_engine_that_breaks_leaves_no_daemon_behind(installation: Installation) -> None:
    def work(stop: Event, tick: Tick) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(installation, engine=Doing(work))

    assert [row.ended is None for row in daemons(installation)] == [False]
    assert run(installation, engine=Doing()) == 0


def test_the_rows_of_daemons_long_gone_are_swept(installation: Installation) -> None:
    with installation.database.write() as session:
        session.add(Daemon(owner="old", host="old", pid=1, started=NOW, beat=utc_now() - timedelta(days=31)))

    run(installation, engine=Doing())

    assert "old" not in {row.owner for row in daemons(installation)}


def test_no_two_daemons_share_a_name() -> None:
    assert new_owner() != new_owner()
    assert f":{os.getpid()}:" in new_owner()


# Jobs beside the queue


def test_jobs_that_are_due_run_beside_the_engine(installation: Installation) -> None:
    an_overdue_job(installation)

    def until_a_job_is_done(stop: Event, tick: Tick) -> None:
        for _ in range(2000):
            if any(run.finished for run in job_runs_of(installation)):
                return
            stop.wait(0.005)

    run(installation, engine=Doing(until_a_job_is_done))

    assert [run.ok for run in job_runs_of(installation)] == [True]


def test_until_idle_starts_no_jobs(installation: Installation) -> None:
    an_overdue_job(installation)
    engine = Doing()

    run(installation, until_idle=True, engine=engine)

    assert engine.until_idle is True
    assert job_runs_of(installation) == []


# The end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@only_sqlite
def test_a_signal_lets_the_engine_finish_and_the_handlers_are_given_back(
    installation: Installation, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    finished: list[bool] = []

    def work(stop: Event, tick: Tick) -> None:
        os.kill(os.getpid(), number)
        finished.append(stop.wait(10))

    assert run(installation, engine=Doing(work)) == 0
    assert finished == [True]
    assert signal.getsignal(number) is before
    assert signal.set_wakeup_fd(-1) == -1


_CHILD = """
import sys
from pathlib import Path
from dissem.config import Config
from dissem.daemon.run import leave, run
from dissem.queue.engine import Engine
from dissem.store.installation import Installation

class Child(Engine):
    def run(self, stop, *, until_idle=False, tick=None):
        print("begun", flush=True)
        stop.wait()
        print("stopping", flush=True)
        if sys.argv[2] == "stubborn":
            sys.stdin.read()

leave(run(Installation(Path(sys.argv[1]), Config()), engine=Child()))
"""


@contextmanager
def child(installation: Installation, manner: str) -> Iterator["subprocess.Popen[str]"]:
    """A daemon in a process of its own that has begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(installation.home), manner],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n", process.communicate()[1]
        yield process
    finally:
        process.kill()
        process.communicate()


@only_sqlite
def test_a_daemon_told_to_stop_ends_well_and_is_the_only_one_until_then(installation: Installation) -> None:
    with child(installation, "willing") as process:
        with pytest.raises(Conflict, match=f"process {process.pid}"):
            run(installation, engine=Doing())

        process.send_signal(signal.SIGTERM)
        said, logged = process.communicate(timeout=20)

    assert (process.returncode, said) == (0, "stopping\n")
    assert [row.ended is not None for row in daemons(installation)] == [True]
    assert "SIGTERM: finishing what is in hand" in [json.loads(line)["message"] for line in logged.splitlines()]


@only_sqlite
def test_a_second_signal_ends_the_process_at_once_and_frees_the_lock(installation: Installation) -> None:
    with child(installation, "stubborn") as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "stopping\n"

        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 1

    assert run(installation, engine=Doing()) == 0


# Memory

_HEAPS = """
import ctypes, re, threading
from dissem.daemon.memory import keep_few_heaps

class Text(ctypes.Structure):
    _fields_ = [("start", ctypes.c_char_p), ("size", ctypes.c_size_t)]

print(keep_few_heaps())
library = ctypes.CDLL(None)
library.malloc.restype, library.open_memstream.restype = ctypes.c_void_p, ctypes.c_void_p
all_here = threading.Barrier(12)
def allocate():
    all_here.wait()
    library.malloc(100)
    all_here.wait()
threads = [threading.Thread(target=allocate) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
told = Text()
stream = library.open_memstream(ctypes.byref(told, Text.start.offset), ctypes.byref(told, Text.size.offset))
library.malloc_info(0, ctypes.c_void_p(stream))
library.fclose(ctypes.c_void_p(stream))
print(len(re.findall(b"<heap ", told.start)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heaps of another C library are its own affair")
def test_all_threads_share_two_heaps() -> None:
    done = subprocess.run([sys.executable, "-c", _HEAPS], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["True", "2"]


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())

    assert memory.keep_few_heaps() is False


def test_garbage_is_collected_often_while_the_daemon_works(installation: Installation) -> None:
    class Ring:
        def __init__(self) -> None:
            self.itself = self

    def leave_rings_behind(stop: Event, tick: Tick) -> None:
        for _ in range(3 * memory.GARBAGE):
            alive.add(Ring())
        left.append(len(alive))

    alive: weakref.WeakSet[Ring] = weakref.WeakSet()
    left: list[int] = []
    before = gc.get_threshold()
    gc.set_threshold(50_000, *before[1:])  # as the commands have it
    try:
        run(installation, engine=Doing(leave_rings_behind))
    finally:
        gc.set_threshold(*before)

    assert left[0] < 2 * memory.GARBAGE


# Logging


def test_a_logged_line_is_json_with_its_traceback_and_without_secrets() -> None:
    redaction.learn("hush-hush-456")
    try:
        raise ValueError("token hush-hush-456")
    except ValueError:
        record = logging.LogRecord("dissem", logging.ERROR, __file__, 1, "it %s", ("failed",), sys.exc_info())

    line = JsonLines(logging.Formatter("%(message)s")).format(record)

    entry = json.loads(line)
    assert (entry["level"], entry["logger"]) == ("error", "dissem")
    assert entry["message"].startswith("it failed\nTraceback")
    assert "hush" not in line
