"""What the model found, as it happens in the real queue: its traces, kept shut."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from noticeboard import Wall
from sqlmodel import select
from town import START, Town

from dissem.channels.adapter import Certainty
from dissem.channels.errors import NotYet, Uncertain
from dissem.desk import schedule, verdicts
from dissem.desk.acting import Acting
from dissem.models import Approval, ApprovedDelivery, Delivery, Held, Part, Person, Release, State
from dissem.queue import gate
from dissem.queue.carry import Carrier
from dissem.queue.claims import Claims, sweep

THREE_MINUTES = timedelta(minutes=3)  # longer than a publishing lease


@pytest.fixture
def letters(town: Town) -> tuple[int, Wall]:
    """An approved delivery to two recipients, and their letterboxes, which nobody can look into."""
    channel, wall = town.channel("letters", "letters", recipients="ana@a.example budi@b.example")
    wall.certainty = Certainty.BLIND
    number = town.delivery(channel, "Halo", "Halo", approved=False)
    with town.installation.database.write() as session:
        delivery = session.get_one(Delivery, number)
        delivery.independent, delivery.open_parts = True, 1
        parts = session.exec(select(Part).where(Part.delivery_id == number).order_by(Part.number)).all()
        for part, recipient in zip(parts, ("ana@a.example", "budi@b.example"), strict=True):
            part.post = {**part.post, "recipient": recipient}
        release = session.get_one(Release, delivery.release_id)
        covered = gate.delivery_hash(delivery, parts)
        release.content_hash = gate.content_hash(release, [covered])
        approval = Approval(
            release_id=release.id, content_hash=release.content_hash, approver_id=2, author_id=1, editor_id=1, at=START
        )
        session.add_all([delivery, *parts, release, approval])
        session.flush()
        session.add(ApprovedDelivery(approval_id=approval.id, delivery_id=number, hash=covered))
    return number, wall


def _sleeps_before_writing_down(town: Town, meanwhile: Callable[[], None]) -> None:
    """A worker publishes and sleeps with the answer in its hand; *meanwhile* happens; it wakes and writes it down."""
    claims = Claims(town.installation.database, "sleeper", town.installation.config.timing)
    carrier = Carrier(
        town.installation, now=town.clock, reached=lambda point: meanwhile() if point == "after publish" else None
    )
    [claimed] = claims.publishing(now=town.clock(), limit=1)
    carrier.publish(claimed)


def test_a_late_proof_for_one_recipient_publishes_nothing_while_another_is_in_doubt(
    town: Town, letters: tuple[int, Wall]
) -> None:
    number, wall = letters

    def meanwhile() -> None:
        town.clock.time += THREE_MINUTES
        wall.fails = [Uncertain("the line dropped")]
        town.work(3)
        assert (town.see(number).state, town.see(number).part) == (State.HELD, 1)

    _sleeps_before_writing_down(town, meanwhile)

    assert wall.reached == ["ana@a.example"]
    assert town.see(number).state is not State.PUBLISHED
    town.work_for(timedelta(minutes=1), 3)
    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.UNKNOWN)
    assert town.see(number).part == 2


def test_nobody_is_asked_about_a_recipient_to_whom_nothing_was_sent(town: Town, letters: tuple[int, Wall]) -> None:
    number, _ = letters

    def meanwhile() -> None:
        town.clock.time += THREE_MINUTES
        sweep(town.installation.database, town.installation.config.timing, now=town.clock())
        assert (town.see(number).state, town.see(number).part) == (State.WAITING, 2)

    _sleeps_before_writing_down(town, meanwhile)
    with town.installation.database.read() as session:
        somebody = session.get_one(Person, 1)
    schedule.cancel(Acting(town.installation, somebody, town.clock), number)

    assert len(town.publications(number)) == 1
    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.PART)
    assert not town.see(number).ambiguous


def _one_lost_and_one_taken(town: Town, letters: tuple[int, Wall]) -> None:
    """The answer for the first recipient is lost; what the second one gets is still being worked on."""
    number, wall = letters
    wall.lost = {"ana@a.example": Uncertain("the line dropped")}
    wall.processes, wall.stuck = 1, NotYet("still at it")
    town.work(3)
    assert (town.see(number).state, town.see(number).part) == (State.PROCESSING, 2)


def _somebody(town: Town) -> Acting:
    with town.installation.database.read() as session:
        return Acting(town.installation, session.get_one(Person, 1), town.clock)


def test_a_recipient_whose_letter_never_got_through_is_asked_about_before_one_whose_answer_was_lost(
    town: Town, letters: tuple[int, Wall]
) -> None:
    """Else it would count as not tried, and be sent again."""
    number, wall = letters
    _one_lost_and_one_taken(town, letters)

    town.clock.time += timedelta(hours=4)
    town.work(2)

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.PROCESSING)
    assert town.see(number).part == 2
    for address in ("https://board.example/2", "https://board.example/1"):
        verdicts.resolve(_somebody(town), number, published=address)
        town.work(3)
    assert town.see(number).state is State.PUBLISHED
    assert wall.reached == ["ana@a.example", "budi@b.example"]


def test_what_gets_through_in_the_end_publishes_nothing_while_another_is_in_doubt(
    town: Town, letters: tuple[int, Wall]
) -> None:
    number, wall = letters
    _one_lost_and_one_taken(town, letters)
    wall.stuck = None

    town.clock.time += timedelta(minutes=1)
    town.work()

    assert (town.see(number).state, town.see(number).part) == (State.UNKNOWN, 1)
    town.work_for(timedelta(minutes=1), 3)
    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.UNKNOWN)
    assert wall.reached == ["ana@a.example", "budi@b.example"]
