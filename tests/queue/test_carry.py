"""What becomes of a delivery, whatever the platform answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256

import pytest
from sqlmodel import select
from town import Town

from dissem.channels.adapter import Attachment, Certainty
from dissem.channels.errors import NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.compose.media import stored
from dissem.errors import told
from dissem.models import Attempt, Channel, ChannelState, Held, State

MINUTE = timedelta(minutes=1)


def test_a_due_delivery_is_published_once_with_its_proof(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel, "Halo Padang")

    town.work(3)

    assert town.see(number).state is State.PUBLISHED
    assert [p.text for p in wall.pinned] == ["Halo Padang"]
    assert [p.remote_id for p in town.publications(number)] == ["1"]


def test_nothing_goes_out_a_moment_before_it_is_due(town: Town) -> None:
    channel, wall = town.channel()
    town.delivery(channel, due=timedelta(microseconds=1))

    town.work()

    assert wall.pinned == []


def test_a_lost_answer_is_found_again_and_not_repeated(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.fails_after = [Uncertain("the line dropped")]

    town.work()
    assert town.see(number).state is State.UNKNOWN

    town.work_for(MINUTE, 3)
    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 1


def test_a_request_that_never_arrived_is_held_where_posts_can_only_be_read(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.fails = [Uncertain("the line dropped")]

    town.work_for(MINUTE, 20)

    assert town.see(number).state is State.HELD
    assert town.see(number).held is Held.UNKNOWN
    assert "resolve" in told(town.see(number).reason)
    assert wall.publishes == 1


def test_with_resend_once_it_is_sent_once_more_and_not_again(town: Town) -> None:
    channel, wall = town.channel(on_absent="resend_once")
    number = town.delivery(channel)
    wall.fails = [Uncertain("the line dropped"), Uncertain("again")]

    town.work_for(MINUTE, 60)

    assert wall.publishes == 2
    assert town.see(number).held is Held.UNKNOWN


def test_with_a_key_it_is_sent_again_until_it_is_there_once(town: Town) -> None:
    channel, wall = town.channel()
    wall.certainty = Certainty.KEYED
    number = town.delivery(channel)
    wall.fails = [Uncertain("the line dropped"), Uncertain("again")]

    town.work_for(MINUTE, 60)

    assert town.see(number).state is State.PUBLISHED
    assert len(wall.pinned) == 1
    assert wall.publishes == 3


def test_not_there_is_not_believed_before_the_settle_time(town: Town) -> None:
    channel, wall = town.channel()
    wall.certainty = Certainty.KEYED
    town.delivery(channel)
    wall.fails = [Uncertain("the line dropped")]
    timing = town.installation.config.timing
    settle = timing.send_deadline + timing.request

    town.work_for(timedelta(seconds=5), int(settle.total_seconds()) // 5)

    assert wall.publishes == 1


def test_a_post_that_shows_up_late_is_found(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.fails_after = [Uncertain("the line dropped")]
    wall.hides = 2

    town.work_for(MINUTE, 10)

    assert town.see(number).state is State.PUBLISHED
    assert len(wall.pinned) == 1


def test_a_failed_listing_says_nothing(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.fails_after = [Uncertain("the line dropped")]
    wall.find_fails = [Unreachable("listing down"), Uncertain("half a page"), Unreachable("down")]

    town.work_for(MINUTE, 3)
    assert town.see(number).state is State.UNKNOWN

    town.work_for(MINUTE, 15)
    assert town.see(number).state is State.PUBLISHED


def test_where_nobody_can_look_it_is_held_at_once_and_says_what_to_do(town: Town) -> None:
    channel, wall = town.channel()
    wall.certainty = Certainty.BLIND
    number = town.delivery(channel)
    wall.fails_after = [Uncertain("the line dropped")]

    town.work_for(MINUTE, 2)

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.UNKNOWN)
    assert f"dissem delivery resolve {number} --published" in told(town.see(number).reason)


def test_two_proofs_are_for_a_person(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.fails_after = [Uncertain("the line dropped")]
    town.work()
    wall.pinned.append(wall.pinned[0].__class__(**{**vars(wall.pinned[0]), "id": "2"}))

    town.work_for(MINUTE, 2)

    assert town.see(number).held is Held.TWICE


def test_a_proof_that_belongs_to_another_delivery_does_not_count(town: Town) -> None:
    channel, wall = town.channel()
    first = town.delivery(channel, "Selamat pagi")
    town.work()
    second = town.delivery(channel, "Selamat pagi")
    wall.fails = [Uncertain("the line dropped")]

    town.work_for(MINUTE, 20)

    assert town.see(first).state is State.PUBLISHED
    assert town.see(second).held is Held.UNKNOWN


@pytest.mark.parametrize("error", [Unreachable("no route"), Throttled("slow down", retry_after=MINUTE), NotYet("busy")])
def test_what_was_surely_not_sent_is_tried_again_later(town: Town, error: Exception) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.fails = [error]

    town.work()
    assert town.see(number).state is State.WAITING
    assert wall.pinned == []

    town.work_for(MINUTE, 3)
    assert town.see(number).state is State.PUBLISHED


def test_a_throttled_account_rests_as_long_as_it_was_asked_to(town: Town) -> None:
    channel, wall = town.channel()
    town.delivery(channel, "satu")
    town.delivery(channel, "dua")
    wall.fails = [Throttled("slow down", retry_after=timedelta(minutes=5))]

    town.work_for(MINUTE, 5)
    assert wall.publishes == 1

    town.work_for(MINUTE, 2)
    assert len(wall.pinned) == 2


def test_a_refusal_is_final_and_says_why(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.fails = [Refused("Too many words.")]

    town.work_for(MINUTE, 5)

    assert town.see(number).state is State.REFUSED
    assert told(town.see(number).reason) == "Too many words."
    assert wall.publishes == 1


def test_a_refusal_after_an_ambiguous_attempt_is_unknown_never_refused(town: Town) -> None:
    channel, wall = town.channel()
    wall.certainty = Certainty.KEYED
    number = town.delivery(channel)
    wall.fails = [Uncertain("the line dropped"), Refused("no")]

    town.work_for(MINUTE, 5)

    assert town.see(number).state is State.UNKNOWN


def test_a_dead_login_pauses_the_channel_once_and_the_delivery_waits(town: Town) -> None:
    channel, wall = town.channel()
    numbers = [town.delivery(channel, text) for text in ("satu", "dua")]
    wall.fails = [Unauthorized("The token is revoked.")]

    town.work_for(MINUTE, 5)

    assert [town.see(n).state for n in numbers] == [State.WAITING, State.WAITING]
    assert wall.publishes == 1
    with town.installation.database.read() as session:
        paused = session.get_one(Channel, channel.id)
    assert paused.state is ChannelState.PAUSED
    assert told(paused.reason) == "The token is revoked."


def test_an_unforeseen_error_while_sending_is_unknown(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.fails_after = [ZeroDivisionError("a bug")]

    town.work()

    assert town.see(number).state is State.UNKNOWN
    assert "ZeroDivisionError" in caplog.text


def test_parts_go_out_in_order_each_after_the_one_before(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel, "satu", "dua", "tiga")

    town.work(5)

    assert [(p.text, p.after) for p in wall.pinned] == [("satu", None), ("dua", "1"), ("tiga", "2")]
    assert town.see(number).state is State.PUBLISHED
    assert len(town.publications(number)) == 3


def test_after_a_public_part_nothing_ends_refused(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel, "satu", "dua")
    town.work()
    wall.fails = [Refused("no more")]

    town.work()

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.PART)


def test_past_its_latest_useful_time_it_is_missed_and_not_sent(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel, lasts=timedelta(minutes=30))
    town.clock.pass_(minutes=30)

    town.work(2)

    assert town.see(number).state is State.MISSED
    assert "reschedule" in told(town.see(number).reason)
    assert wall.pinned == []


def test_an_ambiguous_one_past_its_time_is_held_never_missed(town: Town) -> None:
    channel, wall = town.channel()
    wall.certainty = Certainty.KEYED
    number = town.delivery(channel, lasts=timedelta(minutes=4))
    wall.fails = [Uncertain("the line dropped"), *(Unreachable("down") for _ in range(50))]

    town.work_for(MINUTE, 10)

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.UNKNOWN)


def test_every_attempt_is_written_down_and_closed(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.fails = [Unreachable("no route")]

    town.work_for(MINUTE, 3)

    with town.installation.database.read() as session:
        attempts = session.exec(select(Attempt).where(Attempt.delivery_id == number).order_by(Attempt.number)).all()
    assert [a.outcome for a in attempts] == ["not sent", "proof"]
    assert all(a.settled for a in attempts)


def test_the_attempt_is_committed_before_the_request_leaves(town: Town) -> None:
    channel, wall = town.channel()
    seen: list[int] = []

    def look() -> None:
        with town.installation.database.read() as session:
            seen.append(len(session.exec(select(Attempt)).all()))

    wall.before_publish = look
    town.delivery(channel)

    town.work()

    assert seen == [1]


def test_a_processing_post_is_asked_after_until_it_is_public(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.processes = 3

    town.work()
    assert town.see(number).state is State.PROCESSING
    assert town.publications(number)[0].published is None

    town.work_for(MINUTE, 8)
    assert town.see(number).state is State.PUBLISHED
    assert [p.remote_id for p in town.publications(number)] == ["post-1"]
    assert wall.publishes == 1


def test_a_post_the_platform_gave_up_on_is_refused(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.processes, wall.stuck = 1, Refused("The video cannot be played.")

    town.work_for(MINUTE, 3)

    assert town.see(number).state is State.REFUSED


def test_a_post_that_never_stops_processing_is_held(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.processes = 1000

    town.work_for(timedelta(minutes=20), 12)

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.PROCESSING)


PICTURE = b"\xff\xd8\xff a photo"


def picture(town: Town) -> Attachment:
    name = sha256(PICTURE).hexdigest()
    path = stored(town.installation.media, name, "image/jpeg")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PICTURE)
    return Attachment(name, path, "image/jpeg", len(PICTURE), 10, 10)


def test_whoever_watches_is_told_what_is_uploaded_and_when_it_is_over(town: Town) -> None:
    seen: list[str] = []

    @contextmanager
    def watching(name: str, size: int) -> Iterator[Callable[[int], None]]:
        seen.append(f"{name}: {size}")
        yield lambda sent: None
        seen.append("over")

    channel, _ = town.channel()
    town.carrier.progress = watching
    number = town.delivery(channel, attachments=(picture(town),))

    town.work(2)

    assert seen == [f"board #{number}: {len(PICTURE)}", "over"]
    assert town.see(number).state is State.PUBLISHED
