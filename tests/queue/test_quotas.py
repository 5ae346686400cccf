"""A channel's posts in 24 hours: what is too much is refused or put off here, before the platform refuses it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from noticeboard import Noticeboard
from town import START, Town

from dissem.models import Channel, State
from dissem.queue import quotas


def test_after_the_last_post_of_its_day_a_channel_rests_until_the_first_is_a_day_old(town: Town) -> None:
    channel, wall = town.channel(daily=2)
    numbers = [town.delivery(channel, text, lasts=timedelta(hours=48)) for text in ("satu", "dua", "tiga")]

    town.work(5)
    assert len(wall.pinned) == 2

    town.clock.pass_(hours=23)
    town.work(2)
    assert len(wall.pinned) == 2

    town.clock.pass_(hours=1, seconds=1)
    town.work(2)
    assert len(wall.pinned) == 3
    assert {town.see(number).state for number in numbers} == {State.PUBLISHED}


def test_other_channels_are_not_delayed(town: Town) -> None:
    full, _ = town.channel(daily=1)
    free, wall = town.channel("other")
    for text in ("satu", "dua"):
        town.delivery(full, text)
        town.delivery(free, text)

    town.work(4)

    assert len(wall.pinned) == 2


@pytest.mark.parametrize(("own", "platforms", "most"), [(None, None, None), (5, None, 5), (None, 50, 50), (80, 50, 50)])
def test_the_platforms_own_limit_cannot_be_raised(
    monkeypatch: pytest.MonkeyPatch, town: Town, own: int | None, platforms: int | None, most: int | None
) -> None:
    monkeypatch.setattr(Noticeboard, "facts", replace(Noticeboard.facts, daily=platforms))
    channel, _ = town.channel(**({"daily": own} if own else {}))

    assert quotas.most(channel) == most


def test_planned_counts_the_fuller_day(town: Town) -> None:
    channel, _ = town.channel()
    for hours in (1, 2, 3, 30):
        town.delivery(channel, f"{hours}", due=timedelta(hours=hours))

    with town.installation.database.read() as session:
        row = session.get_one(Channel, channel.id)
        assert quotas.planned(session, row, START + timedelta(hours=3)) == 3
        assert quotas.planned(session, row, START + timedelta(hours=31)) == 1
