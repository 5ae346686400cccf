"""Finding the heads of free lanes: by their moments, by their lanes, and again from what the last look left."""

import random
from datetime import timedelta

import pytest
from sqlmodel import select as rows
from town import Town

from dissem.models import Agency, Channel, ChannelState, Delivery
from dissem.queue import heads
from dissem.queue.due import padded

HOUR = timedelta(hours=1)


def found(town: Town, few: int, monkeypatch: pytest.MonkeyPatch) -> list[heads.Head]:
    monkeypatch.setattr(heads, "FEW", few)
    with town.installation.database.read() as session:
        return heads.find(session, town.clock())


def mixed(town: Town, seed: int) -> None:
    """Lanes of three agencies, some of them busy, paused or at rest, with posts that are due, urgent, or not yet."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    for n in range(12):
        channel, _ = town.channel(f"kanal {n}")
        for _ in range(chance.randrange(4)):
            moment = timedelta(minutes=chance.choice((-90, -60, -60, -30, 30)))
            town.delivery(channel, due=moment, urgent=chance.random() < 0.3)
    town.claims.publishing(now=town.clock(), limit=2)
    with town.installation.database.write() as session:
        for agency in ("damkar", "dishub"):
            session.merge(Agency(code=agency, name=agency))
        for channel in session.exec(rows(Channel)).all():
            channel.agency = chance.choice(("kominfo", "damkar", "dishub"))
            channel.state = chance.choice((ChannelState.ACTIVE,) * 4 + (ChannelState.PAUSED,))
            channel.free_at = chance.choice((None, None, town.clock() - HOUR, town.clock() + HOUR))


@pytest.mark.parametrize("seed", range(6))
def test_both_ways_find_the_same_in_the_same_order(town: Town, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed(town, seed)

    by_moments, by_lanes = found(town, 1000, monkeypatch), found(town, 1, monkeypatch)

    assert by_moments == by_lanes
    assert len({head.channel for head in by_moments}) == len(by_moments)
    assert [head.urgent for head in by_moments] == sorted((head.urgent for head in by_moments), reverse=True)


def test_a_look_serves_the_claims_after_it(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(6):
        town.delivery(town.channel(f"kanal {n}")[0])
    looks = []
    find = heads.find
    monkeypatch.setattr(heads, "find", lambda session, now: looks.append(now) or find(session, now))

    taken = [town.claims.publishing(now=town.clock(), limit=2) for _ in range(3)]

    assert [len(claimed) for claimed in taken] == [2, 2, 2]
    assert len({one.delivery.id for claimed in taken for one in claimed}) == 6
    assert len(looks) == 1


def test_what_the_last_look_left_is_claimed_only_if_it_is_still_due(town: Town) -> None:
    numbers = [town.delivery(town.channel(f"kanal {n}")[0]) for n in range(4)]
    [first] = town.claims.publishing(now=town.clock(), limit=1)
    left = [number for number in numbers if number != first.delivery.id]
    with town.installation.database.write() as session:
        paused = session.get_one(Channel, session.get_one(Delivery, left[0]).channel_id)
        paused.state = ChannelState.PAUSED
        session.get_one(Delivery, left[1]).next_at = town.clock() + HOUR

    claimed = town.claims.publishing(now=town.clock(), limit=3)

    assert [one.delivery.id for one in claimed] == [left[2]]


def test_a_lane_that_another_owner_took_since_the_look_stays_that_owners(town: Town) -> None:
    channel, _ = town.channel("satu")
    town.channel("dua")
    other, _ = town.channel("tiga")
    town.delivery(other, due=-2 * HOUR)
    behind = town.delivery(channel)
    town.claims.publishing(now=town.clock(), limit=1)  # its look has seen the second one too
    warning = town.delivery(channel, urgent=True)
    second = type(town.claims)(town.installation.database, "another", town.installation.config.timing)

    theirs = second.publishing(now=town.clock(), limit=1)
    ours = town.claims.publishing(now=town.clock(), limit=1)

    assert [one.delivery.id for one in theirs] == [warning]
    assert ours == []
    assert town.see(behind).attempts == 0


def test_something_urgent_waits_no_longer_than_a_look_is_good(town: Town) -> None:
    for n in range(6):
        town.delivery(town.channel(f"kanal {n}")[0])
    town.claims.publishing(now=town.clock(), limit=1)
    warning = town.delivery(town.channel("bpbd")[0], urgent=True)
    town.clock.pass_(seconds=heads.GOOD_FOR.total_seconds())

    [claimed] = town.claims.publishing(now=town.clock(), limit=1)

    assert claimed.delivery.id == warning


def test_an_empty_queue_has_no_heads_either_way(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.delivery(town.channel()[0], due=HOUR)

    assert found(town, 1000, monkeypatch) == found(town, 1, monkeypatch) == []


@pytest.mark.parametrize(("many", "length"), [(0, 0), (1, 1), (2, 2), (3, 4), (5, 8), (8, 8), (33, 64)])
def test_lists_of_ids_grow_to_a_power_of_two_and_name_the_same(many: int, length: int) -> None:
    ids = list(range(1, many + 1))

    assert len(padded(ids)) == length
    assert set(padded(ids)) == set(ids)
