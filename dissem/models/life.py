"""The life of a Delivery: one pure table of what follows from what.

The queue, the desk, the model tests and the documentation all use `RULES`; nothing else decides a state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a delivery stands."""

    PROPOSED = "proposed"  # scheduled, its release is not approved (or no longer)
    WAITING = "waiting"  # approved; `next_at` says when there is something to do
    PREPARING = "preparing"  # a worker uploads; nothing public yet
    PUBLISHING = "publishing"  # the attempt is written down; the irrevocable request may be under way
    PROCESSING = "processing"  # accepted; the platform still works on it
    UNKNOWN = "unknown"  # it may be public: being looked up
    HELD = "held"  # a person has to look
    PUBLISHED = "published"
    REFUSED = "refused"  # certainly not public
    MISSED = "missed"  # its latest useful time passed
    CANCELLED = "cancelled"


class Held(StrEnum):
    """Why a delivery is held."""

    UNKNOWN = "unknown"  # nobody can tell whether it is public
    TWICE = "twice"  # it seems to be public more than once
    PART = "part"  # an earlier part is public, this one is not
    PROCESSING = "processing"  # the platform never finished
    HANDED = "handed"  # given to a person to post
    POISON = "poison"  # two workers died with it in hand


class Evidence(StrEnum):
    """What was learned about a delivery."""

    APPROVED = "approved"
    VOIDED = "voided"  # the approval does not (or no longer) match
    CANCELLED = "cancelled"
    TOO_LATE = "too late"
    CLAIMED = "claimed"
    READY = "ready"  # prepared, or nothing to prepare
    REFUSED = "refused"
    NO_RECIPIENT = "no recipient"  # this one address takes nothing; of independent parts only
    UNAUTHORIZED = "unauthorized"
    LATER = "later"  # NotYet: counts as no try
    NOT_SENT = "not sent"  # Throttled, Unreachable, past the send deadline
    UNCERTAIN = "uncertain"
    LEASE_OVER = "lease over"
    PROOF = "proof"
    ACCEPTED = "accepted"  # a receipt, but still processing
    HANDED_OVER = "handed over"
    PROOFS = "proofs"  # two or more
    ABSENT = "absent"
    BOUND_PASSED = "bound passed"
    SAID_PUBLISHED = "said published"  # a person's verdict
    SAID_ABSENT = "said absent"
    RETRIED = "retried"
    RESTORED = "restored"  # the database came back from the past: whatever it plans may be public since


@dataclass(frozen=True)
class Situation:
    """What else counts when a rule is chosen."""

    due: bool = False
    ready: bool = False
    last_part: bool = True
    public_part: bool = False  # another part of this delivery is public
    ambiguous: bool = False  # an earlier attempt for this part may be public
    independent: bool = False  # the parts do not depend on each other
    doubtful: bool = False  # another part may be public: an independent one, or after a restore a later one
    blind: bool = False
    settled: bool = False  # absent was seen twice, after the settle time
    resends: bool = False  # after absence: KEYED, STAGED, or `on_absent` allows one more
    deaths: int = 0  # workers that died with it in hand, this one included
    approved: bool = False  # the approval still matches


@dataclass(frozen=True)
class Move:
    """Where a delivery goes, and why if it is held."""

    state: State
    held: Held | None = None


class Impossible(Exception):
    """No rule covers this evidence in this state: the caller must not act on it."""


Condition = Callable[[Situation], bool]


@dataclass(frozen=True)
class Rule:
    """In *states*, on *evidence*, if *when* holds: go to *to*. The first rule that fits counts."""

    states: frozenset[State]
    evidence: Evidence
    to: Move
    when: Condition | None = None
    said: str = ""  # the condition in words, for the documentation


S, E = State, Evidence
_EARLY = frozenset({S.PROPOSED, S.WAITING, S.PREPARING})
_OPEN = _EARLY | {S.PUBLISHING, S.UNKNOWN}  # where something was going to happen
_ENDED = frozenset({S.REFUSED, S.MISSED, S.CANCELLED, S.HELD})
_LATE = frozenset(State) - {S.PUBLISHED, S.PUBLISHING, S.PROCESSING, S.UNKNOWN}  # where no proof is expected


def _rule(states: State | frozenset[State], evidence: Evidence, to: State | Held, said: str = "") -> Rule:
    target = Move(S.HELD, to) if isinstance(to, Held) else Move(to)
    known = frozenset({states}) if isinstance(states, State) else states
    return Rule(known, evidence, target, _CONDITIONS[said] if said else None, said)


_CONDITIONS: dict[str, Condition] = {
    "an earlier part is public": lambda s: s.public_part,
    "an earlier attempt was ambiguous": lambda s: s.ambiguous or s.doubtful,
    "prepared and due": lambda s: s.ready and s.due,
    "more parts follow": lambda s: not s.last_part,
    "later parts may be public too": lambda s: s.doubtful and not s.independent and not s.last_part,
    "other recipients are still to be tried": lambda s: s.independent and not s.last_part,
    "another recipient's is in doubt": lambda s: s.doubtful,
    "another recipient has it": lambda s: s.independent and s.public_part,
    "second death": lambda s: s.deaths >= 2,
    "nothing can be looked up": lambda s: s.blind,
    "seen twice after settling, may be sent again": lambda s: s.settled and s.resends,
    "seen twice after settling": lambda s: s.settled,
    "not ambiguous and the approval matches": lambda s: s.approved and not s.ambiguous,
    "not ambiguous": lambda s: not s.ambiguous,
    "ambiguous": lambda s: s.ambiguous,
    "ambiguous, later parts may be public too": lambda s: (
        s.ambiguous and s.doubtful and not s.independent and not s.last_part
    ),
    "ambiguous, more parts follow": lambda s: s.ambiguous and not s.last_part,
    "ambiguous, another recipient's is in doubt": lambda s: s.ambiguous and s.doubtful,
}

RULES: tuple[Rule, ...] = (
    _rule(S.PROPOSED, E.APPROVED, S.WAITING),
    # a database from the past: what became public since is looked up, never published again
    _rule(_OPEN, E.RESTORED, S.UNKNOWN),
    _rule(S.PROCESSING, E.RESTORED, S.PROCESSING),
    _rule(frozenset(State) - {S.PUBLISHED}, E.PROOF, S.UNKNOWN, "later parts may be public too"),
    # what may be public is never called cancelled, missed or refused: a person looks
    _rule(_EARLY, E.CANCELLED, Held.UNKNOWN, "an earlier attempt was ambiguous"),
    _rule(_EARLY, E.CANCELLED, Held.PART, "an earlier part is public"),
    _rule(_EARLY, E.CANCELLED, S.CANCELLED),
    _rule(_EARLY, E.TOO_LATE, Held.UNKNOWN, "an earlier attempt was ambiguous"),
    _rule(_EARLY, E.TOO_LATE, Held.PART, "an earlier part is public"),
    _rule(_EARLY, E.TOO_LATE, S.MISSED),
    _rule(_EARLY, E.VOIDED, Held.UNKNOWN, "an earlier attempt was ambiguous"),
    _rule(_EARLY, E.VOIDED, Held.PART, "an earlier part is public"),
    _rule(_EARLY, E.VOIDED, S.PROPOSED),
    _rule(S.WAITING, E.CLAIMED, S.PUBLISHING, "prepared and due"),
    _rule(S.WAITING, E.CLAIMED, S.PREPARING),
    _rule(S.PREPARING, E.READY, S.WAITING),  # also when due: the claim then takes it at once, by its lane
    _rule(S.PREPARING, E.LATER, S.WAITING),
    _rule(S.PREPARING, E.NOT_SENT, S.WAITING),
    _rule(S.PREPARING, E.UNCERTAIN, S.WAITING),  # steps are safe to repeat
    _rule(S.PREPARING, E.LEASE_OVER, Held.POISON, "second death"),
    _rule(S.PREPARING, E.LEASE_OVER, S.WAITING),
    _rule(S.PREPARING, E.UNAUTHORIZED, S.WAITING),
    _rule(S.PREPARING, E.REFUSED, S.UNKNOWN, "an earlier attempt was ambiguous"),
    _rule(S.PREPARING, E.REFUSED, Held.PART, "an earlier part is public"),
    _rule(S.PREPARING, E.REFUSED, S.REFUSED),
    _rule(S.PUBLISHING, E.PROOF, S.WAITING, "more parts follow"),
    _rule(S.PUBLISHING, E.PROOF, S.UNKNOWN, "another recipient's is in doubt"),
    _rule(S.PUBLISHING, E.PROOF, S.PUBLISHED),
    _rule(S.PUBLISHING, E.PROOFS, Held.TWICE),
    _rule(S.PUBLISHING, E.ACCEPTED, S.PROCESSING),
    _rule(S.PUBLISHING, E.HANDED_OVER, Held.HANDED),
    _rule(S.PUBLISHING, E.LATER, S.WAITING),
    _rule(S.PUBLISHING, E.NOT_SENT, S.WAITING),
    _rule(S.PUBLISHING, E.UNAUTHORIZED, S.WAITING),
    _rule(S.PUBLISHING, E.REFUSED, S.UNKNOWN, "an earlier attempt was ambiguous"),
    _rule(S.PUBLISHING, E.REFUSED, Held.PART, "an earlier part is public"),
    _rule(S.PUBLISHING, E.REFUSED, S.REFUSED),
    # a dead address is nobody else's trouble
    _rule(S.PUBLISHING, E.NO_RECIPIENT, S.UNKNOWN, "ambiguous"),
    _rule(S.PUBLISHING, E.NO_RECIPIENT, S.WAITING, "other recipients are still to be tried"),
    _rule(S.PUBLISHING, E.NO_RECIPIENT, S.UNKNOWN, "another recipient's is in doubt"),
    _rule(S.PUBLISHING, E.NO_RECIPIENT, S.PUBLISHED, "another recipient has it"),
    _rule(S.PUBLISHING, E.NO_RECIPIENT, S.REFUSED),
    # those in doubt come last, so that nobody else waits for them
    _rule(S.PUBLISHING, E.UNCERTAIN, S.WAITING, "other recipients are still to be tried"),
    _rule(S.PUBLISHING, E.UNCERTAIN, S.UNKNOWN),
    _rule(S.PUBLISHING, E.LEASE_OVER, S.WAITING, "other recipients are still to be tried"),
    _rule(S.PUBLISHING, E.LEASE_OVER, S.UNKNOWN),
    _rule(S.PROCESSING, E.PROOF, S.WAITING, "more parts follow"),
    _rule(S.PROCESSING, E.PROOF, S.UNKNOWN, "another recipient's is in doubt"),
    _rule(S.PROCESSING, E.PROOF, S.PUBLISHED),
    _rule(S.PROCESSING, E.HANDED_OVER, Held.HANDED),
    # not back to unknown: the platform would be found processing and then failing again, for ever
    _rule(S.PROCESSING, E.REFUSED, Held.UNKNOWN, "an earlier attempt was ambiguous"),
    _rule(S.PROCESSING, E.REFUSED, Held.PART, "an earlier part is public"),
    _rule(S.PROCESSING, E.REFUSED, S.REFUSED),
    _rule(S.PROCESSING, E.LATER, S.PROCESSING),
    _rule(S.PROCESSING, E.NOT_SENT, S.PROCESSING),
    _rule(S.PROCESSING, E.UNCERTAIN, S.PROCESSING),
    _rule(S.PROCESSING, E.UNAUTHORIZED, S.PROCESSING),
    _rule(S.PROCESSING, E.BOUND_PASSED, Held.PROCESSING),
    _rule(S.UNKNOWN, E.PROOF, S.WAITING, "more parts follow"),
    _rule(S.UNKNOWN, E.PROOF, S.UNKNOWN, "another recipient's is in doubt"),
    _rule(S.UNKNOWN, E.PROOF, S.PUBLISHED),
    _rule(S.UNKNOWN, E.PROOFS, Held.TWICE),
    _rule(S.UNKNOWN, E.ACCEPTED, S.PROCESSING),
    _rule(S.UNKNOWN, E.HANDED_OVER, Held.HANDED),
    _rule(S.UNKNOWN, E.ABSENT, S.WAITING, "seen twice after settling, may be sent again"),
    _rule(S.UNKNOWN, E.ABSENT, Held.UNKNOWN, "seen twice after settling"),
    _rule(S.UNKNOWN, E.ABSENT, S.UNKNOWN),
    _rule(S.UNKNOWN, E.UNCERTAIN, Held.UNKNOWN, "nothing can be looked up"),
    _rule(S.UNKNOWN, E.UNCERTAIN, S.UNKNOWN),
    _rule(S.UNKNOWN, E.LATER, S.UNKNOWN),
    _rule(S.UNKNOWN, E.NOT_SENT, S.UNKNOWN),
    _rule(S.UNKNOWN, E.UNAUTHORIZED, S.UNKNOWN),
    _rule(S.UNKNOWN, E.BOUND_PASSED, Held.UNKNOWN),
    _rule(S.HELD, E.SAID_PUBLISHED, S.UNKNOWN, "ambiguous, later parts may be public too"),
    _rule(S.HELD, E.SAID_PUBLISHED, S.WAITING, "ambiguous, more parts follow"),
    _rule(S.HELD, E.SAID_PUBLISHED, S.UNKNOWN, "ambiguous, another recipient's is in doubt"),
    _rule(S.HELD, E.SAID_PUBLISHED, S.PUBLISHED, "ambiguous"),
    _rule(S.HELD, E.SAID_ABSENT, S.WAITING, "ambiguous"),
    _rule(S.PROPOSED, E.RETRIED, S.WAITING, "not ambiguous and the approval matches"),
    _rule(_ENDED, E.RETRIED, S.WAITING, "not ambiguous and the approval matches"),
    _rule(_ENDED, E.RETRIED, S.PROPOSED, "not ambiguous"),
    # a receipt that arrives after the delivery was taken from its worker: knowledge is always kept
    _rule(_LATE, E.PROOF, S.WAITING, "more parts follow"),
    _rule(_LATE, E.PROOF, S.UNKNOWN, "another recipient's is in doubt"),
    _rule(_LATE, E.PROOF, S.PUBLISHED),
)


def move(state: State, evidence: Evidence, situation: Situation) -> Move:
    """Where a delivery in *state* goes on *evidence*. Raises Impossible where the table has no rule."""
    for rule in RULES:
        if state in rule.states and rule.evidence is evidence and (rule.when is None or rule.when(situation)):
            return rule.to
    raise Impossible(f"{evidence} while {state}")
