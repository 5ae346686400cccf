"""People, workers and platforms in any order: whatever happens, nothing is public twice and nothing is lost unseen.

Hypothesis chooses what happens next; the real desk, queue, claims and SQLite do it. Each worker stands on a thread of
its own and stops at every named point, where it may be let on, left asleep or killed. After every step what the
database says is held against what hangs on the walls. `PROOF=1` lets it try for minutes instead of seconds.
"""

import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import noticeboard
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from noticeboard import WALLS
from sqlalchemy import event
from sqlmodel import select
from town import Clock, Town

from dissem.channels.adapter import Certainty
from dissem.channels.errors import NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.config import Config, NetworkSection, Office
from dissem.desk import channels, releases, schedule, verdicts
from dissem.desk.acting import Acting
from dissem.desk.draft import Draft
from dissem.errors import DissemError
from dissem.models import (
    Approval,
    Daemon,
    Delivery,
    Part,
    Person,
    Publication,
    Release,
    ReleaseState,
    Settled,
    State,
)
from dissem.queue import carry, claims, reconcile
from dissem.queue.carry import Carrier
from dissem.queue.claims import Claimed, Claims, sweep
from dissem.store.installation import Installation
from dissem.store.vault import make_key

THOROUGH = bool(os.environ.get("PROOF"))
SETTINGS = settings(
    max_examples=250 if THOROUGH else 8,
    stateful_step_count=100 if THOROUGH else 60,
    deadline=None,
    print_blob=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
ENDS = (State.PUBLISHED, State.REFUSED, State.MISSED, State.CANCELLED, State.HELD)
NOT_PUBLIC = (State.REFUSED, State.MISSED, State.CANCELLED)
IN_DOUBT = (State.PUBLISHING, State.PROCESSING, State.UNKNOWN)
ON_ITS_WAY = "on its way"
TROUBLE = {
    "refused": Refused,
    "throttled": Throttled,
    "unreachable": Unreachable,
    "not yet": NotYet,
    "unauthorized": Unauthorized,
    "lost": Uncertain,
    "broken": RuntimeError,
}
WHEN = st.sampled_from(("fails", "fails_after", "find_fails"))
RECIPIENTS = st.sampled_from(("ana@a.example", "budi@b.example"))
NAMES = st.sampled_from(("website", "page", "press"))
WORKERS = st.sampled_from((0, 1))
OWNERS = st.sets(st.sampled_from(("worker-0", "worker-1", "somebody else")), min_size=1)


class Death(BaseException):
    """The worker was killed where it stood."""


class Hand:
    """A worker at one task. It stops at every point that it reaches, until it is let on or killed."""

    def __init__(self, work: Callable[["Hand"], None]) -> None:
        self.point: str | None = "begun"
        self.error: BaseException | None = None
        self._killed = False
        self._go, self._there = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()
        self._there.acquire()

    def reached(self, point: str) -> None:
        self.point = point
        self._there.release()
        self._go.acquire()
        if self._killed:
            raise Death

    def goes_on(self) -> None:
        """To its next point, or to the end."""
        self._go.release()
        self._there.acquire()
        if self.error:
            raise self.error

    def dies(self) -> None:
        self._killed = True
        self.goes_on()

    def _run(self, work: Callable[["Hand"], None]) -> None:
        try:
            self.reached("begun")
            work(self)
        except Death:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where the machine is
            self.error = error
        self.point = None
        self._there.release()


class CityHall(RuleBasedStateMachine):
    """A city hall with two workers, three channels, an author and an approver."""

    def __init__(self, make: Callable[[Clock], Installation]) -> None:
        super().__init__()
        WALLS.clear()
        self.clock = Clock()
        self.installation = make(self.clock)
        self.town = Town(self.installation, self.clock)
        self.timing = self.installation.config.timing
        self.workers: list[Hand | None] = [None, None]
        self.releases: list[int] = []
        self.deliveries: list[int] = []
        self.sent: dict[int, datetime] = {}  # when the request of a worker left
        self.keys: dict[str, tuple[int, int]] = {}  # of every part that was ever frozen: delivery and number
        self.fences: dict[int, int] = {}
        self.seen = 0  # pinned posts whose approval was looked at

    @initialize(
        certainties=st.tuples(*[st.sampled_from(Certainty)] * 2),
        resends=st.booleans(),
        letters=st.sampled_from((Certainty.BLIND, Certainty.KEYED)),
    )
    def opens(self, certainties: tuple[Certainty, Certainty], resends: bool, letters: Certainty) -> None:
        self.town.channel("website")[1].certainty = certainties[0]
        on_absent = "resend_once" if resends else "hold"
        self.town.channel("page", on_absent=on_absent)[1].certainty = certainties[1]
        self.town.channel("press", "letters", recipients="ana@a.example budi@b.example")[1].certainty = letters

    def teardown(self) -> None:
        for number in self._at_work():
            self._hand(number).dies()
        try:
            self._everything_comes_to_an_end()
        finally:
            self.installation.close()

    # People

    def _as(self, number: int) -> Acting:
        with self.installation.database.read() as session:
            return Acting(self.installation, session.get_one(Person, number), self.clock)

    def _tries(self, what: Callable[[], object]) -> None:
        """What people may be told not to do."""
        with suppress(DissemError):
            what()

    @precondition(lambda self: len(self.releases) < 4)
    @rule(names=st.sets(NAMES, min_size=1), long=st.booleans(), link=st.booleans(), approved=st.sampled_from((1, 1, 0)))
    def schedules_a_release(self, names: set[str], long: bool, link: bool, approved: int) -> None:
        number = len(self.releases) + 1
        link_from = "website" if link and "website" in names else None
        body = f"Isi {number}. " * (60 if long else 1)
        draft = Draft(title=f"Judul {number}", body=body, link_from=link_from)
        author = self._as(1)
        release = releases.add(author, draft).id or 0
        made = schedule.schedule(author, release, sorted(names), self.clock() + timedelta(minutes=1))
        self.releases.append(release)
        self.deliveries += [delivery.id or 0 for delivery, _ in made]
        releases.submit(author, release)
        if approved:
            releases.approve(self._as(2), release)

    @precondition(lambda self: self.releases)
    @rule(data=st.data(), what=st.sampled_from(("approve", "approve", "edit", "withdraw", "submit")))
    def works_on_a_release(self, data: st.DataObject, what: str) -> None:
        number, author = data.draw(st.sampled_from(self.releases)), self._as(1)
        doing = {
            "approve": lambda: releases.approve(self._as(2), number),
            "edit": lambda: releases.edit(author, number, Draft(body=f"Baru {number} {self.clock():%H%M%S}.")),
            "withdraw": lambda: releases.withdraw(author, number),
            "submit": lambda: releases.submit(author, number),
        }
        self._tries(doing[what])

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data(), what=st.sampled_from(("cancel", "retry", "reschedule", "resolve", "resolve")))
    def works_on_a_delivery(self, data: st.DataObject, what: str) -> None:
        number, author = data.draw(st.sampled_from(self.deliveries)), self._as(1)
        later = self.clock() + timedelta(minutes=10)
        doing = {
            "cancel": lambda: schedule.cancel(author, number),
            "retry": lambda: verdicts.retry(author, number),
            "reschedule": lambda: schedule.reschedule(author, number, later),
            "resolve": lambda: verdicts.resolve(author, number, published=self._looks_there(number)),
        }
        self._tries(doing[what])

    def _looks_there(self, number: int) -> str | None:
        """The address of the part that is asked about, None if it is not to be seen."""
        with self.installation.database.read() as session:
            delivery = session.get_one(Delivery, number)
        there = [pinned for pinned in self._pinned() if self.keys[pinned.key] == (number, delivery.part)]
        return f"https://board.example/{there[0].id}" if there else None

    @rule(name=NAMES, paused=st.sampled_from((True, False, False)))
    def pauses_or_resumes(self, name: str, paused: bool) -> None:
        (channels.pause if paused else channels.resume)(self._as_installation(), name)

    def _as_installation(self) -> Acting:
        return Acting(self.installation, None, self.clock)

    # Platforms

    @precondition(lambda self: self.deliveries)
    @rule(name=NAMES, when=WHEN, what=st.sampled_from(sorted(TROUBLE)))
    def will_fail(self, name: str, when: str, what: str) -> None:
        """Before the post is public, after it is, or when it is looked for."""
        error = TROUBLE[what if when != "fails_after" else "lost"]
        getattr(WALLS[name], when).append(error("trouble"))

    @precondition(lambda self: self.deliveries)
    @rule(recipient=RECIPIENTS, what=st.sampled_from(("dead", "slow", "lost")))
    def a_recipient_is(self, recipient: str, what: str) -> None:
        wall = WALLS["press"]
        if what == "dead":
            wall.dead.add(recipient)
        elif what == "slow":
            wall.slow[recipient] = True
        else:
            wall.lost[recipient] = Uncertain("trouble")

    # Time

    @rule(seconds=st.sampled_from((5, 30, 60, 150, 3600)))
    def time_passes(self, seconds: int) -> None:
        """No request takes longer than `request`: by then it has arrived."""
        after = self.clock() + timedelta(seconds=seconds)
        for number in self._at_work():
            if self._hand(number).point == ON_ITS_WAY and after > self.sent[number] + self.timing.request:
                self._hand(number).goes_on()
        self.clock.time = after

    @rule()
    def sweeps(self) -> None:
        sweep(self.installation.database, self.timing, now=self.clock())

    @rule(owners=OWNERS)
    def are_heard(self, owners: set[str]) -> None:
        """The others may be silent for so long that they are taken for dead, awake or not."""
        now = self.clock()
        with self.installation.database.write() as session:
            for owner in owners:
                session.merge(Daemon(owner=owner, host="here", pid=1, started=now, beat=now))

    # Workers

    def _at_work(self) -> list[int]:
        return [number for number, hand in enumerate(self.workers) if hand and hand.point]

    @precondition(lambda self: len(self._at_work()) < 2 and self.deliveries)
    @rule(what=st.sampled_from(("publish", "publish", "look")))
    def a_worker_claims(self, what: str) -> None:
        number = 1 if self._at_work() == [0] else 0
        owner = Claims(self.installation.database, f"worker-{number}", self.timing)
        claim = owner.publishing if what == "publish" else owner.looking
        for claimed in claim(now=self.clock(), limit=1):
            self.workers[number] = Hand(partial(self._carries, number, claimed, what))

    def _carries(self, number: int, claimed: Claimed, what: str, hand: Hand) -> None:
        carrier = Carrier(self.installation, now=self.clock, reached=hand.reached)
        if what == "look":
            reconcile.look(carrier, claimed)
            return

        def leaves() -> None:
            self.sent[number] = self.clock()
            hand.reached(ON_ITS_WAY)

        self._way(claimed.channel.name, leaves)
        carrier.publish(claimed)

    def _way(self, name: str, leaves: Callable[[], None]) -> None:
        """Only one thread runs at a time, so that the wall asks the one that is there."""
        self._leaving = {**getattr(self, "_leaving", {}), threading.get_ident(): leaves}
        WALLS[name].before_publish = lambda: self._leaving[threading.get_ident()]()

    @precondition(_at_work)
    @rule(number=WORKERS, points=st.sampled_from((1, 1, 2, 9)))
    def a_worker_goes_on(self, number: int, points: int) -> None:
        for _ in range(points):
            if number in self._at_work():
                self._hand(number).goes_on()

    @precondition(_at_work)
    @rule(number=WORKERS)
    def a_worker_dies(self, number: int) -> None:
        if number in self._at_work():
            self._hand(number).dies()

    def _hand(self, number: int) -> Hand:
        hand = self.workers[number]
        assert hand is not None
        return hand

    # What holds

    def _pinned(self) -> list[noticeboard.Pinned]:
        return [pinned for wall in WALLS.values() for pinned in wall.pinned]

    @invariant()
    def what_is_said_is_true(self) -> None:
        with self.installation.database.read() as session:
            deliveries = session.exec(select(Delivery)).all()
            parts = session.exec(select(Part)).all()
            public = Counter(
                publication.part_id
                for publication in session.exec(select(Publication))
                if publication.published is not None
            )
        self.keys |= {part.post["key"]: (part.delivery_id, part.number) for part in parts}
        there = Counter(self.keys[pinned.key] for pinned in self._pinned())
        assert all(count == 1 for count in there.values()), f"twice: {there}"
        for delivery in deliveries:
            mine = [p for p in parts if p.delivery_id == delivery.id and p.number <= delivery.parts]
            self._is_true(delivery, mine, {number for (owner, number) in there if owner == delivery.id}, public)

    def _is_true(self, delivery: Delivery, parts: list[Part], there: set[int], public: Counter[int]) -> None:
        assert delivery.fence >= self.fences.get(delivery.id or 0, 0)
        self.fences[delivery.id or 0] = delivery.fence
        if delivery.state is State.HELD:
            assert delivery.reason, "nobody is told why"
        if delivery.state in NOT_PUBLIC:
            assert not there, f"{delivery.state}, and public"
        if delivery.state is State.PUBLISHED:
            assert delivery.published is not None
            for part in parts:
                left_out = delivery.independent and part.settled is Settled.REFUSED
                assert part.number in there or left_out, f"published, and part {part.number} is not"
                assert public[part.id or 0] == (not left_out)
            return
        for part in parts:
            if part.number in there:
                assert self._is_remembered(delivery, part), f"part {part.number} is public and forgotten"

    @staticmethod
    def _is_remembered(delivery: Delivery, part: Part) -> bool:
        if part.number == delivery.part:
            return delivery.state in IN_DOUBT or delivery.ambiguous
        if delivery.independent:
            return part.settled in (Settled.PUBLIC, Settled.UNSURE)
        return part.number < delivery.part

    @invariant()
    def what_is_public_was_approved_and_due(self) -> None:
        pinned = self._pinned()
        if len(pinned) == self.seen:
            return
        self.seen = len(pinned)
        with self.installation.database.read() as session:
            for post in pinned:
                delivery = session.get_one(Delivery, self.keys[post.key][0])
                release = session.get_one(Release, delivery.release_id)
                yes = select(Approval).where(Approval.release_id == release.id, Approval.voided == None)  # noqa: E711
                approval = session.exec(yes).one()
                assert release.state is ReleaseState.APPROVED
                assert approval.content_hash == release.content_hash
                assert approval.approver_id not in (release.author_id, release.editor_id)
                assert delivery.due <= post.at
                if delivery.follows is not None:
                    assert session.get_one(Delivery, delivery.follows).state is State.PUBLISHED
                    assert "https://board.example/" in post.text

    def _everything_comes_to_an_end(self) -> None:
        """Trouble is over, and two days pass."""
        for wall in WALLS.values():
            wall.fails, wall.fails_after, wall.find_fails, wall.before_publish = [], [], [], None
        for name in WALLS:
            channels.resume(self._as_installation(), name)
        for step in (timedelta(seconds=20), timedelta(minutes=3), timedelta(hours=9)):
            self.town.work_for(step, 4)
        self.what_is_said_is_true()
        self.what_is_public_was_approved_and_due()
        for number in self.deliveries:
            assert self.town.see(number).state in ENDS


@pytest.fixture
def city_hall(
    sqlite_template: Path, tmp_path: Path, noticeboard: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], CityHall]]:
    """Makes one after the other, each on a database of its own, all on the machine's clock."""
    made = 0

    def make(clock: Clock) -> Installation:
        nonlocal made
        made += 1
        home = tmp_path / str(made)
        (home / "data" / "media").mkdir(parents=True)
        (home / "jobs").mkdir()
        shutil.copy(sqlite_template, home / "data" / "dissem.db")
        config = Config(office=Office(name="Kota Padang", timezone="Asia/Jakarta"), network=NetworkSection())
        installation = Installation(home, config)
        make_key(installation.key_file)
        event.listen(installation.database.engine, "connect", _quickly)
        for module in (claims, carry):
            monkeypatch.setattr(module, "boot_time", lambda: clock().timestamp())
        monkeypatch.setattr("noticeboard.datetime", SimpleNamespace(now=lambda _: clock()))
        return installation

    yield lambda: CityHall(make)


def _quickly(connection: object, _: object) -> None:
    """No power fails here."""
    connection.execute("PRAGMA synchronous=OFF")  # type: ignore[attr-defined]


def test_whatever_happens_nothing_is_public_twice_or_lost_unseen(city_hall: Callable[[], CityHall]) -> None:
    run_state_machine_as_test(city_hall, settings=SETTINGS)
