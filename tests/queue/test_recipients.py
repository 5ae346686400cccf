"""One post, many recipients: what becomes of one holds up no other, and nobody gets it twice."""

from datetime import timedelta

import pytest
from noticeboard import Wall
from sqlmodel import select
from town import START, Town

from dissem.channels.adapter import Certainty
from dissem.channels.errors import Refused, Throttled, Uncertain
from dissem.errors import told
from dissem.models import Attempt, Channel, Delivery, Held, Part, Settled, State, Suppression
from dissem.queue import gate
from dissem.queue.claims import end_leases
from dissem.queue.reconcile import is_in_doubt

PRESS = ("ana@a.example", "budi@b.example", "citra@c.example")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def letters(town: Town) -> tuple[int, Wall]:
    """An approved delivery to everybody in `PRESS`, and the letterboxes."""
    return _delivery(town)


def _delivery(town: Town, **settings: str) -> tuple[int, Wall]:
    channel, wall = town.channel("letters", "letters", recipients=" ".join(PRESS), **settings)
    wall.certainty = Certainty.BLIND
    number = town.delivery(channel, *(["Halo"] * len(PRESS)), approved=False)
    with town.installation.database.write() as session:
        delivery = session.get_one(Delivery, number)
        delivery.independent, delivery.open_parts = True, len(PRESS) - 1
        parts = session.exec(select(Part).where(Part.delivery_id == number).order_by(Part.number)).all()
        for part, recipient in zip(parts, PRESS, strict=True):
            part.post = {**part.post, "recipient": recipient}
            session.add(part)
        session.add(delivery)
        _approve(session, delivery, parts)
    return number, wall


def _approve(session, delivery: Delivery, parts: list[Part]) -> None:  # type: ignore[no-untyped-def]
    from dissem.models import Approval, ApprovedDelivery, Release

    release = session.get_one(Release, delivery.release_id)
    covered = gate.delivery_hash(delivery, parts)
    release.content_hash = gate.content_hash(release, [covered])
    approval = Approval(
        release_id=release.id, content_hash=release.content_hash, approver_id=2, author_id=1, editor_id=1, at=START
    )
    session.add_all([release, approval])
    session.flush()
    session.add(ApprovedDelivery(approval_id=approval.id, delivery_id=delivery.id, hash=covered))


def _outcomes(town: Town, number: int) -> list[Settled | None]:
    with town.installation.database.read() as session:
        query = select(Part.settled).where(Part.delivery_id == number).order_by(Part.number)
        return list(session.exec(query))


def test_everybody_gets_one(town: Town, letters: tuple[int, Wall]) -> None:
    number, wall = letters

    town.work(5)

    assert wall.reached == list(PRESS)
    assert town.see(number).state is State.PUBLISHED
    assert len(town.publications(number)) == 3


def test_a_dead_address_stops_nobody_else_and_is_suppressed(town: Town, letters: tuple[int, Wall]) -> None:
    number, wall = letters
    wall.dead = {PRESS[0]}

    town.work(5)

    assert wall.reached == list(PRESS[1:])
    assert town.see(number).state is State.PUBLISHED
    assert _outcomes(town, number) == [Settled.REFUSED, Settled.PUBLIC, Settled.PUBLIC]
    with town.installation.database.read() as session:
        assert [row.recipient for row in session.exec(select(Suppression))] == [PRESS[0]]


def test_a_dead_last_address_does_not_undo_the_others(town: Town, letters: tuple[int, Wall]) -> None:
    number, wall = letters
    wall.dead = {PRESS[2]}

    town.work(5)

    assert town.see(number).state is State.PUBLISHED


def test_where_every_address_is_dead_it_is_refused(town: Town, letters: tuple[int, Wall]) -> None:
    number, wall = letters
    wall.dead = set(PRESS)

    town.work(5)

    assert town.see(number).state is State.REFUSED
    assert wall.pinned == []


def test_who_unsubscribed_after_the_approval_gets_nothing(town: Town, letters: tuple[int, Wall]) -> None:
    number, wall = letters
    with town.installation.database.write() as session:
        channel = session.exec(select(Channel)).one()
        session.add(Suppression(channel_id=channel.id, recipient=PRESS[1], since=START, reason={"text": "asked"}))

    town.work(5)

    assert wall.reached == [PRESS[0], PRESS[2]]
    assert wall.publishes == 2
    assert town.see(number).state is State.PUBLISHED


def test_who_asks_for_patience_comes_later_and_holds_up_nobody(town: Town, letters: tuple[int, Wall]) -> None:
    number, wall = letters
    wall.slow = {PRESS[0]: True}

    town.work(5)
    assert wall.reached == list(PRESS[1:])
    assert town.see(number).next_at == START + timedelta(minutes=10)

    town.clock.pass_(minutes=11)
    town.work(2)
    assert wall.reached == [*PRESS[1:], PRESS[0]]
    assert town.see(number).state is State.PUBLISHED


def test_a_lost_answer_holds_up_nobody_and_is_then_for_a_person(town: Town, letters: tuple[int, Wall]) -> None:
    number, wall = letters
    wall.lost = {PRESS[0]: Uncertain("the line dropped")}

    town.work(4)
    assert wall.reached == list(PRESS)
    assert is_in_doubt(town.see(number))

    town.work_for(MINUTE, 5)
    delivery = town.see(number)
    assert (delivery.state, delivery.held, delivery.part) == (State.HELD, Held.UNKNOWN, 1)
    assert "resolve" in told(delivery.reason)
    assert wall.publishes == 2  # and the lost one


def test_where_it_is_allowed_a_lost_one_goes_once_more(town: Town) -> None:
    number, wall = _delivery(town, on_absent="resend_once")
    wall.lost = {PRESS[0]: Uncertain("the line dropped")}

    town.work_for(MINUTE, 20)

    assert wall.reached == [*PRESS, PRESS[0]]
    assert town.see(number).state is State.PUBLISHED


def test_a_lost_one_never_goes_a_third_time(town: Town) -> None:
    number, wall = _delivery(town, on_absent="resend_once")
    wall.lost = {PRESS[0]: Uncertain("the line dropped")}
    town.work(4)
    wall.lost = {PRESS[0]: Uncertain("and again")}

    town.work_for(MINUTE, 60)

    assert wall.reached == [*PRESS, PRESS[0]]
    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.UNKNOWN)


def test_two_lost_ones_are_looked_after_one_by_one(town: Town) -> None:
    number, wall = _delivery(town, on_absent="resend_once")
    wall.lost = {PRESS[0]: Uncertain("lost"), PRESS[2]: Uncertain("lost")}

    town.work_for(MINUTE, 40)

    assert sorted(wall.reached) == sorted([*PRESS, PRESS[0], PRESS[2]])
    assert town.see(number).state is State.PUBLISHED
    assert _outcomes(town, number) == [Settled.PUBLIC] * 3


def test_a_refused_message_stops_the_whole_list(town: Town, letters: tuple[int, Wall]) -> None:
    number, wall = letters
    wall.fails = [Refused("The text looks like spam.")]

    town.work(5)

    assert town.see(number).state is State.REFUSED
    assert wall.publishes == 1


def test_a_refused_message_after_some_got_it_is_held(town: Town, letters: tuple[int, Wall]) -> None:
    number, wall = letters
    town.work()
    wall.fails = [Refused("The text looks like spam.")]

    town.work(5)

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.PART)
    assert wall.reached == [PRESS[0]]


def test_a_server_that_is_busy_delays_the_list_and_loses_nobody(town: Town, letters: tuple[int, Wall]) -> None:
    _number, wall = letters
    wall.fails = [Throttled("slow down", retry_after=timedelta(minutes=2))]

    town.work(5)
    assert wall.pinned == []

    town.work_for(MINUTE, 5)
    assert wall.reached == list(PRESS)


def test_after_a_death_in_the_middle_the_others_still_get_theirs(town: Town, letters: tuple[int, Wall]) -> None:
    number, wall = letters
    town.work()
    claimed = town.claims.publishing(now=town.clock(), limit=1)
    assert claimed[0].part.post["recipient"] == PRESS[1]
    end_leases(town.installation.database, now=town.clock(), but="nobody")  # its worker is gone

    town.work_for(MINUTE, 4)

    assert wall.reached == [PRESS[0], PRESS[2]]
    delivery = town.see(number)
    assert (delivery.state, delivery.held, delivery.part) == (State.HELD, Held.UNKNOWN, 2)


def test_a_late_receipt_of_one_recipient_is_kept_while_another_is_in_hand(
    town: Town, letters: tuple[int, Wall]
) -> None:
    number, wall = letters
    (claimed,) = town.claims.publishing(now=town.clock(), limit=1)
    end_leases(town.installation.database, now=town.clock(), but="nobody")
    town.work()  # the second one goes out

    town.carrier.publish(claimed)  # the first worker was only slow
    town.work_for(MINUTE, 4)

    assert sorted(wall.reached) == sorted(PRESS)
    assert town.see(number).state is State.PUBLISHED
    assert _outcomes(town, number) == [Settled.PUBLIC] * 3


def test_its_latest_useful_time_leaves_a_lost_one_to_a_person(town: Town, letters: tuple[int, Wall]) -> None:
    number, wall = letters
    wall.lost = {PRESS[0]: Uncertain("lost")}
    town.work()

    town.clock.pass_(hours=13)
    town.work(2)

    delivery = town.see(number)
    assert (delivery.state, delivery.held, delivery.part) == (State.HELD, Held.UNKNOWN, 1)
    assert wall.reached == [PRESS[0]]


def test_every_attempt_names_its_own_recipient(town: Town, letters: tuple[int, Wall]) -> None:
    number, _ = letters

    town.work(5)

    with town.installation.database.read() as session:
        parts = session.exec(select(Attempt.part_id).where(Attempt.delivery_id == number)).all()
    assert len(set(parts)) == 3
