"""One channel's trouble, and one agency's backlog, are nobody else's: breakers, limits, fairness, urgent posts."""

from datetime import timedelta

import pytest
from noticeboard import Noticeboard
from sqlmodel import select
from town import START, Town

from dissem.channels.adapter import Account
from dissem.channels.errors import Throttled, Unauthorized, Unreachable
from dissem.config import Config, DaemonSection
from dissem.errors import told
from dissem.models import Agency, AuditEntry, Channel, ChannelState, State
from dissem.queue.engines.threads import Threads
from dissem.queue.pacing import FAILURES

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def config(config: Config) -> Config:
    """Four senders."""
    return config.model_copy(update={"daemon": DaemonSection(senders=4, uploads=2, lookups=2)})


def of_agency(town: Town, agency: str, channel: Channel) -> Channel:
    """*channel*, moved to *agency*."""
    with town.installation.database.write() as session:
        if session.get(Agency, agency) is None:
            session.add(Agency(code=agency, name=agency))
            session.flush()
        kept = session.get_one(Channel, channel.id)
        kept.agency = agency
        session.add(kept)
    return channel


def state_of(town: Town, channel: Channel) -> Channel:
    with town.installation.database.read() as session:
        return session.get_one(Channel, channel.id)


def told_of(town: Town, channel: Channel) -> int:
    """How often the audit record says that *channel* was paused."""
    with town.installation.database.read() as session:
        query = select(AuditEntry).where(
            AuditEntry.action == "channel.pause", AuditEntry.object == f"channel {channel.name}"
        )
        return len(session.exec(query).all())


def work_with_breakers(town: Town) -> None:
    """A round of work as the engine does it: what a breaker closes is left alone."""
    with town.installation.database.read() as session:
        known = {number or 0: host for number, host in session.exec(select(Channel.id, Channel.host))}
    blocked = town.carrier.breakers.blocked(known.items())
    for claimed in town.claims.publishing(now=town.clock(), limit=50, blocked=blocked):
        town.carrier.publish(claimed)


def test_a_channel_with_a_dead_token_or_a_platform_that_is_down_delays_no_other_and_is_told_once(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    dead, dead_wall = town.channel("dead", api_url="https://dead.example")
    down, down_wall = town.channel("down", api_url="https://down.example")
    well, _ = town.channel("well", api_url="https://well.example")
    dead_wall.fails = [Unauthorized("The token was revoked.") for _ in range(50)]
    down_wall.fails = [Unreachable("Nobody is there.") for _ in range(500)]
    rounds = 12
    waiting = [town.delivery(channel, f"rilis {n}") for channel in (dead, down) for n in range(rounds)]
    lateness = []

    for number in range(rounds):
        mine = town.delivery(well, f"rilis {number}")
        work_with_breakers(town)
        published = town.see(mine).published
        lateness.append(published and published - town.see(mine).due)
        town.clock.pass_(seconds=40)

    assert lateness == [timedelta(0)] * rounds
    assert state_of(town, dead).state is ChannelState.PAUSED
    assert dead_wall.publishes == 1
    assert told_of(town, dead) == caplog.text.count("channel dead is paused") == 1
    assert "revoked" in told(state_of(town, dead).reason)
    assert down_wall.publishes == FAILURES  # then its breaker keeps it from being asked
    assert state_of(town, down).state is ChannelState.ACTIVE
    assert {town.see(number).state for number in waiting} == {State.WAITING}


def test_after_the_outage_the_backlog_of_the_channel_goes_out_by_itself(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    down, wall = town.channel("down", api_url="https://down.example")
    wall.fails = [Unreachable("Nobody is there.") for _ in range(FAILURES)]
    numbers = [town.delivery(down, f"rilis {n}") for n in range(7)]
    for _ in range(FAILURES):
        work_with_breakers(town)
    reads: list[str] = []
    monkeypatch.setattr(Noticeboard, "check", lambda adapter: reads.append("who am I") or Account("down", "Down"))
    engine = Threads(town.installation, "engine", carrier=town.carrier, now=town.clock)

    work_with_breakers(town)
    assert wall.publishes == FAILURES
    town.clock.pass_(minutes=6)
    [number] = town.carrier.breakers.to_probe([(down.id or 0, down.host)], town.clock())
    engine._probe(number, down.host)
    town.clock.pass_(hours=1)
    for _ in numbers:
        work_with_breakers(town)

    assert reads == ["who am I"]
    assert {town.see(number).state for number in numbers} == {State.PUBLISHED}
    assert wall.publishes == FAILURES + len(numbers)


def test_a_limit_the_platform_names_rests_the_channel_for_that_long_and_no_other(town: Town) -> None:
    limited, wall = town.channel("limited", api_url="https://same.example")
    other, other_wall = town.channel("other", api_url="https://same.example")
    wall.fails = [Throttled("Slow down.", retry_after=15 * MINUTE)]
    mine = [town.delivery(limited, f"rilis {n}") for n in range(3)]
    theirs = [town.delivery(other, f"rilis {n}") for n in range(3)]

    town.work(3)
    assert (wall.publishes, other_wall.publishes) == (1, 3)
    assert state_of(town, limited).free_at == START + 15 * MINUTE
    town.clock.pass_(minutes=14)
    town.work(3)
    assert wall.publishes == 1
    town.clock.pass_(minutes=1)
    town.work(3)

    assert {town.see(number).state for number in mine + theirs} == {State.PUBLISHED}


# Fairness


def test_an_agency_that_has_hundreds_to_catch_up_with_delays_no_other(town: Town) -> None:
    busy = [of_agency(town, "humas", town.channel(f"busy {n}")[0]) for n in range(12)]
    for channel in busy:
        for n in range(10):
            town.delivery(channel, f"tunggakan {n}", due=-2 * HOUR)
    small, wall = town.channel("small")
    number = town.delivery(of_agency(town, "damkar", small), "tepat waktu")

    claimed = town.claims.publishing(now=town.clock(), limit=4)

    assert number in [one.delivery.id for one in claimed]
    assert len(claimed) == 4
    assert wall.publishes == 0


def test_of_one_agency_the_longest_due_goes_first(town: Town) -> None:
    late, _ = town.channel("late")
    later, _ = town.channel("later")
    first = town.delivery(later, due=-2 * HOUR)
    town.delivery(late, due=-HOUR)

    [claimed] = town.claims.publishing(now=town.clock(), limit=1)

    assert claimed.delivery.id == first


def test_agencies_take_turns_so_that_none_waits_for_a_whole_backlog(town: Town) -> None:
    agencies = ("humas", "damkar", "dishub")
    for agency in agencies:
        for n in range(4):
            channel = of_agency(town, agency, town.channel(f"{agency} {n}")[0])
            town.delivery(channel, due=-HOUR * (agencies.index(agency) + 1))

    claimed = town.claims.publishing(now=town.clock(), limit=6)

    with town.installation.database.read() as session:
        owners = [session.get_one(Channel, one.delivery.channel_id).agency for one in claimed]
    assert sorted(owners) == sorted(agencies * 2)


def test_an_urgent_post_passes_every_backlog(town: Town) -> None:
    for n in range(12):
        town.delivery(of_agency(town, "humas", town.channel(f"busy {n}")[0]), due=-2 * HOUR)
    channel, _ = town.channel("bpbd")
    town.delivery(channel, "rilis biasa", due=-HOUR)
    warning = town.delivery(channel, "peringatan", urgent=True)

    claimed = town.claims.publishing(now=town.clock(), limit=1)

    assert [one.delivery.id for one in claimed] == [warning]
