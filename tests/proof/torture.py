"""Random deaths under load: daemons are killed at any moment and started again at once, while many channels of the four
kinds have posts due. What counts in the end is what hangs on the walls."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median

from billboard import KINDS
from cradle import Cradle, Life
from halls import Hall, Seen

from dissem import clock
from dissem.desk import verdicts
from dissem.desk.acting import Acting
from dissem.models import Channel, Held, Person, State

PAUSES = (0.15, 1.2)  # seconds between two kills, drawn between these
LONGEST = 240.0  # seconds that the end may take


@dataclass
class Toll:
    """What it came to."""

    deliveries: int = 0
    kills: int = 0
    duplicates: int = 0
    lost: int = 0  # in no end a person sees, or said to be published and not there
    unrecorded: int = 0  # there, and neither published nor, where nothing can be read, held
    published: int = 0
    held: Counter[str] = field(default_factory=Counter)  # of each kind: nobody knows, and a person is told what to do
    poisoned: int = 0  # two processes died in its preparation: a person tried it again
    moving: list[float] = field(default_factory=list)  # seconds from each restart to the next post of anybody

    def __str__(self) -> str:
        held = ", ".join(f"{kind} {count}" for kind, count in sorted(self.held.items())) or "none"
        seconds = f"median {median(self.moving):.2f} s, most {max(self.moving):.2f} s" if self.moving else "–"
        return (
            f"{self.kills} kills, {self.deliveries} deliveries: {self.duplicates} duplicates, {self.lost} lost, "
            f"{self.unrecorded} unrecorded; {self.published} published, held and said: {held}; "
            f"{self.poisoned} tried again by a person; moving again: {seconds}"
        )


class Torture:
    """On one *hall*, with so many *daemons*."""

    def __init__(self, hall: Hall, cradle: Cradle, daemons: int, seed: int) -> None:
        self.hall, self.cradle, self.draw = hall, cradle, random.Random(seed)  # noqa: S311
        self.toll = Toll()
        self.lives: list[Life] = [self._born() for _ in range(daemons)]
        self._restarts: list[float] = []

    def _born(self) -> Life:
        return self.cradle.start(self.hall.home, until_idle=False)

    def kill(self, times: int) -> None:
        """One after another, each started again at once."""
        for _ in range(times):
            time.sleep(self.draw.uniform(*PAUSES))
            place = self.draw.randrange(len(self.lives))
            life = self.lives[place]
            assert life.status is None, f"a daemon ended by itself: {life.status}"
            life.signal(signal.SIGKILL)
            _wait(lambda life=life: life.status is not None)
            self._restarts.append(time.time())
            self.lives[place] = self._born()
            self.toll.kills += 1

    def finish(self) -> Toll:
        """Let the living come to an end, and count."""
        self._settle()
        for number in self._poisoned():
            self._try_again(number)
        self._settle()
        for life in self.lives:
            life.signal(signal.SIGTERM)
        _wait(lambda: all(life.status is not None for life in self.lives))
        assert [life.status for life in self.lives] == [0] * len(self.lives)
        self._count()
        return self.toll

    def _settle(self) -> None:
        end = time.monotonic() + LONGEST
        while still := self._open():
            assert time.monotonic() < end, [(one.kind, one.delivery, one.there) for one in still[:3]]
            time.sleep(1)

    def _open(self) -> list[Seen]:
        return [seen for seen in self.hall.see() if seen.state not in (State.PUBLISHED, State.HELD)]

    def _poisoned(self) -> list[int]:
        return [seen.delivery.id or 0 for seen in self.hall.see() if seen.delivery.held is Held.POISON]

    def _try_again(self, number: int) -> None:
        with self.hall.installation.database.read() as session:
            budi = session.get_one(Person, 2)
        verdicts.retry(Acting(self.hall.installation, budi), number)
        self.toll.poisoned += 1

    def _count(self) -> None:
        toll = self.toll
        for seen in self.hall.see():
            there = any(seen.there)
            toll.deliveries += 1
            toll.duplicates += seen.is_twice
            if seen.is_published_once:
                toll.published += 1
            elif seen.is_held_and_said and (seen.kind == "blind" or (seen.kind == "readable" and not there)):
                toll.held[seen.kind] += 1
            elif there and not seen.is_twice:
                toll.unrecorded += 1
            else:
                toll.lost += not there
        toll.moving = list(self._moving())

    def _moving(self) -> Iterator[float]:
        """From each restart to the next post that arrived, if that came before another restart: else the process was
        dead before it could, and what followed it counts."""
        arrived = [post.at for post in self.hall.board.public()]
        for start, following in zip(self._restarts, [*self._restarts[1:], float("inf")], strict=True):
            after = next((at for at in arrived if at > start), None)
            if after is not None and after < following:
                yield after - start


def filled(hall: Hall, channels: int, posts: int, seconds: float, seed: int) -> list[Channel]:
    """So many channels of each kind, and *posts* in all that come due within *seconds*; one in four has a picture."""
    draw = random.Random(seed)  # noqa: S311
    made = [hall.channel(f"{kind}-{number}", kind) for kind in KINDS for number in range(channels)]
    for channel in made:
        hall.board.wall(channel.name).delay = draw.choice((0.0, 0.02, 0.1))
    now = clock.utc_now()
    for number in range(posts):
        due = now + timedelta(seconds=draw.uniform(0, seconds))
        hall.queue(made[number % len(made)], due, picture=draw.random() < 0.25)
    return made


def _wait(happened) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + LONGEST
    while not happened():
        assert time.monotonic() < end, "it did not come to an end"
        time.sleep(0.05)
