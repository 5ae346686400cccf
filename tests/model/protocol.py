"""The delivery protocol as a model: what one delivery, two workers, people and a platform can do to each other.

What is the real thing
    Every change of a delivery's state is decided by `dissem.models.life.move` with the `Situation` that
    `dissem.queue.moves.situation` reads off the row, and an error means what `Outcome.of_error` says. Model and code
    cannot drift apart there. What else a worker writes beside the state is written here once more, in the words of
    `docs/delivery.md`: `settled`, `proven` and `at_doubt` are those of `dissem.queue.parts`.

What is modelled
    Two workers that die at any point, alone or both at once by a power cut; that sleep at any point, past their lease
    too, and wake; whose requests arrive, arrive after the worker gave up or died, or never; whose answers are lost
    before or after the effect. A platform of each certainty, that takes, refuses, is out of reach, works on what it
    took, gives that up; whose lists lag behind. People who approve, edit, give another time, cancel, retry, and who say
    "it is there" and "it is not there" after looking, also too early. An approval that stops fitting and fits again.
    One part, two parts that follow each other, or two recipients. Any number of tries, crashes and approvals.

How time is modelled
    As the order of things. A lease may end at any moment, even of a worker who is awake: as it does for one that is not
    heard of, long before its request must have ended. Only the settle time is
    bound to anything: when it is over, no request is on its way any more, nobody who claimed before still may send
    (rule 3), and the lists show everything. That is what the spans of `Timing` and an adapter's `lag` stand for.

What is left out
    Several deliveries and their lanes, pacing, breakers, media and links: they decide when, not whether. The due time.
    A post made by hand or by another program. A wrong "not there" of somebody who could have seen it. A platform that
    shows a post later than its adapter assumes, or a process that is stopped in the middle of its request for longer
    than the settle time: these two can be let in (`Off.LAG`, `Off.REQUEST`), to show where the protocol ends.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from dissem.channels.adapter import Certainty
from dissem.channels.errors import NoRecipient, NotYet, Refused, Uncertain, Unreachable
from dissem.models import Evidence, Held, Move, Settled, State, move
from dissem.models.life import Impossible, Situation
from dissem.queue.carry import Outcome
from dissem.queue.moves import situation, turns

S, E = State, Evidence
EARLY = (S.PROPOSED, S.WAITING, S.PREPARING)
ENDED = (S.REFUSED, S.MISSED, S.CANCELLED)
AT_WORK = (S.PUBLISHING, S.UNKNOWN, S.PROCESSING)
IN_DOUBT = (Held.UNKNOWN, Held.TWICE, Held.PROCESSING, Held.HANDED)


def _means(error: type[Exception]) -> Evidence:
    return Outcome.of_error(error("why"), E.UNCERTAIN).evidence


NOT_SENT, NO, LOST, DEAD = _means(Unreachable), _means(Refused), _means(Uncertain), _means(NoRecipient)
TOO_OLD = _means(NotYet)  # what a worker says that may not send any more


class Off(StrEnum):
    """What can be switched off: the eight rules of `docs/delivery.md`, and the two assumptions they rest on."""

    WRITTEN = "1 written before it is sent"
    GATE = "1 the gate is asked in the same transaction"
    DEAD_SENDER = "2 what a dead sender had is never ready again"
    DEADLINE = "3 a claim gets old"
    SETTLE = "4 not there takes time"
    SETTLE_PERSON = "4 not there takes time, for people too"
    FENCE = "5 results are fenced"
    LOST_ANSWER = "6 a lost answer is uncertain"
    NO_PROOF = "7 an answer that proves nothing is uncertain"
    DURABLE = "8 committed is on the disk"
    LAG = "the platform shows a post in time"
    REQUEST = "a request ends in time"


class Approval(IntEnum):
    NONE = 0
    FITS = 1
    UNFIT = 2  # what would be published is not what was approved, as after a change of the account


class Doing(StrEnum):
    """What a worker is at, and how far it is known to itself."""

    IDLE = "idle"
    PREPARING = "preparing"
    CLAIMED = "claimed"  # to publish; nothing has left
    SENT = "sent"  # its request is on its way
    ANSWERED = "answered"  # the answer is on its way back, or known and not yet written
    LOOKING = "looking"
    SEEN = "seen"  # it looked, and has not yet written what it saw


class Worker(NamedTuple):
    doing: Doing = Doing.IDLE
    mine: bool = False  # the row's fence is still the one it was claimed with
    answer: str = ""  # an Evidence
    part: int = 0
    key: int = 0  # of the staged object
    last: bool = False  # no other attempt was made since
    sure: bool = False  # the settle time was over when it looked
    allowed: bool = True  # the approval fitted when it claimed


class Post(NamedTuple):
    """Something on the platform, or on its way there."""

    part: int
    key: int = 0
    listed: bool = True


class Row(NamedTuple):
    """What the database knows: the columns of `Delivery` that matter, and of its parts and attempts."""

    independent: bool
    settled_parts: tuple[Settled | None, ...]
    unsure: tuple[int, ...]  # attempts of each part that may have had their effect; two stands for more
    refused: tuple[bool, ...]  # whether the last attempt of each part was refused
    open_parts: int
    ready: bool
    state: State = S.PROPOSED
    held: Held | None = None
    approval: Approval = Approval.NONE
    late: bool = False  # the latest useful time has passed
    part: int = 1
    doubtful_parts: int = 0
    public_parts: int = 0
    ambiguous: bool = False
    absences: int = 0
    deaths: int = 0
    settled: bool = False  # the settle time of the last attempt is over
    key: int = 0  # of the staged object

    @property
    def parts(self) -> int:
        return len(self.settled_parts)


class World(NamedTuple):
    """One state of the model. The workers are in no order: what differs by their names alone is the same."""

    row: Row
    workers: tuple[Worker, ...]
    public: tuple[Post, ...] = ()
    pending: tuple[Post, ...] = ()  # taken, and being worked on, or with a person who has to post it
    astray: tuple[Post, ...] = ()  # requests on their way whose sender gave up or died
    disk: Row | None = None  # what survives a power cut, where that is not the row itself
    unapproved: bool = False  # something left without a fitting approval


@dataclass(frozen=True)
class Scope:
    """What is looked at: which platform, and which of the possible complications."""

    certainty: Certainty
    resends: bool = False  # `on_absent = "resend_once"`
    parts: int = 1
    recipients: bool = False  # the parts are independent
    prepares: bool = False
    works: bool = False  # the platform works on what it took, or hands it to a person
    desk: bool = True  # edits, other times, retries and approvals that stop fitting
    verdicts: bool = True  # people say "it is not there"
    workers: int = 2

    def __str__(self) -> str:
        more = [name for name in ("resends", "recipients", "prepares", "works") if getattr(self, name)]
        parts = [f"{self.parts} parts"] if self.parts > 1 else []
        workers = [f"{self.workers} workers"] if self.workers != 2 else []
        without = [f"no {name}" for name in ("desk", "verdicts") if not getattr(self, name)]
        return ", ".join([self.certainty, *more, *parts, *workers, *without])


_FRESH: dict[str, Any] = {"ambiguous": False, "absences": 0, "deaths": 0}
Step = Callable[["Protocol", World], Iterator[World]]
WorkerStep = Callable[["Protocol", World, int, Worker], Iterator[World]]


class Protocol:
    """All that can happen, in one scope, with all rules or without the one that is *off*."""

    def __init__(self, scope: Scope, off: Off | None = None) -> None:
        self.scope = scope
        self.off = off
        self.keyed = scope.certainty in (Certainty.KEYED, Certainty.STAGED)
        self.asked: dict[tuple[Any, ...], Move | None] = {}  # every question put to the table
        self.situations: set[tuple[State, Evidence, Situation]] = set()

    def start(self) -> World:
        n = self.scope.parts
        none: tuple[None, ...] = (None,) * n
        row = Row(
            self.scope.recipients,
            none,
            (0,) * n,
            (False,) * n,
            n - 1 if self.scope.recipients else 0,
            not self.scope.prepares,
        )
        return World(row, (Worker(),) * self.scope.workers, disk=row if self.off is Off.DURABLE else None)

    def steps(self, world: World) -> Iterator[tuple[str, World]]:
        """Everything that can happen next, by name."""
        for name, happens in EVENTS.items():
            for after in happens(self, world):
                yield name, after
        for number, worker in enumerate(world.workers):
            if number and worker == world.workers[number - 1]:
                continue  # the same as the one before
            for name, acts in ACTS.items():
                for after in acts(self, world, number, worker):
                    yield name, after

    # The table, and what is written with a move

    def target(self, row: Row, evidence: Evidence, seen: tuple[tuple[str, Any], ...]) -> Move | None:
        """Where the table leads; None if it has no rule."""
        known = (row.state, evidence, row.independent, row.open_parts, row.part, row.parts, row.public_parts)
        key = (*known, row.doubtful_parts, row.ambiguous, row.ready, seen)
        if key not in self.asked:
            self.asked[key] = self._moved(row, evidence, situation(row, **dict(seen)))  # type: ignore[arg-type]
        return self.asked[key]

    def _moved(self, row: Row, evidence: Evidence, seen: Situation) -> Move | None:
        if self.off is Off.DEAD_SENDER and row.state is S.PUBLISHING and evidence is E.LEASE_OVER:
            return Move(S.WAITING)
        self.situations.add((row.state, evidence, seen))
        try:
            return move(row.state, evidence, seen)
        except Impossible:
            return None

    def advance(self, row: Row, evidence: Evidence, seen: Mapping[str, Any] | None = None, **values: Any) -> Row:
        """As `dissem.queue.moves.advance`."""
        to = self.target(row, evidence, tuple(seen.items()) if seen else ())
        if to is None:
            raise Impossible(f"{evidence} while {row.state}")
        if turns(row, evidence, to):  # type: ignore[arg-type]
            values = {**self.at_doubt(row), **values}
        if to.state is S.UNKNOWN or to.held in IN_DOUBT:
            values["ambiguous"] = True
        return row._replace(state=to.state, held=to.held, **values)

    def proven(self, row: Row) -> tuple[Row, dict[str, Any]]:
        """The row and the columns that go with a proof of the current part."""
        if row.independent:
            return next(self.settled(row, Settled.PUBLIC))
        if row.part >= row.parts:
            return row, _FRESH
        return row, {**_FRESH, "part": row.part + 1, "ready": not self.scope.prepares}

    def settled(self, row: Row, outcome: Settled | None) -> Iterator[tuple[Row, dict[str, Any]]]:
        """The row, its counts brought up to date, and the columns that choose the next part; one that was put off
        comes before or after another one."""
        parts = list(row.settled_parts)
        parts[row.part - 1] = outcome
        row = row._replace(settled_parts=tuple(parts), **_counted(parts, row.part))
        untried = [number for number, part in enumerate(parts, start=1) if part is None]
        doubtful = [number for number, part in enumerate(parts, start=1) if part is Settled.UNSURE]
        for chosen in untried or doubtful[:1]:
            yield row, self._pointed(row, chosen)
        if not untried and not doubtful:
            yield row, {**_FRESH, **_counted(parts, row.part)}

    def at_doubt(self, row: Row) -> dict[str, Any]:
        """The columns that make a part in doubt the current one."""
        doubtful = [number for number, part in enumerate(row.settled_parts, start=1) if part is Settled.UNSURE]
        return self._pointed(row, doubtful[0]) if doubtful else {}

    def _pointed(self, row: Row, number: int) -> dict[str, Any]:
        doubtful = row.settled_parts[number - 1] is Settled.UNSURE
        ready = not self.scope.prepares
        return {**_FRESH, **_counted(row.settled_parts, number), "part": number, "ready": ready, "ambiguous": doubtful}

    def become(self, world: World, number: int = -1, worker: Worker | None = None, **more: Any) -> World:
        """*world* with worker *number* and anything else changed. *moved* is a row whose fence has grown: nobody but
        that worker has it in hand any more."""
        workers = list(world.workers)
        if "moved" in more:
            more["row"] = more.pop("moved")
            if self.off is not Off.FENCE:
                workers = [w._replace(mine=False) if w.mine else w for w in workers]
        if worker is not None:
            workers[number] = worker
        return world._replace(workers=tuple(sorted(workers)), **more)

    # People

    def approves(self, world: World) -> Iterator[World]:
        row = world.row
        if row.state is S.PROPOSED and row.approval is Approval.NONE:
            yield self.become(world, moved=self.advance(row, E.APPROVED, approval=Approval.FITS))

    def edits(self, world: World) -> Iterator[World]:
        row = world.row
        if self.scope.desk and row.approval is not Approval.NONE and self._may_be_edited(world):
            yield self.become(world, moved=self._reopened(row))

    def gives_another_time(self, world: World) -> Iterator[World]:
        row = world.row
        if self.scope.desk and row.late and self._may_be_edited(world):
            row = self._reopened(row)
            again = self.advance(row, E.RETRIED) if row.state in ENDED else row
            yield self.become(world, moved=again._replace(late=False))

    def _may_be_edited(self, world: World) -> bool:
        """Not once something is public or in doubt, as the database knows it."""
        row = world.row
        in_doubt = row.ambiguous or row.doubtful_parts or row.state in AT_WORK
        public = row.public_parts if row.independent else row.part - 1
        return not (in_doubt or public or row.state is S.PUBLISHED)

    def _reopened(self, row: Row) -> Row:
        voided = self.advance(row, E.VOIDED) if row.state in (S.WAITING, S.PREPARING) else row
        return voided._replace(approval=Approval.NONE)

    def the_approval_stops_fitting(self, world: World) -> Iterator[World]:
        if self.scope.desk and world.row.approval is Approval.FITS:
            yield self.become(world, row=world.row._replace(approval=Approval.UNFIT))

    def the_approval_fits_again(self, world: World) -> Iterator[World]:
        if world.row.approval is Approval.UNFIT:
            yield self.become(world, row=world.row._replace(approval=Approval.FITS))

    def cancels(self, world: World) -> Iterator[World]:
        if world.row.state in EARLY:
            yield self.become(world, moved=self.advance(world.row, E.CANCELLED))

    def retries(self, world: World) -> Iterator[World]:
        row, fits = world.row, world.row.approval is Approval.FITS
        stopped = row.state in (*ENDED, S.HELD) or (row.state is S.PROPOSED and fits)
        if self.scope.desk and stopped and not row.ambiguous and not row.late:
            ready = not self.scope.prepares
            again = self.advance(row, E.RETRIED, {"approved": fits}, ready=ready, deaths=0)
            yield self.become(world, moved=again)

    def says_it_is_there(self, world: World) -> Iterator[World]:
        row = world.row
        if row.state is S.HELD and row.ambiguous and self._there(world, row.part):
            row, values = self.proven(row)
            yield self.become(world, moved=self.advance(row, E.SAID_PUBLISHED, **values))

    def says_it_is_not_there(self, world: World) -> Iterator[World]:
        """After looking: what is shown, and what the platform is still at. Refused before the settle time is over."""
        row = world.row
        in_sight = self._there(world, row.part) or any(post.part == row.part for post in world.pending)
        allowed = self.scope.verdicts and (row.settled or self.off is Off.SETTLE_PERSON)
        if row.state is S.HELD and row.ambiguous and allowed and not in_sight:
            yield self.become(world, moved=self.advance(row, E.SAID_ABSENT, ambiguous=False, absences=0))

    def _there(self, world: World, part: int) -> int:
        return sum(post.part == part and post.listed for post in world.public)

    # Time

    def the_latest_useful_time_passes(self, world: World) -> Iterator[World]:
        if not world.row.late and world.row.state is not S.PUBLISHED:
            yield self.become(world, row=world.row._replace(late=True))

    def is_found_too_late(self, world: World) -> Iterator[World]:
        row = world.row
        if row.late and row.state in (S.PROPOSED, S.WAITING):
            yield self.become(world, moved=self.advance(row, E.TOO_LATE))

    def the_lease_ends(self, world: World) -> Iterator[World]:
        row = world.row
        if row.state is S.PREPARING:
            deaths = row.deaths + 1
            yield self.become(world, moved=self.advance(row, E.LEASE_OVER, {"deaths": deaths}, deaths=deaths))
        elif row.state is S.PUBLISHING:
            for known, values in self.settled(row, Settled.UNSURE) if row.independent else [(row, {})]:
                yield self.become(world, moved=self.advance(known, E.LEASE_OVER, **values))

    def the_settle_time_passes(self, world: World) -> Iterator[World]:
        """No request is on its way, the lists are up to date, and whoever slept may not send any more."""
        row = world.row
        if row.settled or row.state not in (S.UNKNOWN, S.PROCESSING, S.HELD):
            return
        on_its_way = world.astray or any(worker.doing is Doing.SENT for worker in world.workers)
        if on_its_way and self.off not in (Off.LAG, Off.REQUEST):
            return
        if self.off is not Off.LAG and not all(post.listed for post in world.public):
            return
        workers = tuple(sorted(map(self._too_old, world.workers)))
        yield world._replace(row=row._replace(settled=True), workers=workers)

    def _too_old(self, worker: Worker) -> Worker:
        if worker.doing is not Doing.CLAIMED or self.off is Off.DEADLINE:
            return worker
        return worker._replace(doing=Doing.ANSWERED, answer=NOT_SENT)

    def was_looked_up_for_too_long(self, world: World) -> Iterator[World]:
        row = world.row
        if row.settled and row.state in (S.UNKNOWN, S.PROCESSING):
            yield self.become(world, moved=self.advance(row, E.BOUND_PASSED))

    def the_power_fails(self, world: World) -> Iterator[World]:
        after = world
        for worker in world.workers:
            after = after._replace(astray=_sorted(after.astray, _on_its_way(worker)))
        row = world.row if world.disk is None else world.disk
        idle = (Worker(),) * len(world.workers)
        if row != world.row or idle != world.workers:
            yield after._replace(workers=idle, row=row)

    def the_disk_catches_up(self, world: World) -> Iterator[World]:
        if world.disk is not None and world.disk != world.row:
            yield world._replace(disk=world.row)

    # The platform

    def a_request_arrives_late(self, world: World) -> Iterator[World]:
        for number, post in enumerate(world.astray):
            rest = world._replace(astray=world.astray[:number] + world.astray[number + 1 :])
            for after, _ in self._taken(rest, post):
                yield after

    def a_request_never_arrives(self, world: World) -> Iterator[World]:
        for number in range(len(world.astray)):
            yield world._replace(astray=world.astray[:number] + world.astray[number + 1 :])

    def _taken(self, world: World, post: Post) -> Iterator[tuple[World, Evidence]]:
        """The platform takes *post*, once if it knows the key; and what it answers."""
        accepted = E.HANDED_OVER if self.scope.certainty is Certainty.BLIND else E.ACCEPTED
        if self.keyed and any(one[:2] == post[:2] for one in world.public):
            yield world, E.PROOF
        elif self.keyed and any(one[:2] == post[:2] for one in world.pending):
            yield world, accepted
        else:
            shown = post._replace(listed=self.keyed or self.scope.certainty is Certainty.BLIND)
            for seen in {shown, post._replace(listed=False)} if not self.keyed else {shown}:
                yield world._replace(public=_sorted(world.public, seen)), E.PROOF
            if self.scope.works:
                yield world._replace(pending=_sorted(world.pending, post)), accepted

    def the_lists_catch_up(self, world: World) -> Iterator[World]:
        listed = tuple(sorted(post._replace(listed=True) for post in world.public))
        if listed != world.public:
            yield world._replace(public=listed)

    def becomes_public_at_last(self, world: World) -> Iterator[World]:
        for number, post in enumerate(world.pending):
            rest = world.pending[:number] + world.pending[number + 1 :]
            yield world._replace(pending=rest, public=_sorted(world.public, post))

    def comes_to_nothing_in_the_end(self, world: World) -> Iterator[World]:
        for number in range(len(world.pending)):
            yield world._replace(pending=world.pending[:number] + world.pending[number + 1 :])

    # The workers

    def claims_to_prepare(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        row = world.row
        if worker.doing is not Doing.IDLE or row.state is not S.WAITING or row.ready or row.late:
            return
        if row.approval is Approval.FITS:
            claimed = self.advance(row, E.CLAIMED, {"ready": False})
            yield self.become(world, i, Worker(Doing.PREPARING, mine=True), moved=claimed)
        else:
            yield self.become(world, moved=self.advance(row, E.VOIDED))

    def prepares(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        """What is made anew at the platform is another object than the one before."""
        if worker.doing is Doing.PREPARING:
            yield self._moves(world, i, E.READY, ready=True, deaths=0, key=1 - world.row.key)

    def cannot_prepare_now(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        if worker.doing is Doing.PREPARING:
            yield self._moves(world, i, NOT_SENT)

    def is_refused_while_preparing(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        if worker.doing is Doing.PREPARING:
            yield self._moves(world, i, NO)

    def _moves(self, world: World, i: int, evidence: Evidence, **values: Any) -> World:
        if world.workers[i].mine and self.target(world.row, evidence, ()) is not None:
            return self.become(world, i, Worker(), moved=self.advance(world.row, evidence, **values))
        return self.become(world, i, Worker())

    def finds_that_it_expired(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        """What was prepared would not last: it is made anew."""
        row = world.row
        if self.scope.prepares and worker.doing is Doing.IDLE and row.state is S.WAITING and row.ready:
            yield self.become(world, row=row._replace(ready=False))

    def claims_to_publish(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        """The gate is asked, the attempt is written down, and the row is ours: one transaction."""
        row = world.row
        if worker.doing is not Doing.IDLE or row.state is not S.WAITING or not row.ready or row.late:
            return
        fits = row.approval is Approval.FITS
        if not fits and self.off is not Off.GATE:
            yield self.become(world, moved=self.advance(row, E.VOIDED))
            return
        claim = Worker(Doing.CLAIMED, mine=True, part=row.part, key=row.key, last=True, allowed=fits)
        if self.off is Off.WRITTEN:
            yield self.become(world, i, claim)
        else:
            yield self._written(world, i, claim, self.advance(self._attempted(row), E.CLAIMED, {"due": True}))

    def _written(self, world: World, i: int, claim: Worker, row: Row) -> World:
        workers = tuple(w._replace(last=False) if w.last and w.part == claim.part else w for w in world.workers)
        return self.become(world._replace(workers=workers), i, claim, moved=row)

    def _attempted(self, row: Row) -> Row:
        return row._replace(
            settled=False,
            unsure=_changed(row.unsure, row.part, min(row.unsure[row.part - 1] + 1, 2) if self._counts() else 0),
            refused=_changed(row.refused, row.part, False),
        )

    def _counts(self) -> bool:
        """Whether anything depends on how many attempts may have had their effect."""
        return self.scope.resends or self.scope.recipients

    def sends(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        if worker.doing is Doing.CLAIMED:
            sent = worker._replace(doing=Doing.SENT)
            yield self.become(world, i, sent, unapproved=world.unapproved or not worker.allowed)

    def sleeps_past_the_deadline(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        if worker.doing is Doing.CLAIMED and self.off is not Off.DEADLINE:
            yield self.become(world, i, worker._replace(doing=Doing.ANSWERED, answer=NOT_SENT))

    def reaches_nobody(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        """No connection, or asked to slow down, or the account may not act: surely without effect."""
        if worker.doing is Doing.SENT:
            yield self._answered(world, i, worker, NOT_SENT)

    def is_taken(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        if worker.doing is Doing.SENT:
            for after, answer in self._taken(world, Post(worker.part, worker.key)):
                yield self._answered(after, i, worker, answer)

    def is_refused(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        if worker.doing is Doing.SENT:
            yield self._answered(world, i, worker, NO)

    def finds_a_dead_address(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        if worker.doing is Doing.SENT and world.row.independent:
            yield self._answered(world, i, worker, DEAD)

    def loses_the_answer(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        """A time-out or a broken line, before the request arrived or after."""
        yield from self._hears_nothing(world, i, worker, NOT_SENT if self.off is Off.LOST_ANSWER else LOST)

    def gets_an_answer_that_proves_nothing(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        """An error of the server, no id, "you have posted this already"."""
        yield from self._hears_nothing(world, i, worker, NOT_SENT if self.off is Off.NO_PROOF else LOST)

    def _hears_nothing(self, world: World, i: int, worker: Worker, answer: Evidence) -> Iterator[World]:
        open_ = worker.doing is Doing.ANSWERED and worker.answer in (E.PROOF, E.ACCEPTED, E.HANDED_OVER, NO)
        if worker.doing is Doing.SENT or open_:
            left = world._replace(astray=_sorted(world.astray, _on_its_way(worker)))
            yield self._answered(left, i, worker, answer)

    def _answered(self, world: World, i: int, worker: Worker, answer: Evidence) -> World:
        return self.become(world, i, worker._replace(doing=Doing.ANSWERED, answer=answer))

    def writes_the_answer_down(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        if worker.doing is not Doing.ANSWERED:
            return
        evidence = Evidence(worker.answer)
        row = self._closed(world.row, worker, evidence)
        if self.off is Off.WRITTEN and row.state is S.WAITING:
            row = self.advance(self._attempted(row), E.CLAIMED, {"due": True})
            worker = worker._replace(mine=True)
        if worker.mine and self.target(row, evidence, ()) is not None:
            for after in self._recorded(row, evidence):
                yield self.become(world, i, Worker(), moved=after)
        else:
            yield self._recorded_late(world, i, worker, row, evidence)

    def _closed(self, row: Row, worker: Worker, evidence: Evidence) -> Row:
        """The attempt's outcome, also of one whose row was taken over."""
        part = worker.part
        if worker.last:
            row = row._replace(refused=_changed(row.refused, part, evidence in (NO, DEAD)))
        if evidence is not LOST:
            row = row._replace(unsure=_changed(row.unsure, part, max(row.unsure[part - 1] - 1, 0)))
        return row

    def _recorded(self, row: Row, evidence: Evidence) -> Iterator[Row]:
        """As `Carrier.record`: what is written when the row is still ours."""
        choices: Iterator[tuple[Row, dict[str, Any]]]
        if evidence is E.PROOF:
            choices = iter([self.proven(row)])
        elif evidence is DEAD and not row.ambiguous:
            choices = self.settled(row, Settled.REFUSED)
        elif evidence is LOST and row.independent:
            choices = self.settled(row, Settled.UNSURE)
        elif evidence is NOT_SENT and row.independent:
            choices = iter([(row, {}), *self.settled(row, None)])  # also put off
        else:
            choices = iter([(row, {"absences": 0} if evidence in (E.ACCEPTED, LOST) else {})])
        for known, values in choices:
            yield self.advance(known, evidence, **values)

    def _recorded_late(self, world: World, i: int, worker: Worker, row: Row, evidence: Evidence) -> World:
        """As `Carrier._record_late`: a proof is kept, and nothing else moves a row that is not ours."""
        idle = Worker()
        if row.part != worker.part:
            if row.independent and evidence is E.PROOF and row.settled_parts[worker.part - 1] is Settled.UNSURE:
                parts = _changed(row.settled_parts, worker.part, Settled.PUBLIC)
                row = row._replace(settled_parts=parts, **_counted(parts, row.part))
            return self.become(world, i, idle, row=row)
        if evidence is E.PROOF and row.state not in (S.PUBLISHED, S.PUBLISHING):
            row, values = self.proven(row)
            return self.become(world, i, idle, moved=self.advance(row, E.PROOF, **values))
        if evidence is E.ACCEPTED and row.state is S.UNKNOWN:
            return self.become(world, i, idle, moved=self.advance(row, E.ACCEPTED, absences=0))
        return self.become(world, i, idle, row=row)

    def begins_to_look(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        row = world.row
        if worker.doing is Doing.IDLE and row.state in (S.UNKNOWN, S.PROCESSING):
            yield self.become(world, i, Worker(Doing.LOOKING, mine=True, part=row.part), moved=row)

    def looks(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        if worker.doing is Doing.LOOKING:
            yield self._saw(world, i, worker, self._in_view(world))

    def cannot_look_now(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        """The search fails, or is incomplete."""
        if worker.doing is Doing.LOOKING and self.scope.certainty is not Certainty.BLIND:
            yield self._saw(world, i, worker, LOST)

    def _saw(self, world: World, i: int, worker: Worker, seen: Evidence) -> World:
        sure = world.row.settled or self.off is Off.SETTLE
        return self.become(world, i, worker._replace(doing=Doing.SEEN, answer=seen, sure=sure))

    def _in_view(self, world: World) -> Evidence:
        row, certainty = world.row, self.scope.certainty
        ours = [p for p in world.public if p.part == row.part and (p.key == row.key or not self.keyed)]
        pending = any(p.part == row.part and (p.key == row.key or not self.keyed) for p in world.pending)
        if row.state is S.PROCESSING:
            return E.PROOF if ours else E.LATER if pending else NO
        if certainty is Certainty.BLIND:
            return LOST
        listed = sum(post.listed for post in ours)
        if listed:
            return E.PROOF if listed == 1 else E.PROOFS
        return E.ACCEPTED if pending else E.ABSENT

    def writes_down_what_it_saw(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        """As `dissem.queue.reconcile`."""
        if worker.doing is not Doing.SEEN:
            return
        row, evidence = world.row, Evidence(worker.answer)
        settled = worker.sure and row.absences >= (0 if self.off is Off.SETTLE else 1)
        seen = {
            "blind": self.scope.certainty is Certainty.BLIND,
            "resends": self._may_resend(row) and not row.refused[row.part - 1],
            "settled": settled,
        }
        values: dict[str, Any] = {}
        if evidence is E.ABSENT:
            values["absences"] = 0 if settled else min(row.absences + row.settled, 1)
        if evidence is E.PROOF:
            seen = {}
            row, values = self.proven(row)
        if worker.mine and self.target(row, evidence, tuple(seen.items())) is not None:
            yield self.become(world, i, Worker(), moved=self.advance(row, evidence, seen, **values))
        else:
            yield self.become(world, i, Worker())

    def _may_resend(self, row: Row) -> bool:
        return self.keyed or (self.scope.resends and row.unsure[row.part - 1] <= 1)

    def dies(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        if worker.doing is not Doing.IDLE:
            left = world._replace(astray=_sorted(world.astray, _on_its_way(worker)))
            yield self.become(left, i, Worker())


def _counted(parts: Any, beside: int) -> dict[str, int]:
    others = [part for number, part in enumerate(parts, start=1) if number != beside]
    return {
        "open_parts": others.count(None),
        "doubtful_parts": others.count(Settled.UNSURE),
        "public_parts": others.count(Settled.PUBLIC),
    }


def _changed(values: tuple[Any, ...], part: int, value: Any) -> tuple[Any, ...]:
    return (*values[: part - 1], value, *values[part:])


def _on_its_way(worker: Worker) -> Post | None:
    return Post(worker.part, worker.key) if worker.doing is Doing.SENT else None


def _sorted(posts: tuple[Post, ...], more: Post | None) -> tuple[Post, ...]:
    return tuple(sorted((*posts, more))) if more else posts


def _named(*steps: Any) -> dict[str, Any]:
    return {step.__name__.replace("_", " "): step for step in steps}


PEOPLE: dict[str, Step] = _named(
    Protocol.approves,
    Protocol.edits,
    Protocol.gives_another_time,
    Protocol.cancels,
    Protocol.retries,
    Protocol.says_it_is_there,
    Protocol.says_it_is_not_there,
)
EVENTS: dict[str, Step] = PEOPLE | _named(
    Protocol.the_approval_stops_fitting,
    Protocol.the_approval_fits_again,
    Protocol.the_latest_useful_time_passes,
    Protocol.is_found_too_late,
    Protocol.the_lease_ends,
    Protocol.the_settle_time_passes,
    Protocol.was_looked_up_for_too_long,
    Protocol.the_power_fails,
    Protocol.the_disk_catches_up,
    Protocol.a_request_arrives_late,
    Protocol.a_request_never_arrives,
    Protocol.the_lists_catch_up,
    Protocol.becomes_public_at_last,
    Protocol.comes_to_nothing_in_the_end,
)
ACTS: dict[str, WorkerStep] = _named(
    Protocol.claims_to_prepare,
    Protocol.prepares,
    Protocol.cannot_prepare_now,
    Protocol.is_refused_while_preparing,
    Protocol.finds_that_it_expired,
    Protocol.claims_to_publish,
    Protocol.sends,
    Protocol.sleeps_past_the_deadline,
    Protocol.reaches_nobody,
    Protocol.is_taken,
    Protocol.is_refused,
    Protocol.finds_a_dead_address,
    Protocol.loses_the_answer,
    Protocol.gets_an_answer_that_proves_nothing,
    Protocol.writes_the_answer_down,
    Protocol.begins_to_look,
    Protocol.looks,
    Protocol.cannot_look_now,
    Protocol.writes_down_what_it_saw,
    Protocol.dies,
)
