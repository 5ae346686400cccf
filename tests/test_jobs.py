"""Clock jobs: their files, their planned moments, and that each moment happens once."""

import json
import textwrap
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from dissem import i18n, redaction, tasks
from dissem.config import Config, Office
from dissem.daemon import job_runs, jobs
from dissem.daemon.job_runs import JobClock, carry_out, claim, last_runs, run_now
from dissem.daemon.jobs import IfMissed, Job, check, job_named, planned_between, read_jobs, to_run
from dissem.errors import Conflict, DissemError, NotFound, WrongInput, told
from dissem.models import JobRun
from dissem.store.installation import Installation

MONDAY = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # 23 November 2026, 06.30 in Jakarta
WEEK = timedelta(days=7)
MINUTE = timedelta(minutes=1)
REPORT = Job("weekly-report", "report.weekly", "30 6 * * mon", "Asia/Jakarta")


# Tasks of another package, found by entry points as ours are


class NoteOptions(tasks.Options):
    """What the task of these tests takes."""

    text: str = "noted"
    times: int = 1


class Notes:
    """What the tasks below did, and what keeps them from finishing."""

    def __init__(self) -> None:
        self.planned: list[datetime] = []
        self.language = ""
        self.begun = threading.Event()
        self.may_end = threading.Event()


notes = Notes()


@tasks.task(NoteOptions)
def note(installation: Installation, options: NoteOptions, *, now: datetime, planned: datetime) -> Mapping[str, Any]:
    notes.planned.append(planned)
    notes.language = i18n.language.get()
    return {"text": options.text}


@tasks.task(NoteOptions)
def slow(installation: Installation, options: NoteOptions, *, now: datetime, planned: datetime) -> Mapping[str, Any]:
    notes.planned.append(planned)
    notes.begun.set()
    assert notes.may_end.wait(10)
    return {}


@tasks.task(NoteOptions)
def refuses(installation: Installation, options: NoteOptions, *, now: datetime, planned: datetime) -> Mapping[str, Any]:
    raise DissemError("The paper is out at {place}.", place="town hall, key hush-hush-123")


@tasks.task(NoteOptions)
def breaks(installation: Installation, options: NoteOptions, *, now: datetime, planned: datetime) -> Mapping[str, Any]:
    raise ZeroDivisionError("hush-hush-123")


@pytest.fixture(autouse=True)
def other_tasks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package that offers the tasks above."""
    global notes
    notes = Notes()
    place = tmp_path_factory.mktemp("site")
    package = place / "notes-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: notes\nVersion: 1\n")
    names = "\n".join(f"test.{name} = {__name__}:{name}" for name in ("note", "slow", "refuses", "breaks"))
    (package / "entry_points.txt").write_text(f"[dissem.tasks]\n{names}\ntest.gone = nowhere_at_all:gone\n")
    monkeypatch.syspath_prepend(place)
    tasks.task_names.cache_clear()
    tasks.task_named.cache_clear()
    yield
    notes.may_end.set()
    tasks.task_names.cache_clear()
    tasks.task_named.cache_clear()


def a_job(task: str = "test.note", cron: str = "* * * * *", if_missed: IfMissed = IfMissed.ONCE) -> Job:
    return Job("noting", task, cron, "Asia/Jakarta", if_missed, NoteOptions())


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def runs(installation: Installation) -> list[JobRun]:
    """What is recorded, oldest plan first, without the row that marks the first sight."""
    with installation.database.read() as session:
        rows = session.exec(select(JobRun).order_by(col(JobRun.planned))).all()
    return [row for row in rows if row.planned.year > 1970]


def known_since(installation: Installation, job: Job, moment: datetime) -> None:
    """Let a daemon see *job* for the first time at *moment*, when nothing is planned."""
    assert claim(installation.database, job, owner="earlier", now=moment) is None


# Job files


def test_a_job_file_is_read_with_the_options_its_task_declares(tmp_path: Path) -> None:
    write(
        tmp_path,
        "note-it.toml",
        """
        task = "test.note"
        cron = "0 8 * * mon-fri"
        timezone = "WITA"
        if_missed = "skip"
        [options]
        times = 3
        """,
    )

    assert read_jobs(tmp_path, Config()) == [
        Job("note-it", "test.note", "0 8 * * mon-fri", "Asia/Makassar", IfMissed.SKIP, NoteOptions(times=3))
    ]


def test_a_job_without_a_zone_keeps_the_time_of_the_office_and_is_run_once_if_missed(tmp_path: Path) -> None:
    write(tmp_path, "note-it.toml", 'task = "test.note"\ncron = "0 8 * * *"\n')

    [job] = read_jobs(tmp_path, Config(office=Office(timezone="Asia/Jayapura")))

    assert (job.timezone, job.if_missed) == ("Asia/Jayapura", IfMissed.ONCE)


def test_the_shipped_job_files_are_right_and_cover_every_task() -> None:
    found = read_jobs(jobs.shipped(), Config())

    assert check(jobs.shipped()) == []
    assert {job.task for job in found} == {"engagement.collect", "report.weekly", "tokens.renew"}


@pytest.mark.parametrize(
    ("line", "text", "hint"),
    [
        ('task = "report.weakly"', "There is no task named report.weakly.", "Did you mean report.weekly?"),
        ('task = "dance"', "There is no task named dance.", "Known tasks: engagement.collect, report.weekly"),
        ('task = "test.gone"', "test.gone cannot be loaded", ""),
        ('timezone = "Asia/Jakrta"', 'no time zone "Asia/Jakrta"', 'Did you mean "Asia/Jakarta"?'),
        ('if_mised = "skip"', "no setting if_mised", "Did you mean if_missed?"),
        ('if_missed = "often"', "if_missed cannot be used", ""),
        ('options.txt = "x"', "no setting options.txt", "Did you mean text?"),
        ("options.times = []", "options.times cannot be used", ""),
        ('cron = "30 6 * *"', "cron has five fields", ""),
        ('cron = "61 6 * * mon"', "cron cannot be used", ""),
        ('cron = "0 0 31 2 *"', "never comes", ""),
        ('cron = "0 8 1 * mon"', "both and some as either", "Put *"),
        ('cron = "30 6 * * 1"', "1 is not a name", "Write mon."),
        ('cron = "30 6 * * 0"', "0 is not a name", "Write sun."),
        ('cron = "30 6 * * 7"', "7 is not a name", "Write sun."),
        ('cron = "30 6 * * 1-5"', "1-5 is not a name", "Write mon,tue,wed,thu,fri."),
        ('cron = "30 6 * * */2"', "*/2 is not a name", "Write sun,tue,thu,sat."),
        ('cron = "30 6 * * fri-mon"', "fri-mon is not a name", "Write fri,sat,sun,mon."),
        ('cron = "30 6 * * Senin"', "senin is not a name", "Write mon."),
        ('cron = "30 6 * * wednesday,5"', "wednesday,5 is not a name", "Write wed,fri."),
        ('cron = "30 6 * * 9"', "9 is not a name", "Write mon, tue"),
        ("cron", "not valid TOML", ""),
    ],
)
def test_what_is_wrong_with_a_job_file_is_one_sentence_with_the_way_out(
    tmp_path: Path, line: str, text: str, hint: str
) -> None:
    lines = {"task": 'task = "test.note"', "cron": 'cron = "0 8 * * *"', line.split(" ")[0]: line}
    write(tmp_path, "noting.toml", "\n".join(lines.values()))

    [error] = check(tmp_path)

    assert str(error).startswith("noting.toml")
    assert text in str(error)
    assert hint in error.hint
    assert read_jobs(tmp_path, Config()) == []


def test_every_mistake_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "My Job.toml", 'task = "dance"\ncron = "0 8 * * 2"\n')
    write(tmp_path, "empty.toml", "")

    told_all = [str(error) for error in check(tmp_path)]

    assert [text.partition(":")[0] for text in told_all] == ["My Job.toml"] * 3 + ["empty.toml"] * 2
    assert "the line cron is missing" in told_all[-1]


def test_a_wrong_job_file_takes_no_other_job_with_it(tmp_path: Path) -> None:
    write(tmp_path, "good.toml", 'task = "test.note"\ncron = "0 8 * * *"\n')
    write(tmp_path, "bad.toml", "nonsense")

    assert [job.name for job in read_jobs(tmp_path, Config())] == ["good"]


def test_asking_for_a_job_that_is_not_there_suggests_one_that_is(tmp_path: Path) -> None:
    write(tmp_path, "noting.toml", 'task = "test.note"\ncron = "0 8 * * *"\n')

    with pytest.raises(NotFound) as caught:
        job_named("notting", tmp_path, Config())

    assert caught.value.hint == "Did you mean noting?"
    assert job_named("noting", tmp_path, Config()).name == "noting"


def test_asking_for_a_job_whose_file_is_wrong_says_what_is_wrong(tmp_path: Path) -> None:
    write(tmp_path, "noting.toml", 'task = "dance"\ncron = "0 8 * * *"\n')

    with pytest.raises(WrongInput, match="no task named dance"):
        job_named("noting", tmp_path, Config())


def test_a_folder_that_is_missing_has_no_jobs_and_no_mistakes(tmp_path: Path) -> None:
    assert read_jobs(tmp_path / "jobs", Config()) == []
    assert check(tmp_path / "jobs") == []


# Planned moments


def test_planned_moments_are_local_times_as_instants_after_the_first_bound_up_to_the_second() -> None:
    assert planned_between(REPORT, MONDAY, MONDAY + 2 * WEEK) == [MONDAY + WEEK, MONDAY + 2 * WEEK]
    assert planned_between(REPORT, MONDAY - timedelta.resolution, MONDAY) == [MONDAY]


def test_a_weekday_is_the_one_that_is_written() -> None:
    [moment] = planned_between(REPORT, MONDAY, MONDAY + WEEK)

    assert moment.astimezone(UTC).strftime("%A %H:%M") == "Sunday 23:30"  # Monday 06.30 in Jakarta


@pytest.mark.parametrize("pause", [timedelta(minutes=3), timedelta(hours=20), timedelta(days=40), timedelta(days=800)])
def test_run_once_takes_the_newest_missed_moment_however_long_the_pause(pause: timedelta) -> None:
    hourly = a_job(cron="0 * * * *")
    begun = datetime(2026, 11, 23, 0, 59, tzinfo=UTC)

    newest = to_run(hourly, after=begun, now=begun + pause)

    assert newest == (begun + pause).replace(minute=0)


def test_skip_takes_the_moment_that_has_just_come_and_none_that_was_missed() -> None:
    job = a_job(cron="30 6 * * mon", if_missed=IfMissed.SKIP)

    assert to_run(job, after=MONDAY - WEEK, now=MONDAY + timedelta(seconds=59)) == MONDAY
    assert to_run(job, after=MONDAY - WEEK, now=MONDAY + MINUTE) is None


def test_run_all_takes_the_oldest_first() -> None:
    job = a_job(cron="30 6 * * mon", if_missed=IfMissed.ALL)

    assert to_run(job, after=MONDAY - 3 * WEEK, now=MONDAY) == MONDAY - 2 * WEEK


def test_nothing_is_to_run_before_its_time() -> None:
    for if_missed in IfMissed:
        job = a_job(cron="30 6 * * mon", if_missed=if_missed)

        assert to_run(job, after=MONDAY - WEEK, now=MONDAY - timedelta.resolution) is None


# Runs


def test_a_new_job_counts_from_its_first_sight_also_after_a_restart(installation: Installation) -> None:
    job = a_job(cron="30 6 * * mon")
    known_since(installation, job, MONDAY - MINUTE)

    taken = claim(installation.database, job, owner="restarted", now=MONDAY + timedelta(days=2))

    assert taken is not None
    assert taken.planned == MONDAY


def test_a_new_job_makes_up_for_nothing_that_was_before_it(installation: Installation) -> None:
    job = a_job(cron="30 6 * * mon", if_missed=IfMissed.ALL)

    assert claim(installation.database, job, owner="one", now=MONDAY + MINUTE) is None
    assert runs(installation) == []


def test_however_many_daemons_ask_a_planned_moment_is_taken_once(installation: Installation) -> None:
    job = a_job(cron="30 6 * * mon")
    barrier = threading.Barrier(8)

    def ask(number: int, now: datetime) -> JobRun | None:
        barrier.wait(10)
        return claim(installation.database, job, owner=f"daemon {number}", now=now)

    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(ask, range(8), [MONDAY - MINUTE] * 8))
        second = list(pool.map(ask, range(8), [MONDAY] * 8))

    assert first == [None] * 8
    assert len([run for run in second if run]) == 1
    assert [run.planned for run in runs(installation)] == [MONDAY]


def test_a_run_whose_daemon_died_is_taken_again_once_by_one_of_the_others(installation: Installation) -> None:
    job = a_job(cron="30 6 * * mon")
    known_since(installation, job, MONDAY - MINUTE)
    assert claim(installation.database, job, owner="dead", now=MONDAY)
    later = MONDAY + job_runs.LEASE

    assert claim(installation.database, job, owner="early", now=later - timedelta(seconds=1)) is None
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda n: claim(installation.database, job, owner=f"d{n}", now=later), range(4)))

    [again] = [run for run in taken if run]
    assert again.planned == MONDAY
    assert [run.owner for run in runs(installation)] == [again.owner]


def test_the_late_end_of_a_run_that_was_taken_over_changes_nothing(installation: Installation) -> None:
    job = a_job(cron="30 6 * * mon")
    known_since(installation, job, MONDAY - MINUTE)
    lost = claim(installation.database, job, owner="suspended", now=MONDAY)
    taken = claim(installation.database, job, owner="other", now=MONDAY + job_runs.LEASE)
    assert lost and taken

    carry_out(installation, job, lost, now=lambda: MONDAY + 2 * job_runs.LEASE)

    [run] = runs(installation)
    assert (run.owner, run.finished) == ("other", None)


def test_a_run_that_takes_every_daemon_with_it_is_given_up(installation: Installation) -> None:
    job = a_job(cron="30 6 * * mon")
    known_since(installation, job, MONDAY - MINUTE)
    now = MONDAY
    for _death in range(job_runs.MOST_DEATHS):
        assert claim(installation.database, job, owner="dies", now=now)
        now += job_runs.LEASE

    assert claim(installation.database, job, owner="lives", now=now) is None

    [run] = runs(installation)
    assert run.ok is False
    assert "stopped 3 times while job noting was running" in told(run.detail)
    assert claim(installation.database, job, owner="lives", now=MONDAY + WEEK)


def test_the_successor_on_sqlite_need_not_wait_for_leases(installation: Installation) -> None:
    job = a_job(cron="30 6 * * mon")
    known_since(installation, job, MONDAY - MINUTE)
    assert claim(installation.database, job, owner="dead", now=MONDAY)

    assert job_runs.end_leases(installation.database, now=MONDAY, but="successor") == 1

    assert claim(installation.database, job, owner="successor", now=MONDAY)


def test_a_clock_that_was_days_ahead_does_not_silence_a_job_until_then(installation: Installation) -> None:
    job = a_job(cron="30 6 * * mon")
    known_since(installation, job, MONDAY - MINUTE)
    ahead = claim(installation.database, job, owner="one", now=MONDAY + 5 * WEEK)
    assert ahead
    carry_out(installation, job, ahead, now=lambda: MONDAY + 5 * WEEK)

    right = claim(installation.database, job, owner="one", now=MONDAY)

    assert right is not None
    assert right.planned == MONDAY


def test_how_a_run_went_is_written_down_with_what_it_did(installation: Installation) -> None:
    job = a_job(cron="30 6 * * mon")
    known_since(installation, job, MONDAY - MINUTE)
    run = claim(installation.database, job, owner="one", now=MONDAY)
    assert run

    carry_out(installation, job, run, now=lambda: MONDAY + MINUTE)

    [kept] = runs(installation)
    assert (kept.finished, kept.ok, kept.detail) == (MONDAY + MINUTE, True, {"text": "noted"})
    assert notes.planned == [MONDAY]


def test_tasks_write_in_the_language_of_the_office_and_the_caller_keeps_its_own(installation: Installation) -> None:
    run_now(installation, a_job(), owner="person", now=lambda: MONDAY)

    assert notes.language == "id"
    assert i18n.language.get() == "en"


@pytest.mark.parametrize(
    ("task", "sentence"),
    [("test.refuses", "The paper is out at town hall"), ("test.breaks", "nobody thought of (ZeroDivisionError)")],
)
def test_a_failed_run_keeps_one_sentence_no_traceback_and_no_secret(
    installation: Installation, task: str, sentence: str
) -> None:
    redaction.learn("hush-hush-123")

    [run] = run_now(installation, a_job(task), owner="person", now=lambda: MONDAY)

    [kept] = runs(installation)
    assert (run.ok, kept.ok) == (False, False)
    assert sentence in told(kept.detail)
    assert "hush" not in json.dumps(kept.detail)
    assert "Traceback" not in json.dumps(kept.detail)


def test_the_lease_is_renewed_while_a_task_takes_long(installation: Installation) -> None:
    job, lease = a_job("test.slow"), timedelta(milliseconds=30)
    run = claim(installation.database, job, owner="one", now=MONDAY, lease=lease, otherwise=MONDAY)
    assert run
    moments = iter(range(1, 10_000))
    renewed = threading.Event()

    def now() -> datetime:
        number = next(moments)
        if number > 3:
            renewed.set()
        return MONDAY + number * MINUTE

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(carry_out, installation, job, run, now=now, lease=lease)
        assert renewed.wait(10)
        [kept] = runs(installation)
        notes.may_end.set()

    assert kept.lease_until >= MONDAY + 2 * MINUTE
    assert done.result().ok is True


def test_a_person_who_asks_for_a_run_gets_what_was_missed_first(installation: Installation) -> None:
    job = a_job(cron="30 6 * * mon", if_missed=IfMissed.ALL)
    known_since(installation, job, MONDAY - WEEK - MINUTE)

    run_now(installation, job, owner="person", now=lambda: MONDAY + MINUTE)
    assert notes.planned == [MONDAY - WEEK, MONDAY]

    run_now(installation, job, owner="person", now=lambda: MONDAY + 2 * MINUTE)
    assert notes.planned[2:] == [MONDAY + 2 * MINUTE]


def test_a_person_who_asks_while_it_is_running_is_told(installation: Installation) -> None:
    job = a_job()
    assert claim(installation.database, job, owner="daemon", now=MONDAY, otherwise=MONDAY)

    with pytest.raises(Conflict, match="running already"):
        run_now(installation, job, owner="person", now=lambda: MONDAY)


def test_the_newest_run_of_each_job_is_told_and_first_sights_are_not_runs(installation: Installation) -> None:
    run_now(installation, a_job(), owner="person", now=lambda: MONDAY)
    run_now(installation, a_job("test.breaks"), owner="person", now=lambda: MONDAY + MINUTE)
    known_since(installation, REPORT, MONDAY)

    with installation.database.read() as session:
        newest = last_runs(session)

    assert {name: run.ok for name, run in newest.items()} == {"noting": False}


# The clock


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


class Hand:
    """A clock that is moved by hand."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


def finished(*clocks: JobClock) -> None:
    """Wait for the threads of the runs that were started."""
    for one in clocks:
        for thread, _run in list(one._running.values()):
            thread.join(10)
            assert not thread.is_alive()


def test_two_daemons_on_one_database_carry_out_each_moment_once(
    installation: Installation, stop: threading.Event
) -> None:
    write(installation.jobs, "noting.toml", 'task = "test.note"\ncron = "* * * * *"\n')
    hand = Hand(MONDAY)
    daemons = [JobClock(installation, f"daemon {n}", stop, now=hand) for n in range(2)]

    for _minute in range(5):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(JobClock.tick, daemons))
        finished(*daemons)
        hand.moment += MINUTE

    assert notes.planned == [MONDAY + n * MINUTE for n in range(1, 5)]
    assert [run.ok for run in runs(installation)] == [True] * 4


def test_run_all_catches_up_within_one_tick(installation: Installation, stop: threading.Event) -> None:
    write(installation.jobs, "noting.toml", 'task = "test.note"\ncron = "* * * * *"\nif_missed = "run all"\n')
    hand = Hand(MONDAY)
    daemon = JobClock(installation, "daemon", stop, now=hand)
    daemon.tick()

    hand.moment += 4 * MINUTE
    daemon.tick()
    finished(daemon)

    assert notes.planned == [MONDAY + n * MINUTE for n in range(1, 5)]


def test_a_long_run_is_not_joined_by_another_of_its_job_and_delays_no_other_job(
    installation: Installation, stop: threading.Event
) -> None:
    write(installation.jobs, "a-long-one.toml", 'task = "test.slow"\ncron = "* * * * *"\n')
    write(installation.jobs, "noting.toml", 'task = "test.note"\ncron = "* * * * *"\n')
    hand = Hand(MONDAY)
    daemon = JobClock(installation, "daemon", stop, now=hand)
    daemon.tick()

    for _look in range(2):
        hand.moment += job_runs.LEASE  # the machine slept: nothing could be renewed
        daemon.tick()
        assert notes.begun.wait(10)
        daemon._running["a-long-one"][0].join(0.01)
        if "noting" in daemon._running:
            daemon._running["noting"][0].join(10)
    stop.set()
    notes.may_end.set()
    finished(daemon)

    by_job = [run.job for run in runs(installation)]
    assert sorted(by_job) == ["a-long-one", "noting", "noting"]


def test_a_job_file_that_changes_takes_effect_without_a_restart(
    installation: Installation, stop: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    hand = Hand(MONDAY)
    daemon = JobClock(installation, "daemon", stop, now=hand)
    daemon.tick()
    write(installation.jobs, "noting.toml", 'task = "test.note"\ncron = "* * * * *"\n')
    daemon.tick()
    hand.moment += MINUTE
    daemon.tick()
    finished(daemon)
    assert len(notes.planned) == 1

    write(installation.jobs, "noting.toml", 'task = "test.nothing"\ncron = "* * * * *"\n')
    hand.moment += MINUTE
    daemon.tick()
    daemon.tick()
    finished(daemon)

    assert len(notes.planned) == 1
    assert caplog.text.count("no task named test.nothing") == 1  # complained of once, not every minute


def test_what_does_not_finish_in_time_can_be_taken_at_once(installation: Installation, stop: threading.Event) -> None:
    write(installation.jobs, "slowly.toml", 'task = "test.slow"\ncron = "* * * * *"\n')
    hand = Hand(MONDAY)
    daemon = JobClock(installation, "daemon", stop, now=hand)
    daemon.tick()
    hand.moment += MINUTE
    daemon.tick()
    assert notes.begun.wait(10)

    daemon.finish(0)

    [job] = read_jobs(installation.jobs, installation.config)
    again = claim(installation.database, job, owner="next", now=hand.moment)
    assert again is not None
    assert again.planned == MONDAY + MINUTE
    notes.may_end.set()
    finished(daemon)
    assert [run.finished for run in runs(installation)] == [None]


def test_the_real_clock_looks_at_once_when_it_starts(installation: Installation, stop: threading.Event) -> None:
    write(installation.jobs, "noting.toml", 'task = "test.slow"\ncron = "* * * * *"\n')
    [job] = read_jobs(installation.jobs, installation.config)
    known_since(installation, job, datetime.now(UTC) - WEEK)
    daemon = JobClock(installation, "daemon", stop)

    daemon.start()
    assert notes.begun.wait(10)
    notes.may_end.set()
    daemon.finish(10)

    [run] = runs(installation)
    assert run.ok is True


# The tasks dissem brings


def test_the_weekly_report_is_of_the_week_before_its_plan_and_can_be_written_again(installation: Installation) -> None:
    options = tasks.WeeklyOptions()
    late = MONDAY + timedelta(days=10)  # made up for, more than a week later

    done = tasks.task_named("report.weekly")(installation, options, now=late, planned=MONDAY)
    again = tasks.task_named("report.weekly")(installation, options, now=late, planned=MONDAY)

    files = [f"reports/2026-W47.{ending}" for ending in ("html", "json", "txt")]
    assert done == again == {"week": "2026-W47", "files": files, "sent": []}
    assert sorted(file.name for file in (installation.home / "reports").iterdir()) == [
        "2026-W47.html",
        "2026-W47.json",
        "2026-W47.txt",
    ]
    assert json.loads((installation.home / "reports" / "2026-W47.json").read_text())["week"] == "2026-W47"


@pytest.mark.parametrize("folder", ["/etc", "../elsewhere", "a/../../b", " "])
def test_reports_are_written_inside_the_installation_only(folder: str) -> None:
    with pytest.raises(ValueError, match="inside the installation"):
        tasks.WeeklyOptions(folder=folder)


def test_collecting_engagement_says_what_was_read(installation: Installation) -> None:
    done = tasks.task_named("engagement.collect")(installation, tasks.CollectOptions(), now=MONDAY, planned=MONDAY)

    nothing = {"read": 0, "unavailable": 0, "gone": 0, "failed": 0, "reasons": {}}
    watched, followers = {"accounts": 0, "found": 0, "reasons": {}}, {"read": 0, "reasons": {}}
    assert done == {**nothing, "watched": watched, "followers": followers, "thrown_away": 0}
