"""The benchmarks run, at a size that says nothing about speed, and what they find is plausible."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from benchmarks import claim, commands, platform, recovery, soak, steady
from benchmarks.pile import Pile, piled
from benchmarks.table import at_least, at_most, none, summary, told
from dissem.models import State

SPAN = timedelta(milliseconds=200)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that daemons get to begin and to end is cut down, as are the bounds of the protocol."""
    monkeypatch.setattr(steady, "LEAD", 0.0)
    monkeypatch.setattr(steady, "REST", 0.5)
    monkeypatch.setattr(soak, "AFTER", 0.5)
    bounds = dict.fromkeys(("send_deadline", "request", "margin", "look_again", "breaker", "backoff"), SPAN)
    for module in (recovery, soak):
        monkeypatch.setattr(module, "LEAD", 0.5)
        monkeypatch.setattr(module, "CHANNELS", 8)
        monkeypatch.setattr(module, "TIMING", module.TIMING.model_copy(update=bounds))


@pytest.fixture(scope="module")
def pile() -> Iterator[Pile]:
    with piled("sqlite", 100) as made:
        yield made


def test_the_platform_has_a_ceiling() -> None:
    assert platform.ceiling(400) > 0


def test_claims_are_measured_with_every_lane_and_leave_nothing_due(pile: Pile) -> None:
    found = claim.measure(pile, waiting=20, rounds=1)

    assert found.find > 0
    assert found.nearest > 0
    assert found.claim > 0
    assert claim.measure(pile, waiting=20, rounds=1).nothing > 0


def test_a_steady_flow_is_neither_early_nor_lost_nor_twice(pile: Pile) -> None:
    found = steady.measure(pile, seconds=1)

    assert (found.posts, found.early, found.lost, found.twice) == (100, 0, 0, 0)
    assert 0 <= found.median <= found.late <= found.latest
    assert found.peak > 0


def test_commands_are_compared_with_those_over_an_empty_queue(pile: Pile) -> None:
    assert all(ratio > 0 for ratio in commands.measure(pile, rounds=1).values())


def test_after_a_kill_everything_is_there_once() -> None:
    found = recovery.measure("sqlite", posts=30, kills=1)

    assert (found.twice, found.lost) == (0, 0)
    assert 0 < found.again[0] < 60


def test_a_soak_ends_with_nothing_stuck_and_reads_what_it_watches() -> None:
    found = soak.measure("sqlite", seconds=1.5, every=0.1)

    assert (found.stuck, found.twice, found.lost) == (0, 0, 0)
    assert found.ends[State.PUBLISHED] + found.ends[State.HELD] == found.posts
    assert all(value > 0 for _, value in found.samples["memory"])
    assert found.growth("memory") > -1


def test_the_table_says_which_goals_are_missed() -> None:
    figures = [at_most("fast", 3, 2), at_least("much", 3, 2), none("lost", 0), told("odd", 3)]

    assert summary(figures) == "2 of 3 goals met\n  missed: fast"
    assert str(figures[0]).endswith("MISSED")
