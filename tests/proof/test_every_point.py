"""Every labelled point × every way to go × every kind of certainty, on both databases, with real processes and files.

Whatever dies wherever: afterwards there is at most one post. There is exactly one, and it is recorded, where the
platform takes a key, knows a draft, or shows the post; the rest is held and says what a person can do.
"""

import ast
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import power
import pytest
from billboard import KINDS, Billboard
from cradle import FULL, Cradle, Life
from halls import LEASE, Hall, Seen

from dissem import clock
from dissem.daemon import marker
from dissem.models import State
from dissem.queue.points import Point

QUEUE = Path(__file__).parents[2] / "dissem" / "queue"
PATIENCE = 60.0  # seconds; nothing here takes a tenth of it


class Death(StrEnum):
    """How a process goes."""

    KILLED = "killed"
    PAUSED = "paused"  # for two leases; on PostgreSQL another daemon takes over meanwhile
    POWER_CUT = "power cut"  # SQLite: nothing that was not synced is left; PostgreSQL: the server goes too
    TORN = "power cut, torn"  # SQLite: of what was not synced a part is left


DEATHS = {"sqlite": tuple(Death), "postgresql": (Death.KILLED, Death.PAUSED, Death.POWER_CUT)}


@dataclass(frozen=True)
class Moment:
    """The *time*-th time that *point* is reached, and what has to happen so that it is.

    *attempted*: an attempt is written by then, so that nobody knows whether it left. *arrived*: the platform has the
    post. *told*: its answer, or what was found, is in the database.
    """

    point: Point
    time: int = 1
    loses: int = 0  # answers of the platform
    processes: int = 0  # looks until the post is public
    gap: float = 0  # between two posts of the channel: then outcomes are written one by one
    attempted: bool = True
    arrived: bool = True
    told: bool = True

    def __str__(self) -> str:
        more = [name for name in ("loses", "processes", "gap") if getattr(self, name)]
        return " ".join([self.point.value, f"{self.time}", *more])


def _early(point: Point, time: int = 1) -> Moment:
    return Moment(point, time, attempted=False, arrived=False, told=False)


def _sending(point: Point, time: int = 1) -> Moment:
    return Moment(point, time, arrived=False, told=False)


def _untold(point: Point, time: int = 1, **more: float) -> Moment:
    return Moment(point, time, told=False, **more)  # type: ignore[arg-type]


MATRIX = (
    _early(Point.BEFORE_CLAIM),
    _early(Point.CLAIMED_TO_PREPARE),
    _early(Point.MEDIA_OPENED),
    _early(Point.BEFORE_STEP),
    _early(Point.AFTER_STEP),
    _early(Point.BEFORE_RECORD),  # of the preparation
    _early(Point.IN_RECORD),
    _early(Point.BEFORE_MEDIA_CLOSED),
    _early(Point.MEDIA_CLOSED),
    _sending(Point.AFTER_RECORD),  # from here on another thread may claim it already
    _sending(Point.CLAIMED_TO_PUBLISH),
    _sending(Point.MEDIA_OPENED, 2),
    _sending(Point.BEFORE_PUBLISH),
    _untold(Point.AFTER_PUBLISH),
    _untold(Point.AFTER_PUBLISH, loses=1),
    _untold(Point.BEFORE_RECORD, 2, gap=0.01),
    _untold(Point.IN_RECORD, 2, gap=0.01),
    Moment(Point.AFTER_RECORD, 2, gap=0.01),
    _untold(Point.BEFORE_BATCH),
    _untold(Point.IN_BATCH),
    Moment(Point.AFTER_BATCH),
    _untold(Point.CLAIMED_TO_LOOK, loses=1),
    _untold(Point.BEFORE_LOOK, loses=1),
    _untold(Point.AFTER_LOOK, loses=1),
    _untold(Point.IN_VERDICT, loses=1),
    _untold(Point.AFTER_VERDICT, loses=1),
    Moment(Point.CLAIMED_TO_LOOK, processes=2),
    Moment(Point.BEFORE_LOOK, processes=2),
    Moment(Point.AFTER_LOOK, processes=2),
    Moment(Point.IN_VERDICT, processes=2),
    Moment(Point.AFTER_VERDICT, processes=2),
    Moment(Point.BEFORE_MEDIA_CLOSED, 2),
    Moment(Point.MEDIA_CLOSED, 2),
)
QUICK = frozenset({Point.BEFORE_STEP, Point.CLAIMED_TO_PUBLISH, Point.AFTER_PUBLISH, Point.IN_BATCH, Point.AFTER_LOOK})


def test_every_point_is_in_the_matrix() -> None:
    assert {moment.point for moment in MATRIX} == set(Point)


def test_every_label_in_the_code_is_a_point_and_every_point_is_in_the_code() -> None:
    reached = [
        ast.unparse(call.args[0])
        for file in QUEUE.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] == "reached"
    ]

    assert set(reached) == {f"Point.{point.name}" for point in Point}


class Place:
    """Where the four kinds live and die at once, each with an installation of its own."""

    def __init__(self, moment: Moment, board: Billboard, cradle: Cradle, halls: list[Hall]) -> None:
        self.moment, self.board, self.cradle, self.halls = moment, board, cradle, halls
        for hall, kind in zip(halls, KINDS, strict=True):
            leader = hall.channel(kind, kind, gap=moment.gap)
            follower = hall.channel(f"{kind}-follower", kind)
            wall = board.wall(kind)
            wall.loses, wall.processes = moment.loses, moment.processes
            number = hall.queue(leader, clock.utc_now() - timedelta(seconds=1))
            hall.queue(follower, picture=False, follows=number)

    def begin(self, number: signal.Signals, **how: object) -> list[Life]:
        """Daemons that get *number* at the moment: afterwards, those that are killed are dead, others stand still."""
        lives = [
            self.cradle.start(
                hall.home,
                point=self.moment.point,
                time=self.moment.time,
                signal=number,
                **{k: v[i] for k, v in how.items()},  # type: ignore[index]
            )
            for i, hall in enumerate(self.halls)
        ]
        if number == signal.SIGKILL:
            assert [status(life) for life in lives] == [-signal.SIGKILL] * len(lives), self.logs()
        else:
            until(lambda: all(life.stopped or life.status is not None for life in lives))
            assert all(life.stopped for life in lives), self.logs()
        return lives

    def go_on(self) -> list[Life]:
        return [self.cradle.start(hall.home) for hall in self.halls]

    def end(self, lives: list[Life], *, exact: bool) -> None:
        """Everybody comes to an end, and all is well. *exact*: no lease ended but those of the dead, so that the moment
        says which of them may be held."""
        assert [status(life) for life in lives] == [0] * len(lives), self.logs()
        for hall in self.halls:
            leader, follower = hall.see()
            self.judge(leader, exact)
            self.judge(follower, False)
            assert follower.state is not State.PUBLISHED or leader.state is State.PUBLISHED
        assert self.board.accidents == []

    def judge(self, seen: Seen, exact: bool) -> None:
        assert not seen.is_twice, (seen, self.logs())
        if seen.state is State.WAITING:  # for the link of one that is held
            assert seen.delivery.follows
            assert seen.there == [[]]
            return
        if not seen.is_published_once:
            assert seen.is_held_and_said, (seen, self.logs())
            assert self.may_be_held(seen, exact), (seen, self.logs())

    def may_be_held(self, seen: Seen, exact: bool) -> bool:
        """A platform that shows its posts cannot tell a request that never left from one that is late; one that shows
        nothing cannot tell anything. No other may be held, and not what is there for everybody to see."""
        moment = self.moment
        if seen.kind == "readable":
            return seen.there == [[]] and (not exact or (moment.attempted and not moment.arrived))
        return seen.kind == "blind" and (not exact or (moment.attempted and not moment.told))

    def logs(self) -> str:
        return "\n".join((hall.home / "daemon.log").read_text()[-3000:] for hall in self.halls)


def status(life: Life) -> int | None:
    until(lambda: life.status is not None)
    return life.status


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def place(board, cradle, tmp_path, sqlite, request):
    """place(moment, database) → where it happens."""
    halls: list[Hall] = []

    def place(moment: Moment, database: str) -> Place:
        for kind in KINDS:
            home = tmp_path / kind
            if database == "sqlite":
                sqlite(home)
            url = request.getfixturevalue("server").database() if database == "postgresql" else ""
            halls.append(Hall(home, url, board, senders=4))
        return Place(moment, board, cradle, halls)

    yield place
    for hall in halls:
        hall.close()
    if halls and not halls[0].installation.database.is_sqlite:
        request.getfixturevalue("server").drop()


def die(place: Place, death: Death, server) -> list[Life]:
    """Let them die, and others go on; answers whoever is to end well. *server* of PostgreSQL, None on SQLite."""
    if death is Death.KILLED:
        place.begin(signal.SIGKILL)
        return place.go_on()
    if death is Death.PAUSED:
        paused = place.begin(signal.SIGSTOP)
        others = place.go_on() if server else []  # on SQLite nobody else may
        time.sleep(2 * LEASE)
        for life in paused:
            life.signal(signal.SIGCONT)
        return paused + others
    if server is None:
        _cut_sqlite(place, _draw(place) if death is Death.TORN else None)
        return place.go_on()
    dying = place.begin(signal.SIGSTOP)
    server.cut()
    for life in dying:
        life.signal(signal.SIGKILL)
        status(life)
    for hall in place.halls:
        hall.close()
    server.start()
    return place.go_on()


def _draw(place: Place) -> random.Random:
    return random.Random(str(place.moment))  # noqa: S311 - the same lot every time


def _cut_sqlite(place: Place, draw: random.Random | None, **pragma: list[str]) -> int:
    """Answers how many writes were lost."""
    if power.shim() is None:
        pytest.skip("a C compiler makes what records the writes")
    databases = [hall.installation.database.file for hall in place.halls]
    for hall in place.halls:
        hall.close()
    before = [power.copies(file) for file in databases if file]
    records = [hall.home / "record" for hall in place.halls]
    place.begin(signal.SIGKILL, record=[str(record) for record in records], **pragma)
    return sum(
        power.cut(file, copies, record, draw)
        for file, copies, record in zip(databases, before, records, strict=True)
        if file
    )


@pytest.mark.parametrize("moment", [moment for moment in MATRIX if moment.point in QUICK], ids=str)
def test_after_a_death_at_a_point_there_is_one_post_or_it_is_held(moment: Moment, place) -> None:
    place = place(moment, "sqlite")

    place.end(die(place, Death.KILLED, None), exact=True)


@pytest.mark.proof
@pytest.mark.parametrize("moment", MATRIX, ids=str)
@pytest.mark.parametrize(
    ("database", "death"), [(database, death) for database, deaths in DEATHS.items() for death in deaths]
)
def test_after_any_death_at_any_point_there_is_one_post_or_it_is_held(
    moment: Moment, database: str, death: Death, place, request
) -> None:
    server = request.getfixturevalue("server") if database == "postgresql" else None
    place = place(moment, database)

    place.end(die(place, death, server), exact=database == "sqlite" and death is not Death.PAUSED)


@pytest.mark.proof
def test_the_power_cut_that_is_made_here_does_lose_what_was_not_synced(place) -> None:
    """Without syncs the attempt is not on the disk when its request leaves: it is sent again. Unless the daemon has a
    second way to know that its database is from the past, which is taken away here."""
    place = place(_untold(Point.AFTER_PUBLISH), "sqlite")
    careless = ["OFF"] * len(KINDS)

    lost = _cut_sqlite(place, None, synchronous=careless)
    for hall in place.halls:
        (hall.home / marker.FILE).unlink()
    for life in place.go_on():
        assert status(life) == 0, place.logs()

    assert lost > 0
    twice = {seen.kind for hall in place.halls for seen in hall.see() if seen.is_twice}
    assert twice == {"staged", "readable", "blind"}  # the draft is forgotten too; only a key knows the post again


@pytest.mark.proof
@pytest.mark.parametrize(
    "moment",
    [
        _early(Point.BEFORE_CLAIM),
        _early(Point.BEFORE_STEP),
        _sending(Point.BEFORE_PUBLISH),
        _untold(Point.AFTER_PUBLISH),
    ],
    ids=str,
)
def test_a_disk_that_is_full_for_a_while_loses_nothing_and_repeats_nothing(moment: Moment, place) -> None:
    if power.shim() is None:
        pytest.skip("a C compiler makes what fills the disk")
    place = place(moment, "sqlite")

    lives = [place.cradle.start(hall.home, point=moment.point, time=moment.time, signal=FULL) for hall in place.halls]
    assert [status(life) for life in lives] == [0] * len(lives), place.logs()

    for hall in place.halls:
        assert all(seen.is_published_once for seen in hall.see()), (hall.see(), place.logs())
        assert "disk is full" in (hall.home / "daemon.log").read_text()
