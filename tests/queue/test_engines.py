"""What every engine keeps, on every database it runs on: an engine only runs things, the claim on the row decides."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from hashlib import sha256

import pytest
from at_work import Gate, RealClock, happens, hasty, is_, run_until_idle, running, told_at_once
from town import Clock, Town

from dissem.channels.adapter import Attachment
from dissem.channels.errors import Uncertain
from dissem.clock import utc_now
from dissem.compose.media import stored
from dissem.config import Config
from dissem.models import ChannelState, State
from dissem.queue.engine import Engine
from dissem.queue.engines.procrastinate import Procrastinate
from dissem.queue.engines.threads import Threads

SOON = timedelta(milliseconds=400)
KINDS: dict[str, type[Threads]] = {"threads": Threads, "procrastinate": Procrastinate}
WHERE = [("threads", "sqlite"), ("threads", "postgresql"), ("procrastinate", "postgresql")]
pytestmark = pytest.mark.parametrize(("kind", "database_url"), WHERE, indirect=["database_url"])

Make = Callable[..., Engine]


@pytest.fixture
def clock() -> Clock:
    """The present instant."""
    return RealClock()


@pytest.fixture
def config(config: Config) -> Config:
    """Four senders, and waits of milliseconds."""
    return hasty(config)


@pytest.fixture
def engine(town: Town, kind: str) -> Make:
    """engine() → an engine of this kind, engine("name", "threads") → another one of another."""

    def make(owner: str = "engine-1", of: str = kind) -> Engine:
        return KINDS[of](town.installation, owner, now=utc_now)

    return make


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A way that is shut; it opens at the latest when the test ends."""
    made = Gate()
    yield made
    made.open.set()


# Time


def test_a_delivery_is_published_at_its_time_and_not_a_tick_early(town: Town, engine: Make) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel, due=SOON)

    with running(engine()):
        happens(is_(town, number, State.PUBLISHED))

    assert wall.pinned[0].at >= town.see(number).due


def test_what_another_process_schedules_is_published_at_once(town: Town, engine: Make) -> None:
    channel, wall = town.channel()

    with running(engine()):
        happens(is_(town, town.delivery(channel), State.PUBLISHED))
        number = told_at_once(town, channel)
        happens(is_(town, number, State.PUBLISHED))

    assert wall.publishes == 2


def test_urgent_ones_go_before_those_that_wait_longer(town: Town, engine: Make) -> None:
    channel, wall = town.channel()
    town.delivery(channel, "biasa", due=-timedelta(minutes=2))
    town.delivery(channel, "gempa", urgent=True, due=-timedelta(minutes=1))

    run_until_idle(engine())

    assert [pinned.text for pinned in wall.pinned] == ["gempa", "biasa"]


def test_until_idle_publishes_what_is_due_and_leaves_what_is_for_later(town: Town, engine: Make) -> None:
    due = [town.delivery(town.channel(f"papan-{n}")[0]) for n in range(10)]
    later = town.delivery(town.channel("nanti")[0], due=timedelta(hours=1))

    run_until_idle(engine())

    assert {town.see(number).state for number in due} == {State.PUBLISHED}
    assert town.see(later).state is State.WAITING


# Lanes


def test_a_channel_never_has_two_in_flight_however_many_engines_run(town: Town, engine: Make) -> None:
    channel, wall = town.channel()
    in_flight = wall.before_publish = Gate(is_open=True)
    numbers = [town.delivery(channel, f"kabar {n}") for n in range(6)]

    with running(engine(), engine("engine-2")):
        for number in numbers:
            happens(is_(town, number, State.PUBLISHED))

    assert in_flight.most == 1
    assert wall.publishes == len(numbers)


def test_engines_of_every_kind_share_the_work_and_repeat_none_of_it(town: Town, engine: Make, kind: str) -> None:
    walls = [town.channel(f"papan-{n}") for n in range(8)]
    numbers = [town.delivery(channel, f"kabar {n}") for channel, _ in walls for n in range(3)]
    other = "threads" if kind == "threads" or town.installation.database.is_sqlite else "procrastinate"

    run_until_idle(engine("one"), engine("two", other), engine("three", "threads"))

    assert {town.see(number).state for number in numbers} == {State.PUBLISHED}
    assert [wall.publishes for _, wall in walls] == [3] * 8


def test_a_thread_goes_out_in_order_each_part_after_the_one_before(town: Town, engine: Make) -> None:
    channel, wall = town.channel()
    town.delivery(channel, "satu", "dua", "tiga")

    run_until_idle(engine())

    assert [(pinned.text, pinned.after) for pinned in wall.pinned] == [("satu", None), ("dua", "1"), ("tiga", "2")]


def test_a_channel_that_hangs_delays_no_other(town: Town, engine: Make, gate: Gate) -> None:
    hanging, wall = town.channel("macet")
    wall.before_publish = gate
    town.delivery(hanging)
    others = [town.delivery(town.channel(f"lancar-{n}")[0]) for n in range(6)]

    with running(engine()):
        for number in others:
            happens(is_(town, number, State.PUBLISHED))
        happens(lambda: gate.now == 1)
        gate.open.set()


def test_at_most_half_of_the_senders_serve_one_host_while_there_are_others(
    town: Town, engine: Make, gate: Gate
) -> None:
    for number in range(12):
        channel, wall = town.channel(f"ramai-{number}", api_url="https://busy.example")
        wall.before_publish = gate
        town.delivery(channel)
    other = town.delivery(town.channel("sepi", api_url="https://calm.example")[0])

    with running(engine()):
        happens(is_(town, other, State.PUBLISHED))
        happens(lambda: gate.now == 2)
        gate.open.set()

    assert gate.most == 2


def test_uploads_hold_no_lane(town: Town, engine: Make, gate: Gate) -> None:
    channel, wall = town.channel()
    wall.before_publish = gate
    town.delivery(channel, "tanpa gambar")
    name = sha256(b"photo").hexdigest()
    path = stored(town.installation.media, name, "image/jpeg")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"photo")
    with_photo = town.delivery(channel, attachments=(Attachment(name, path, "image/jpeg", 5, 10, 10),), due=SOON)

    with running(engine()):
        happens(lambda: gate.now == 1)
        happens(lambda: town.see(with_photo).ready)
        gate.open.set()


# Leaving, and what goes wrong


def test_stop_finishes_what_is_in_hand_and_claims_nothing_more(town: Town, engine: Make, gate: Gate) -> None:
    channel, wall = town.channel()
    wall.before_publish = gate
    first, second = town.delivery(channel, "satu"), town.delivery(channel, "dua", due=timedelta(milliseconds=1))

    with ExitStack() as stack:
        stop = stack.enter_context(running(engine()))
        happens(lambda: gate.now == 1)
        stop.set()
        gate.open.set()

    assert town.see(first).state is State.PUBLISHED
    assert town.see(second).state is State.WAITING
    assert wall.publishes == 1


def test_a_lost_answer_is_looked_up_and_the_post_not_repeated(town: Town, engine: Make) -> None:
    channel, wall = town.channel()
    wall.fails_after = [Uncertain("the line dropped")]
    number = town.delivery(channel)

    run_until_idle(engine())

    assert town.see(number).state is State.PUBLISHED
    assert len(wall.pinned) == 1


def test_a_paused_channel_is_left_alone(town: Town, engine: Make) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    with town.installation.database.write() as session:
        channel.state = ChannelState.PAUSED
        session.add(channel)

    run_until_idle(engine())

    assert town.see(number).state is State.WAITING
    assert not wall.publishes
