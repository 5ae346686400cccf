"""A file lies open for the platform as long as its delivery is in somebody's hand. By the moment that anybody else may
take the delivery it is gone: taking it away later would take it from them."""

from pathlib import Path

import pytest
from halls import Hall

from dissem import clock
from dissem.queue import reconcile
from dissem.queue.carry import Carrier
from dissem.queue.claims import Claims
from dissem.queue.points import Point


@pytest.fixture
def hall(board, tmp_path: Path, sqlite):
    sqlite(tmp_path / "home")
    hall = Hall(tmp_path / "home", "", board)
    yield hall
    hall.close()


def open_at(hall: Hall, moment: Point) -> tuple[list[int], Carrier, Claims]:
    """How many files lay open each time that *moment* was reached, and who works."""
    seen: list[int] = []

    def reached(point: Point) -> None:
        if point is moment:
            seen.append(len(list(hall.board.media.iterdir())))

    installation = hall.installation
    return seen, Carrier(installation, reached=reached), Claims(installation.database, "me", installation.config.timing)


def test_after_the_preparation_nothing_lies_open_when_the_next_may_take_it(hall: Hall) -> None:
    hall.queue(hall.channel("keyed", "keyed"))
    seen, carrier, claims = open_at(hall, Point.AFTER_RECORD)

    for claimed in claims.preparing(now=clock.utc_now(), limit=1):
        carrier.prepare(claimed)

    assert seen == [0]


def test_after_a_verdict_nothing_lies_open_when_the_next_may_take_it(hall: Hall) -> None:
    hall.queue(hall.channel("keyed", "keyed"))
    hall.board.wall("keyed").loses = 1
    seen, carrier, claims = open_at(hall, Point.AFTER_VERDICT)
    for claimed in claims.preparing(now=clock.utc_now(), limit=1):
        carrier.prepare(claimed)
    for claimed in claims.publishing(now=clock.utc_now(), limit=1):
        carrier.publish(claimed)
    assert len(list(hall.board.media.iterdir())) == 1  # nobody knows whether the platform has it

    later = clock.utc_now() + hall.installation.config.timing.look_again
    for claimed in claims.looking(now=later, limit=1):
        reconcile.look(carrier, claimed)

    assert seen == [0]


def test_as_long_as_nobody_knows_it_stays_for_a_request_that_may_still_be_on_its_way(hall: Hall) -> None:
    hall.queue(hall.channel("keyed", "keyed"))
    hall.board.wall("keyed").loses = 1
    seen, carrier, claims = open_at(hall, Point.AFTER_VERDICT)
    for claimed in claims.preparing(now=clock.utc_now(), limit=1):
        carrier.prepare(claimed)
    for claimed in claims.publishing(now=clock.utc_now(), limit=1):
        carrier.publish(claimed)
    hall.board.wall("keyed").posts.clear()  # it is late

    later = clock.utc_now() + hall.installation.config.timing.look_again
    for claimed in claims.looking(now=later, limit=1):
        reconcile.look(carrier, claimed)

    assert seen == [1]
