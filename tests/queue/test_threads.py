"""The threads engine: punctual, awake, fair, and calm when the database or a platform is not."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from copy import copy
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Event, Lock
from typing import Any

import pytest
from noticeboard import Noticeboard, Wall
from sqlalchemy import text
from sqlmodel import Session, select
from town import Clock, Town

from dissem.channels.adapter import Account, Attachment
from dissem.channels.errors import Unauthorized, Uncertain, Unreachable
from dissem.clock import utc_now
from dissem.compose.media import stored
from dissem.config import Config, DaemonSection, Timing
from dissem.errors import told
from dissem.models import Attempt, Channel, ChannelState, State
from dissem.queue.carry import Carrier, Outcome
from dissem.queue.claims import Claimed, end_leases
from dissem.queue.engines import threads
from dissem.queue.engines.threads import Threads
from dissem.store.bell import ring
from dissem.store.database import Database
from dissem.store.installation import Installation

LIMIT = 20.0  # seconds; a guard, nothing here takes a tenth of it
SOON = timedelta(milliseconds=150)

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


class RealClock(Clock):
    """The present instant."""

    def __call__(self) -> datetime:
        return utc_now()


@pytest.fixture
def clock() -> Clock:
    """These tests run in real time; those that must not have a clock of their own."""
    return RealClock()


@pytest.fixture
def config(config: Config) -> Config:
    """Four senders, and waits of milliseconds."""
    span = timedelta(milliseconds=20)
    timing = Timing(backoff=span, backoff_cap=span, look_again=span, breaker=2 * span)
    return config.model_copy(update={"timing": timing, "daemon": DaemonSection(senders=4, uploads=2, lookups=2)})


class Ticks:
    """Counts the engine's looks at the database."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, now: datetime) -> None:
        self.count += 1

    def more(self, looks: int = 3) -> None:
        """Wait for so many further looks."""
        goal = self.count + looks
        happens(lambda: self.count >= goal)

    def none(self) -> None:
        """Wait until the engine sleeps."""
        seen = -1
        while seen != self.count:
            seen = self.count
            time.sleep(0.1)


@contextmanager
def running(*engines: Threads, tick: Ticks | None = None) -> Iterator[Event]:
    """*engines* at work, until the block ends; what they raise is raised."""
    stop = Event()
    with ThreadPoolExecutor(len(engines)) as pool:
        runs = [pool.submit(engine.run, stop, tick=tick or Ticks()) for engine in engines]
        try:
            yield stop
        finally:
            stop.set()
            for run in runs:
                run.result(LIMIT)


@contextmanager
def until_idle(engine: Threads, tick: Ticks | None = None) -> Iterator[Future[None]]:
    """*engine* at work until it is idle; the block may see to it that it will be."""
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(engine.run, stop, until_idle=True, tick=tick or Ticks())
        try:
            yield run
            run.result(LIMIT)
        finally:
            stop.set()


def run_until_idle(engine: Threads) -> None:
    with until_idle(engine):
        pass


def happens(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def engine_of(town: Town, owner: str = "engine-1", now: Callable[[], datetime] = utc_now, **more: Any) -> Threads:
    return Threads(town.installation, owner, now=now, **more)


def is_(town: Town, number: int, state: State) -> Callable[[], bool]:
    return lambda: town.see(number).state is state


def another_process(town: Town) -> Town:
    """The same town seen through a database connection of its own."""
    other = copy(town)
    other.installation = Installation(town.installation.home, town.installation.config)
    return other


def told_at_once(town: Town, channel: Channel, **more: Any) -> int:
    """A delivery scheduled by *town*, which rings as the desk does."""
    number = town.delivery(channel, **more)
    with town.installation.database.write() as session:
        ring(session)
    return number


def photo(town: Town) -> tuple[Attachment, ...]:
    name = sha256(b"photo").hexdigest()
    path = stored(town.installation.media, name, "image/jpeg")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"photo")
    return (Attachment(name, path, "image/jpeg", 5, 10, 10),)


class Gate:
    """Stands in a thread's way, and counts who stands there."""

    def __init__(self) -> None:
        self.open = Event()
        self.now = self.most = 0
        self._lock = Lock()

    def __call__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.open.wait(LIMIT)
        time.sleep(0.005)
        with self._lock:
            self.now -= 1


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A way that is shut; it opens at the latest when the test ends."""
    made = Gate()
    yield made
    made.open.set()


# Time


def test_a_delivery_is_published_at_its_time_and_not_a_tick_early(town: Town) -> None:
    channel, wall = town.channel()

    def late() -> timedelta:
        number = told_at_once(town, channel, due=SOON)
        happens(is_(town, number, State.PUBLISHED))
        return wall.pinned[-1].at - town.see(number).due

    with running(engine_of(town)):
        measured = [late() for _ in range(3)]
        while min(measured) > timedelta(milliseconds=100) and len(measured) < 60:  # a busy machine may need more
            measured.append(late())

    assert timedelta(0) <= min(measured) <= timedelta(milliseconds=100)


def test_what_another_process_schedules_wakes_the_engine_at_once(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LONGEST", timedelta(hours=1))  # it would sleep long
    channel, _ = town.channel()
    town.delivery(channel, due=timedelta(minutes=30))
    ticks, other = Ticks(), another_process(town)

    with running(engine_of(town), tick=ticks):
        ticks.none()
        number = told_at_once(other, channel, due=SOON)
        happens(is_(town, number, State.PUBLISHED))

    other.installation.close()


def test_a_clock_that_was_set_back_stops_nothing(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LONGEST", timedelta(milliseconds=20))
    now, ticks = Clock(), Ticks()
    town.clock = now
    channel, _ = town.channel()
    set_state(town, channel, ChannelState.PAUSED)

    with running(engine_of(town, now=now), tick=ticks):
        ticks.more()
        now.pass_(hours=-1)
        number = town.delivery(channel, lasts=timedelta(minutes=10))
        now.pass_(minutes=20)
        happens(is_(town, number, State.MISSED))


# Lanes, senders, uploads


def test_a_channel_that_hangs_delays_no_other(town: Town, gate: Gate) -> None:
    slow, wall = town.channel("lambat")
    wall.before_publish = gate
    hanging = town.delivery(slow)

    with running(engine_of(town)):
        happens(lambda: gate.now == 1)
        others = [town.delivery(town.channel(f"papan-{n}")[0]) for n in range(6)]
        for number in others:
            happens(is_(town, number, State.PUBLISHED))
        assert town.see(hanging).state is State.PUBLISHING

        gate.open.set()
        happens(is_(town, hanging, State.PUBLISHED))


def test_what_waits_behind_a_hanging_one_makes_no_other_late(
    town: Town, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wait in ("LONGEST", "BUSY"):
        monkeypatch.setattr(threads, wait, timedelta(hours=1))  # it must know the moment, not look around
    slow, wall = town.channel("lambat")
    wall.before_publish = gate
    for _ in range(2):
        town.delivery(slow)
    other = town.delivery(town.channel("lain")[0], due=2 * SOON)

    with running(engine_of(town)):
        happens(is_(town, other, State.PUBLISHED))
        assert gate.now == 1
        gate.open.set()


def test_a_channel_never_has_two_in_flight_however_many_engines_run(town: Town) -> None:
    channel, wall = town.channel()
    in_flight = Gate()
    in_flight.open.set()
    wall.before_publish = in_flight
    numbers = [town.delivery(channel, f"kabar {n}") for n in range(6)]

    with running(engine_of(town), engine_of(town, "engine-2")):
        for number in numbers:
            happens(is_(town, number, State.PUBLISHED))

    assert in_flight.most == 1
    assert wall.publishes == len(numbers)


def test_at_most_half_of_the_senders_serve_one_host_while_there_are_others(town: Town, gate: Gate) -> None:
    for number in range(12):  # more than a claim looks at in one go
        channel, wall = town.channel(f"ramai-{number}", api_url="https://busy.example")
        wall.before_publish = gate
        town.delivery(channel)
    other = town.delivery(town.channel("sepi", api_url="https://calm.example")[0])

    with running(engine_of(town)):
        happens(is_(town, other, State.PUBLISHED))
        happens(lambda: gate.now == 2)
        gate.open.set()

    assert gate.most == 2


def test_uploads_have_their_own_pool_and_hold_no_lane(town: Town, gate: Gate) -> None:
    def reached(point: str) -> None:
        if point == "before step":
            gate()

    channels = [town.channel(f"papan-{n}")[0] for n in range(3)]
    uploads = [town.delivery(channel, attachments=photo(town)) for channel in channels]

    with running(engine_of(town, carrier=Carrier(town.installation, reached=reached))):
        happens(lambda: gate.now == 2)
        texts = [town.delivery(channel, "tanpa foto") for channel in channels]
        for number in texts:
            happens(is_(town, number, State.PUBLISHED))
        assert gate.now == 2

        gate.open.set()
        for number in uploads:
            happens(is_(town, number, State.PUBLISHED))

    assert gate.most == 2


def test_an_upload_in_hand_is_kept_after_the_machine_slept(
    town: Town, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "LONGEST", timedelta(milliseconds=20))
    now, ticks = Clock(), Ticks()
    town.clock = now
    number = town.delivery(town.channel()[0], attachments=photo(town))
    carrier = Carrier(town.installation, now=now, reached=lambda point: gate() if point == "before step" else None)

    with running(engine_of(town, now=now, carrier=carrier), tick=ticks):
        happens(lambda: gate.now == 1)
        now.pass_(minutes=10)
        ticks.more()
        assert (town.see(number).state, town.see(number).deaths) == (State.PREPARING, 0)

        gate.open.set()
        happens(is_(town, number, State.PUBLISHED))


# The end


def test_stop_finishes_what_is_in_hand_and_claims_nothing_more(town: Town, gate: Gate) -> None:
    channel, wall = town.channel()
    wall.before_publish = gate
    first, second = town.delivery(channel, "satu"), town.delivery(channel, "dua")

    with running(engine_of(town)) as stop:
        happens(lambda: gate.now == 1)
        stop.set()
        gate.open.set()

    assert town.see(first).state is State.PUBLISHED
    assert town.see(second).state is State.WAITING
    assert wall.publishes == 1


def test_what_outlasts_the_grace_is_left_to_its_lease(town: Town, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "GRACE", 0.05)
    channel, wall = town.channel()
    wall.before_publish = gate
    number = town.delivery(channel)

    with running(engine_of(town)):
        happens(lambda: gate.now == 1)

    assert town.see(number).state is State.PUBLISHING
    gate.open.set()
    happens(is_(town, number, State.PUBLISHED))


def test_until_idle_publishes_what_is_due_and_leaves_what_is_for_later(town: Town) -> None:
    channel, _ = town.channel()
    due, later = town.delivery(channel), town.delivery(channel, due=timedelta(minutes=2))

    run_until_idle(engine_of(town))

    assert town.see(due).state is State.PUBLISHED
    assert town.see(later).state is State.WAITING


def test_until_idle_waits_for_what_is_due_within_a_minute(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LONGEST", timedelta(milliseconds=20))
    now, ticks = Clock(), Ticks()
    town.clock = now
    number = town.delivery(town.channel()[0], due=timedelta(seconds=60))

    with until_idle(engine_of(town, now=now, carrier=Carrier(town.installation, now=now)), ticks) as run:
        ticks.more()
        assert not run.done()
        now.pass_(seconds=60)

    assert town.see(number).state is State.PUBLISHED


def test_until_idle_does_not_wait_for_paused_channels(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    set_state(town, channel, ChannelState.PAUSED)

    run_until_idle(engine_of(town))

    assert town.see(number).state is State.WAITING
    assert wall.publishes == 0


def test_until_idle_waits_for_the_verdict_on_a_lost_answer(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.fails_after = [Uncertain("the line dropped")]
    wall.hides = 2

    run_until_idle(engine_of(town))

    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 1


# When the database is away


@only_sqlite
def test_a_locked_database_makes_it_wait_and_go_on(
    town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(threads, "LONGEST", timedelta(milliseconds=20))
    impatient = Database(town.installation.database.url, busy=0.02)
    town.installation.database.close()
    town.installation.__dict__["database"] = impatient
    number = town.delivery(town.channel()[0])
    other = another_process(town)

    with ExitStack() as locked:
        locked.enter_context(other.installation.database.write()).execute(text("SELECT 1"))  # takes the lock
        with until_idle(engine_of(town)):
            happens(lambda: "cannot look for work" in caplog.text)
            assert town.see(number).state is State.WAITING
            locked.close()

    assert town.see(number).state is State.PUBLISHED
    other.installation.close()


@only_postgresql
def test_a_database_that_restarts_makes_it_wait_and_go_on(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LONGEST", timedelta(hours=1))
    channel, _ = town.channel()
    ticks, other = Ticks(), another_process(town)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "

    with running(engine_of(town), tick=ticks):
        ticks.none()
        with other.installation.database.write() as session:
            session.execute(text(f"{cut} pg_backend_pid()"))
        number = told_at_once(other, channel)
        happens(is_(other, number, State.PUBLISHED))
        ticks.none()
        again = told_at_once(other, channel, due=SOON)
        happens(is_(other, again, State.PUBLISHED))

    other.installation.close()


@only_postgresql
def test_until_idle_does_not_take_a_database_that_is_away_for_an_empty_one(
    town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(threads, "LONGEST", timedelta(milliseconds=20))
    number = town.delivery(town.channel()[0])
    real = town.installation.database
    town.installation.__dict__["database"] = away = Database("postgresql+psycopg://nobody@127.0.0.1:1/dissem")
    engine = engine_of(town)
    engine.claims.database = away

    with until_idle(engine) as run:
        happens(lambda: caplog.text.count("cannot look for work") > 1)
        assert not run.done()
        town.installation.__dict__["database"] = engine.database = engine.claims.database = real

    assert town.see(number).state is State.PUBLISHED


class Forgetful(Carrier):
    """Cannot write down the outcome of one delivery."""

    forgets = 0

    def record(self, session: Session, claimed: Claimed, outcome: Outcome) -> None:
        if claimed.delivery.id == self.forgets and claimed.attempt:
            raise OSError("the disk is gone")
        super().record(session, claimed, outcome)

    def record_plain(self, session: Session, results: Sequence[tuple[Claimed, Outcome]]) -> None:
        for claimed, outcome in results:
            self.record(session, claimed, outcome)


def test_an_outcome_that_could_not_be_written_is_looked_up_later(
    town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(threads, "LONGEST", timedelta(milliseconds=20))
    channel, wall = town.channel()
    number = town.delivery(channel)
    other = town.delivery(town.channel("lain")[0])
    carrier = Forgetful(town.installation)
    carrier.forgets = number

    with running(engine_of(town, carrier=carrier)):
        happens(lambda: "could not be written down" in caplog.text)
        assert town.see(number).state is State.PUBLISHING
        happens(is_(town, other, State.PUBLISHED))

        end_leases(town.installation.database, now=utc_now(), but="nobody")
        happens(is_(town, number, State.PUBLISHED))

    assert wall.publishes == 1
    assert outcomes(town, number) == ["lease over"]


# When a platform is away


def probed(monkeypatch: pytest.MonkeyPatch, wall: Wall, *answers: Exception) -> list[str]:
    """What the platform sees; `check` fails by *answers*, then works."""
    seen: list[str] = []
    failing = list(answers)

    def check(adapter: Noticeboard) -> Account:
        seen.append("check")
        if failing:
            raise failing.pop(0)
        return Account(adapter.wall.account, "Papan")

    monkeypatch.setattr(Noticeboard, "check", check)
    wall.before_publish = lambda: seen.append("publish")
    return seen


@pytest.mark.parametrize("answer", [Unreachable("still down"), ZeroDivisionError("a bug of the adapter")])
def test_after_five_failures_a_channel_is_left_alone_then_asked_by_a_read(
    town: Town, monkeypatch: pytest.MonkeyPatch, answer: Exception
) -> None:
    channel, wall = town.channel()
    wall.fails = [Unreachable("no route") for _ in range(5)]
    seen = probed(monkeypatch, wall, answer)
    number = town.delivery(channel)

    run_until_idle(engine_of(town))

    assert seen == [*["publish"] * 5, "check", "check", "publish"]
    assert town.see(number).state is State.PUBLISHED


def test_other_channels_go_on_while_one_is_left_alone(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    channel, wall = town.channel("mati")
    wall.fails = [Unreachable("no route") for _ in range(1000)]
    seen = probed(monkeypatch, wall, *(Unreachable("still down") for _ in range(1000)))
    number = town.delivery(channel)

    with running(engine_of(town)):
        happens(lambda: "check" in seen)
        other = town.delivery(town.channel("hidup")[0])
        happens(is_(town, other, State.PUBLISHED))

    assert town.see(number).state is State.WAITING
    assert seen.count("publish") == 5


def test_a_read_that_says_the_login_is_dead_pauses_the_channel(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    channel, wall = town.channel()
    wall.fails = [Unreachable("no route") for _ in range(5)]
    probed(monkeypatch, wall, Unauthorized("The token is revoked."))
    town.delivery(channel)

    run_until_idle(engine_of(town))

    with town.installation.database.read() as session:
        paused = session.get_one(Channel, channel.id)
    assert (paused.state, told(paused.reason)) == (ChannelState.PAUSED, "The token is revoked.")
    assert wall.publishes == 5


def set_state(town: Town, channel: Channel, state: ChannelState) -> None:
    with town.installation.database.write() as session:
        session.get_one(Channel, channel.id).state = state


def outcomes(town: Town, number: int) -> list[str | None]:
    with town.installation.database.read() as session:
        attempts = session.exec(select(Attempt).where(Attempt.delivery_id == number).order_by(Attempt.number))
        return [attempt.outcome for attempt in attempts]
