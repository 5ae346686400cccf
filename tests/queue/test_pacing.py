"""How long is waited before another try, and when a channel or a host is left alone."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from town import Town

from dissem.channels.adapter import Attachment
from dissem.channels.errors import Uncertain
from dissem.compose.media import stored
from dissem.config import Timing
from dissem.models import State
from dissem.queue.pacing import FAILURES, WITHIN, Breakers, backoff, next_look

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TIMING = Timing(backoff=30 * SECOND, backoff_cap=1800 * SECOND, look_again=20 * SECOND, breaker=300 * SECOND)
HOST = "social.example"


# Waiting


def test_the_longest_wait_doubles_with_every_failure_up_to_the_cap() -> None:
    longest = [backoff(failures, TIMING, chance=1.0).total_seconds() for failures in range(8)]

    assert longest == [30, 60, 120, 240, 480, 960, 1800, 1800]


def test_chance_spreads_the_waits_over_all_of_the_span() -> None:
    assert backoff(3, TIMING, chance=0.0) == timedelta(0)
    assert backoff(3, TIMING, chance=0.5) == 120 * SECOND

    drawn = {backoff(3, TIMING) for _ in range(200)}

    assert len(drawn) > 100
    assert all(timedelta(0) <= wait <= 240 * SECOND for wait in drawn)
    assert min(drawn) < 80 * SECOND
    assert max(drawn) > 160 * SECOND


def test_a_thousand_failures_are_no_overflow() -> None:
    assert backoff(1000, TIMING, chance=1.0) == 1800 * SECOND
    assert next_look(1000, TIMING) == timedelta(minutes=30)


def test_looks_come_at_doubling_intervals_up_to_half_an_hour() -> None:
    waits = [next_look(looks, TIMING).total_seconds() for looks in range(9)]

    assert waits == [20, 40, 80, 160, 320, 640, 1280, 1800, 1800]


def test_an_upload_whose_answer_was_lost_is_tried_again_with_growing_waits(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    channel, wall = town.channel()
    wall.prepare_fails = [Uncertain("the line dropped") for _ in range(3)]
    number = town.delivery(channel, attachments=_photo(town))

    waits = []
    while wall.prepare_fails:
        town.work()
        waits.append((town.see(number).next_at - town.clock()).total_seconds())
        town.clock.time = town.see(number).next_at
    town.work()

    assert waits == [30, 60, 120]
    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 1


def _photo(town: Town) -> tuple[Attachment, ...]:
    name = sha256(b"photo").hexdigest()
    path = stored(town.installation.media, name, "image/jpeg")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"photo")
    return (Attachment(name, path, "image/jpeg", 5, 10, 10),)


# Breakers


@pytest.fixture
def breakers() -> Breakers:
    return Breakers(TIMING)


def fail(breakers: Breakers, channel: int, times: int, host: str = "", at: datetime = NOW) -> None:
    for _ in range(times):
        breakers.failed(channel, host, at)


def test_five_failures_close_the_way_to_a_channel_and_to_no_other(breakers: Breakers) -> None:
    channels = [(1, ""), (2, "")]

    fail(breakers, 1, FAILURES - 1)
    assert breakers.blocked(channels) == set()

    fail(breakers, 1, 1)
    assert breakers.blocked(channels) == {1}


def test_failures_that_lie_further_apart_do_not_add_up(breakers: Breakers) -> None:
    fail(breakers, 1, FAILURES - 1)
    fail(breakers, 1, 1, at=NOW + WITHIN + SECOND)
    assert breakers.blocked([(1, "")]) == set()

    fail(breakers, 1, FAILURES - 1, at=NOW + WITHIN + SECOND)
    assert breakers.blocked([(1, "")]) == {1}


def test_an_answer_forgets_the_failures_before_it(breakers: Breakers) -> None:
    fail(breakers, 1, FAILURES - 1)
    breakers.worked(1, "")
    fail(breakers, 1, FAILURES - 1)

    assert breakers.blocked([(1, "")]) == set()


def test_one_bad_account_does_not_close_its_host(breakers: Breakers) -> None:
    fail(breakers, 1, 10 * FAILURES, HOST)

    assert breakers.blocked([(1, HOST), (2, HOST)]) == {1}


def test_failures_of_two_channels_close_their_host_and_no_other(breakers: Breakers) -> None:
    fail(breakers, 1, FAILURES - 1, HOST)
    fail(breakers, 2, 1, HOST)

    assert breakers.blocked([(1, HOST), (2, HOST), (3, HOST), (4, "other.example"), (5, "")]) == {1, 2, 3}


def test_a_channel_is_asked_when_its_time_is_over_not_before_and_once(breakers: Breakers) -> None:
    fail(breakers, 1, FAILURES)
    over = NOW + TIMING.breaker

    assert breakers.next_probe() == over
    assert breakers.to_probe([(1, "")], over - SECOND) == []
    assert breakers.to_probe([(1, "")], over) == [1]
    assert breakers.to_probe([(1, "")], over) == []
    assert breakers.next_probe() is None


def test_nothing_is_sent_while_the_question_is_open(breakers: Breakers) -> None:
    fail(breakers, 1, FAILURES)

    breakers.to_probe([(1, "")], NOW + TIMING.breaker)

    assert breakers.blocked([(1, "")]) == {1}


def test_after_a_good_answer_the_channel_is_free(breakers: Breakers) -> None:
    fail(breakers, 1, FAILURES)
    breakers.to_probe([(1, "")], NOW + TIMING.breaker)

    breakers.worked(1, "")

    assert breakers.blocked([(1, "")]) == set()
    assert breakers.next_probe() is None


def test_after_a_bad_answer_it_is_left_alone_for_another_while(breakers: Breakers) -> None:
    fail(breakers, 1, FAILURES)
    asked = NOW + TIMING.breaker
    breakers.to_probe([(1, "")], asked)

    breakers.still_fails(1, "", asked)

    assert breakers.blocked([(1, "")]) == {1}
    assert breakers.next_probe() == asked + TIMING.breaker
    assert breakers.to_probe([(1, "")], asked + TIMING.breaker) == [1]


def test_a_host_is_asked_by_one_of_its_channels_which_frees_them_all(breakers: Breakers) -> None:
    for number in range(1, FAILURES + 1):
        fail(breakers, number, 1, HOST)
    channels = [(number, HOST) for number in range(1, FAILURES + 2)]
    assert breakers.blocked(channels) == {number for number, _ in channels}

    asked = breakers.to_probe(channels, NOW + TIMING.breaker)
    assert asked == [1]

    breakers.worked(1, HOST)
    assert breakers.blocked(channels) == set()
