"""Jumping clocks, days away, a database that is full, locked, read-only, damaged or lost: nothing twice or early."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlmodel import select
from town import START, Town

from dissem.channels import client
from dissem.channels.client import others_agree
from dissem.clock import zone
from dissem.daemon import run as running
from dissem.daemon.health import ailments
from dissem.daemon.run import alone, holder, run
from dissem.errors import Broken, Conflict
from dissem.models import Daemon, Delivery, State
from dissem.phrases import understand
from dissem.queue import gate
from dissem.queue.engine import Engine, Tick
from dissem.queue.engines import threads
from dissem.queue.engines.threads import Threads
from dissem.queue.steady import SteadyClock, is_synchronised
from dissem.store.database import Database
from dissem.store.installation import Installation

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Machine:
    """A wall clock that can be set, and one that only runs."""

    def __init__(self) -> None:
        self.wall, self.boot, self.right = START, 1000.0, False
        self.steady = SteadyClock(lambda: self.wall, lambda: self.boot, lambda wall: self.right)

    def pass_(self, span: timedelta) -> None:
        """Time that really passes, also while the machine sleeps."""
        self.wall += span
        self.boot += span.total_seconds()

    def set(self, span: timedelta) -> None:
        self.wall += span


@pytest.fixture
def machine() -> Machine:
    return Machine()


# The clock


def test_time_that_passes_is_followed_also_while_the_machine_sleeps(machine: Machine) -> None:
    for span in (timedelta(seconds=1), 8 * HOUR, timedelta(milliseconds=1)):
        machine.pass_(span)
        assert machine.steady() == machine.wall


def test_a_jump_forward_is_not_followed_but_time_goes_on(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    machine.set(2 * DAY)
    for _ in range(3):
        machine.pass_(MINUTE)
        machine.steady()

    assert machine.steady() == START + 3 * MINUTE
    assert caplog.text.count("The clock jumped forward by 2 days") == 1
    assert "restart the daemon" in caplog.text


def test_a_jump_forward_that_is_undone_leaves_nothing_behind(machine: Machine) -> None:
    machine.set(2 * DAY)
    machine.steady()
    machine.set(-2 * DAY)
    machine.pass_(HOUR)

    assert machine.steady() == START + HOUR


def test_a_jump_forward_is_followed_once_somebody_vouches_for_it(machine: Machine) -> None:
    machine.set(DAY)
    assert machine.steady() == START

    machine.right = True

    assert machine.steady() == START + DAY


def test_a_clock_that_is_set_back_is_followed_at_once(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    machine.set(-DAY)

    assert machine.steady() == START - DAY
    assert "the clock was set" in caplog.text


def test_a_clock_that_is_slowly_put_right_is_followed(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(100):
        machine.pass_(timedelta(seconds=1))
        machine.set(timedelta(seconds=1.5))
        machine.steady()

    assert machine.steady() == machine.wall
    assert caplog.text == ""


def test_the_kernel_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_synchronised() in (True, False)

    class Answers:
        def __init__(self, answer: int) -> None:
            self.adjtimex = lambda buffer: answer

    for answer, right in ((0, True), (4, True), (5, False), (-1, False)):
        monkeypatch.setattr("ctypes.CDLL", lambda name, a=answer: Answers(a))
        assert is_synchronised() is right


def test_two_platforms_that_agree_vouch_for_the_time_and_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"a.example": (format_datetime(START), client.time.monotonic())}
    monkeypatch.setattr(client, "_told_times", told)
    assert not others_agree(START)

    told["b.example"] = (format_datetime(START + MINUTE), client.time.monotonic())
    told["c.example"] = ("yesterday", client.time.monotonic())

    assert others_agree(START)
    assert not others_agree(START + DAY)


def test_a_jump_forward_breaks_no_embargo(town: Town, machine: Machine) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel, due=DAY)
    machine.set(3 * DAY)

    claimed = town.claims.publishing(now=machine.steady(), limit=5)
    running_late = town.claims.preparing(now=machine.steady(), limit=5)

    assert (claimed, running_late) == ([], [])
    assert town.see(number).state is State.WAITING
    machine.set(-3 * DAY)
    machine.pass_(DAY)
    assert [c.delivery.id for c in town.claims.publishing(now=machine.steady(), limit=5)] == [number]
    assert wall.publishes == 0


def test_the_daemon_follows_the_steady_clock(installation: Installation) -> None:
    engine = running._threads(installation, "owner")

    assert isinstance(engine, Threads)
    assert isinstance(engine.now, SteadyClock)
    assert engine.carrier.now is engine.now


def test_a_clock_set_back_while_a_post_is_sent_publishes_it_once(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.before_publish = lambda: town.clock.pass_(days=-2)

    town.work(3)
    town.clock.pass_(days=2)
    town.work(3)

    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 1


def test_what_is_due_keeps_its_instant_and_its_approval_when_the_rules_of_a_zone_change(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = understand("2026-11-25 09:00", now=START, zone=zone("Asia/Jakarta"))
    channel, wall = town.channel()
    number = town.delivery(channel, due=due - START)
    moved = understand("2026-11-25 09:00", now=START, zone=zone("Asia/Makassar"))  # as if WIB were an hour further

    assert moved == due - HOUR
    town.clock.time = moved
    town.work()
    assert wall.publishes == 0
    town.clock.time = due
    town.work()

    assert town.see(number).state is State.PUBLISHED
    with town.installation.database.read() as session:
        kept = session.get_one(Delivery, number)
        assert gate.stamp(kept.due) == gate.stamp(due)


# Away


def test_after_two_days_away_the_useful_ones_go_out_in_their_order_and_with_the_gap(town: Town) -> None:
    channel, wall = town.channel(gap=300)
    texts = ("ketiga", "pertama", "kedua")
    due = zip(texts, (9, 1, 5), strict=True)
    numbers = [town.delivery(channel, said, due=hours * HOUR, lasts=72 * HOUR) for said, hours in due]
    late = town.delivery(channel, "sudah basi", due=HOUR, lasts=12 * HOUR)
    times = []
    wall.before_publish = lambda: times.append(town.clock())

    town.clock.pass_(days=2)
    town.work_for(MINUTE, 20)

    assert [pinned.text for pinned in wall.pinned] == ["pertama", "kedua", "ketiga"]
    assert [b - a >= 5 * MINUTE for a, b in pairwise(times)] == [True, True]
    assert all(town.see(number).state is State.PUBLISHED for number in numbers)
    assert town.see(late).state is State.MISSED
    assert "latest useful time" in str(town.see(late).reason)


def test_a_machine_that_slept_over_three_due_times_misses_the_urgent_one_and_sends_the_others(
    town: Town, machine: Machine
) -> None:
    channel, wall = town.channel()
    warning = town.delivery(channel, "peringatan", due=HOUR, lasts=30 * MINUTE, urgent=True)
    others = [town.delivery(channel, f"rilis {n}", due=n * HOUR) for n in (2, 3)]

    machine.pass_(8 * HOUR)
    town.clock.time = machine.steady()
    town.work(3)

    assert town.see(warning).state is State.MISSED
    assert [town.see(number).state for number in others] == [State.PUBLISHED] * 2
    assert [pinned.text for pinned in wall.pinned] == ["rilis 2", "rilis 3"]


def test_what_was_in_hand_when_the_machine_fell_asleep_is_not_sent_when_it_wakes(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    [claimed] = town.claims.publishing(now=town.clock(), limit=1)
    slept = claimed.taken + 8 * 3600
    monkeypatch.setattr("dissem.queue.carry.boot_time", lambda: slept)

    town.carrier.publish(claimed)

    assert (town.see(number).state, wall.publishes) == (State.WAITING, 0)


# Two by accident


class Rest(Engine):
    def run(self, stop: Event, *, until_idle: bool = False, tick: Tick = lambda now: None) -> None:
        """Nothing."""


@only_sqlite
def test_a_second_daemon_touches_nothing(installation: Installation) -> None:
    with alone(installation.data), pytest.raises(Conflict, match="running here already"):
        run(installation, engine=Rest())

    with installation.database.read() as session:
        assert session.exec(select(Daemon)).all() == []


@only_sqlite
def test_who_holds_the_lock_is_known_without_touching_it(installation: Installation) -> None:
    import os

    assert holder(installation.data) is None
    with alone(installation.data):
        assert holder(installation.data) == os.getpid()
        with pytest.raises(Conflict):  # it is still held
            run(installation, engine=Rest())

    assert holder(installation.data) is None


@only_sqlite
def test_the_doctor_tells_a_daemon_out_of_time_from_none(installation: Installation) -> None:
    with alone(installation.data):
        said = [str(one) for one in ailments(installation, now=START)]

    assert any("gives no sign of life" in one for one in said)
    assert not any("No daemon is running" in one for one in said)


# The database


@contextmanager
def pragma(database: Database, *statements: str) -> Iterator[None]:
    """Every connection of *database* begins with *statements*."""

    def connected(connection: Any, record: object) -> None:
        for statement in statements:
            connection.execute(statement)

    database.engine.dispose()
    event.listen(database.engine, "connect", connected)
    try:
        yield
    finally:
        event.remove(database.engine, "connect", connected)
        database.engine.dispose()


@only_sqlite
def test_a_full_disk_is_named_and_nothing_is_half_written(installation: Installation) -> None:
    database = installation.database
    with pragma(database, "PRAGMA max_page_count=1"), pytest.raises(Broken) as caught, database.write() as session:
        session.execute(text("CREATE TABLE big AS SELECT randomblob(1000000) AS content"))

    assert str(caught.value) == "The disk is full; nothing was written."
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM sqlite_master WHERE name = 'big'")).scalar() == 0


@only_sqlite
@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("PRAGMA query_only=ON", "The database cannot be written."),
        ("PRAGMA busy_timeout=10", "The database is busy."),
    ],
    ids=["read-only", "locked"],
)
def test_while_nothing_can_be_written_nothing_is_sent_and_afterwards_once(
    town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: str, said: str
) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    engine = Threads(town.installation, "worker", now=town.clock)
    locking = town.installation.database.engine.raw_connection()
    if "busy" in trouble:
        locking.driver_connection.execute("BEGIN IMMEDIATE")

    with pragma(town.installation.database, trouble):
        rest = engine._turn(lambda now: None)
    locking.driver_connection.rollback()
    locking.close()

    assert rest == threads.LONGEST
    assert said in caplog.text
    assert (town.see(number).state, wall.publishes) == (State.WAITING, 0)
    town.work()
    assert (town.see(number).state, wall.publishes) == (State.PUBLISHED, 1)


@only_sqlite
def test_a_damaged_page_stops_the_queue_with_a_sentence(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    channel, wall = town.channel()
    town.delivery(channel)
    database = town.installation.database
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'delivery'").scalar()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar()
    database.close()
    assert database.file
    with database.file.open("r+b") as file:
        file.seek((int(root) - 1) * int(size))
        file.write(b"\xff" * int(size))

    rest = Threads(town.installation, "worker", now=town.clock)._turn(lambda now: None)

    assert rest == threads.LONGEST
    assert "The database file is damaged." in caplog.text
    assert wall.publishes == 0
    assert any("dissem restore FILE --replace" in one.hint for one in ailments(town.installation, now=town.clock()))


@only_sqlite
def test_a_lost_file_stops_the_queue_and_no_empty_one_takes_its_place(
    town: Town, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    file = town.installation.database.file
    assert file
    town.installation.database.close()
    shutil.move(file, tmp_path / "moved")

    rest = Threads(town.installation, "worker", now=town.clock)._turn(lambda now: None)

    assert (rest, wall.publishes, file.exists()) == (threads.LONGEST, 0, False)
    assert "is missing" in caplog.text
    shutil.move(tmp_path / "moved", file)
    town.work()
    assert town.see(number).state is State.PUBLISHED


def test_an_outcome_that_finds_the_disk_full_is_written_when_there_is_room(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    full = iter([Broken("The disk is full; nothing was written.")] * 2)
    record = town.carrier.record

    def recording(*arguments: Any) -> None:
        for trouble in full:
            raise trouble
        record(*arguments)

    monkeypatch.setattr(town.carrier, "record", recording)

    town.work()

    assert (town.see(number).state, wall.publishes) == (State.PUBLISHED, 1)
