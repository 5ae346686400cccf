"""What a look at the platform may say, and what it may not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from noticeboard import Noticeboard
from town import Town

from dissem.channels.adapter import Certainty, Receipt, Stage
from dissem.channels.errors import Refused, Uncertain
from dissem.errors import told
from dissem.models import Held, State

MINUTE = timedelta(minutes=1)


def test_a_refused_search_is_no_verdict(town: Town) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.fails_after = [Uncertain("the line dropped")]
    wall.find_fails = [Refused("no such list")]

    town.work_for(timedelta(seconds=20), 2)
    assert town.see(number).state is State.UNKNOWN
    assert wall.find_fails == []

    town.work_for(MINUTE, 5)
    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 1


def test_what_was_refused_after_a_lost_answer_is_not_sent_over_and_over(town: Town) -> None:
    channel, wall = town.channel()
    wall.certainty = Certainty.KEYED
    number = town.delivery(channel)
    wall.fails = [Uncertain("the line dropped"), *(Refused("no") for _ in range(100))]

    town.work_for(MINUTE, 60)

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.UNKNOWN)
    assert "dissem delivery resolve" in told(town.see(number).reason)
    assert wall.publishes == 2


def _handed(look: Callable[..., Any]) -> Callable[..., Any]:
    """*look* as of a platform that gave the post to a person meanwhile."""

    def handed(adapter: Noticeboard, *arguments: Any) -> Receipt | Sequence[Receipt]:
        found = look(adapter, *arguments)
        if isinstance(found, Receipt):
            return replace(found, stage=Stage.HANDED)
        return [replace(receipt, stage=Stage.HANDED) for receipt in found]

    return handed


def test_a_post_found_in_a_persons_inbox_is_held_for_that_person(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Noticeboard, "find", _handed(Noticeboard.find))
    channel, wall = town.channel()
    number = town.delivery(channel)
    wall.fails_after = [Uncertain("the line dropped")]

    town.work_for(MINUTE, 3)

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.HANDED)


def test_a_post_handed_over_after_processing_is_held_for_that_person(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Noticeboard, "confirm", _handed(Noticeboard.confirm))
    channel, wall = town.channel()
    wall.processes = 1
    number = town.delivery(channel)

    town.work_for(MINUTE, 3)

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.HANDED)


def test_a_failed_processing_is_held_while_an_earlier_attempt_may_be_public(town: Town) -> None:
    channel, wall = town.channel()
    wall.certainty = Certainty.KEYED
    number = town.delivery(channel)
    wall.fails = [Uncertain("the line dropped")]
    wall.processes, wall.stuck = 1, Refused("The video cannot be played.")

    town.work_for(MINUTE, 30)

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.UNKNOWN)
    assert told(town.see(number).reason) == "The video cannot be played."
