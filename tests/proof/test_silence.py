"""A machine that is not heard of any more: its lanes are free long before its leases end, and yet nothing is sent again
before its request must have come to an end."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from noticeboard import Wall
from sqlmodel import select
from town import START, Town

from dissem.channels.adapter import Certainty
from dissem.models import Attempt, Channel, Daemon, Held, State
from dissem.queue.carry import Carrier
from dissem.queue.claims import Claimed, Claims, sweep
from dissem.queue.reconcile import settled_at

BEAT = 5  # seconds between two signs of life
SILENT = 60 + BEAT + 1  # seconds from the last claim until everybody has noticed
RESENDS = [(Certainty.KEYED, "hold"), (Certainty.STAGED, "hold"), (Certainty.READABLE, "resend_once")]


@pytest.fixture
def board(town: Town) -> tuple[Channel, Wall]:
    return town.channel()


def _heard(town: Town, *owners: str) -> None:
    with town.installation.database.write() as session:
        for owner in owners:
            session.merge(Daemon(owner=owner, host="here", pid=1, started=START, beat=town.clock()))


def _claimed(town: Town, owner: str) -> Claimed:
    claims = Claims(town.installation.database, owner, town.installation.config.timing)
    [claimed] = claims.publishing(now=town.clock(), limit=1)
    return claimed


def _passes(
    town: Town, seconds: int, *heard: str, each: Callable[[Town], object] = Town.work, step: int = BEAT
) -> None:
    """So many seconds, in which somebody works again and again, while *heard* are."""
    for _ in range(0, seconds, step):
        town.clock.pass_(seconds=step)
        _heard(town, *heard)
        each(town)


def _sweeps(town: Town) -> int:
    return sweep(town.installation.database, town.installation.config.timing, now=town.clock())


def test_the_lane_of_a_machine_that_is_gone_is_taken_over_within_ninety_seconds(
    town: Town, board: tuple[Channel, Wall]
) -> None:
    channel, wall = board
    first = town.delivery(channel)
    _heard(town, "gone", "worker-1")
    town.clock.pass_(seconds=BEAT)  # the longest that a sign of life may have been ago
    _claimed(town, "gone")
    second = town.delivery(channel)

    _passes(town, SILENT, "worker-1", step=1)

    assert SILENT < 90
    assert town.see(first).state is State.UNKNOWN
    assert town.see(second).state is State.PUBLISHED
    assert wall.publishes == 1


@pytest.mark.parametrize(("certainty", "on_absent"), RESENDS)
def test_what_it_was_sending_is_not_sent_again_before_its_request_must_have_ended(
    town: Town, certainty: Certainty, on_absent: str
) -> None:
    channel, wall = town.channel(on_absent=on_absent)
    wall.certainty = certainty
    number = town.delivery(channel)
    _heard(town, "gone", "worker-1")
    _claimed(town, "gone")
    began, moments = town.clock(), []
    wall.before_publish = lambda: moments.append(town.clock())

    _passes(town, 400, "worker-1")

    assert town.see(number).state is State.PUBLISHED
    assert len(moments) == 1
    assert moments[0] >= settled_at(began, town.installation.config.timing, timedelta(0))
    with town.installation.database.read() as session:
        first, again = session.exec(select(Attempt).order_by(Attempt.number)).all()
    assert again.started - first.started >= timedelta(seconds=95)


@pytest.mark.parametrize("certainty", Certainty)
def test_a_request_that_arrives_in_its_last_moment_is_the_only_one(town: Town, certainty: Certainty) -> None:
    channel, wall = town.channel(on_absent="resend_once")
    wall.certainty = certainty
    number = town.delivery(channel)
    _heard(town, "cut off", "worker-1")
    claimed = _claimed(town, "cut off")

    def meanwhile() -> None:
        wall.before_publish = None
        _passes(town, 90, "worker-1")
        assert town.see(number).state is (State.HELD if certainty is Certainty.BLIND else State.UNKNOWN)

    wall.before_publish = meanwhile
    Carrier(town.installation, now=town.clock).publish(claimed)
    _passes(town, 400, "worker-1")

    assert (wall.publishes, len(wall.pinned)) == (1, 1)
    assert town.see(number).state is State.PUBLISHED
    assert [p.remote_id for p in town.publications(number)] == ["1"]


def test_where_nobody_can_look_a_person_may_not_say_that_it_is_absent_before_either(
    town: Town, board: tuple[Channel, Wall]
) -> None:
    channel, wall = board
    wall.certainty = Certainty.BLIND
    number = town.delivery(channel)
    _heard(town, "gone", "worker-1")
    _claimed(town, "gone")

    _passes(town, SILENT, "worker-1")

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.UNKNOWN)
    with town.installation.database.read() as session:
        attempt = session.exec(select(Attempt)).one()
    assert town.clock() < settled_at(attempt.started, town.installation.config.timing, timedelta(0))


def test_the_clock_of_whoever_finds_it_may_be_slow(town: Town, board: tuple[Channel, Wall]) -> None:
    """An absence is measured from the attempt, if the delivery seems to have become unknown before that."""
    channel, wall = board
    wall.certainty = Certainty.KEYED
    town.delivery(channel)
    _claimed(town, "gone")
    began = town.clock()
    town.clock.time += timedelta(minutes=3)
    _sweeps(town)
    with town.installation.database.write() as session:
        attempt = session.exec(select(Attempt)).one()
        attempt.started = began + timedelta(minutes=10)  # as its own clock said
        session.add(attempt)

    _passes(town, 1600, step=20)

    with town.installation.database.read() as session:
        first, again = session.exec(select(Attempt).order_by(Attempt.number)).all()
    assert again.started - first.started >= timedelta(seconds=95)


# Who keeps the lease


def _is_left_alone(town: Town, number: int) -> bool:
    return town.see(number).state is State.PUBLISHING


def test_who_never_gives_a_sign_of_life_keeps_the_lease(town: Town, board: tuple[Channel, Wall]) -> None:
    number = town.delivery(board[0])
    _claimed(town, "by hand")

    _passes(town, 135, "worker-1", each=_sweeps)

    assert _is_left_alone(town, number)
    _passes(town, 5, "worker-1", each=_sweeps)
    assert not _is_left_alone(town, number)


def test_who_is_heard_keeps_it(town: Town, board: tuple[Channel, Wall]) -> None:
    number = town.delivery(board[0])
    _claimed(town, "slow")

    _passes(town, 135, "worker-1", "slow", each=_sweeps)

    assert _is_left_alone(town, number)


def test_what_was_claimed_lately_is_not_taken_away_although_its_owner_was_not_heard_of(
    town: Town, board: tuple[Channel, Wall]
) -> None:
    _heard(town, "claims")
    town.clock.pass_(minutes=10)
    number = town.delivery(board[0])
    _claimed(town, "claims")

    _passes(town, 55, "worker-1", each=_sweeps)

    assert _is_left_alone(town, number)


def test_after_a_pause_of_all_nobody_is_taken_for_gone(town: Town, board: tuple[Channel, Wall]) -> None:
    """The database was away, the machine slept, or the clock jumped."""
    number = town.delivery(board[0])
    _heard(town, "one", "two")
    _claimed(town, "one")
    town.clock.pass_(seconds=130)

    _sweeps(town)

    assert _is_left_alone(town, number)


def test_a_machine_whose_clock_is_ahead_makes_no_other_seem_gone(town: Town, board: tuple[Channel, Wall]) -> None:
    number = town.delivery(board[0])
    _claimed(town, "one")
    town.clock.pass_(hours=1)
    _heard(town, "ahead")
    town.clock.pass_(hours=-1)

    _passes(town, 100, "one", each=_sweeps)

    assert _is_left_alone(town, number)
