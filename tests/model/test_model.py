"""Published exactly once, or visibly refused, missed or held: in every state that the protocol can come to.

The quick part of `proof.py`, which explores more and prints what it counted.
"""

import pytest
from explorer import explore
from proof import CAUGHT, QUICK, counter_example, explored, failure
from protocol import ACTS, EVENTS, Doing, Off, Protocol, Scope
from test_life import ALL, chosen

from dissem.channels.adapter import Certainty
from dissem.models import Evidence, Situation, State, move
from dissem.models.life import RULES, Rule

S, E = State, Evidence
ONE_WORKER = (  # small ones that have everything between them
    Scope(Certainty.KEYED, works=True, workers=1),
    Scope(Certainty.STAGED, prepares=True, workers=1),
    Scope(Certainty.READABLE, resends=True, workers=1),
    Scope(Certainty.BLIND, works=True, workers=1),
    Scope(Certainty.STAGED, prepares=True, parts=2, workers=1),
    Scope(Certainty.KEYED, works=True, parts=2, desk=False, workers=1),
    Scope(Certainty.KEYED, works=True, parts=2, recipients=True, desk=False, workers=1),
)
NEVER = {  # evidence that never comes while all rules are kept, or that the model knows nothing of
    E.PROOFS: "nothing is public twice",
    E.HANDED_OVER: "a platform that hands over says so at once here",
    E.RESTORED: "no database comes back from the past here",
}
LATER_PARTS = ("later parts may be public too", "ambiguous, later parts may be public too")  # after a restore
LEFT_OUT = {  # evidence that no scope brings, by the state it comes in; what stands for it
    (S.PREPARING, E.LATER): "not sent",
    (S.PREPARING, E.UNCERTAIN): "not sent",
    (S.PREPARING, E.UNAUTHORIZED): "not sent",
    (S.PUBLISHING, E.LATER): "not sent",
    (S.PUBLISHING, E.UNAUTHORIZED): "not sent",
    (S.PROCESSING, E.NOT_SENT): "uncertain",
    (S.PROCESSING, E.UNAUTHORIZED): "uncertain",
    (S.UNKNOWN, E.LATER): "uncertain",
    (S.UNKNOWN, E.NOT_SENT): "uncertain",
    (S.UNKNOWN, E.UNAUTHORIZED): "uncertain",
}


@pytest.mark.parametrize("scope", QUICK, ids=str)
def test_nothing_goes_wrong_and_everything_comes_to_an_end(scope: Scope) -> None:
    _, found = explored(scope)

    assert failure(found, scope) is None
    assert len(found.states) > 1000


@pytest.mark.parametrize("off", CAUGHT)
def test_without_any_of_the_eight_rules_a_promise_is_broken(off: Off) -> None:
    for scope in CAUGHT[off]:
        trace = counter_example(off, scope)

        assert trace is not None, scope


@pytest.mark.parametrize("off", [off for off in CAUGHT if off is not Off.GATE])
def test_without_any_of_them_but_the_gate_something_is_published_twice(off: Off) -> None:
    assert any(counter_example(off, scope, twice=True) for scope in CAUGHT[off])


# Where the protocol ends

LATER_THAN_ASSUMED = (Off.LAG, Off.REQUEST)


@pytest.mark.parametrize("off", LATER_THAN_ASSUMED)
def test_a_platform_that_is_later_than_assumed_can_make_resending_a_second_post(off: Off) -> None:
    assert counter_example(off, Scope(Certainty.READABLE, resends=True, verdicts=False), twice=True)


@pytest.mark.parametrize("off", LATER_THAN_ASSUMED)
@pytest.mark.parametrize("certainty", [Certainty.READABLE, Certainty.BLIND])
def test_where_nothing_is_sent_again_it_cannot(off: Off, certainty: Certainty) -> None:
    assert counter_example(off, Scope(certainty, verdicts=False, desk=False), twice=True) is None


@pytest.mark.parametrize("off", LATER_THAN_ASSUMED)
def test_where_the_platform_keeps_the_key_it_never_can(off: Off) -> None:
    assert counter_example(off, Scope(Certainty.KEYED, desk=False, workers=1), twice=True) is None


# Whether the model shows what it says


def _everything() -> tuple[set[str], set[tuple[State, Evidence, Situation]]]:
    """Every action there was, and every question put to the table, with one worker on each kind of platform."""
    happened, questions = set(), set()
    for scope in ONE_WORKER:
        protocol = Protocol(scope)
        happened |= explore(protocol.start(), protocol.steps, lambda _: None).names.keys()
        questions |= protocol.situations
    return happened, questions


def test_a_lease_may_end_while_its_worker_is_awake_and_sending() -> None:
    """So it may be ended early, as that of somebody who is not heard of."""
    protocol = Protocol(Scope(Certainty.READABLE, workers=1))

    found = explore(protocol.start(), protocol.steps, lambda _: None)

    overtaken = [world for world in found.states if world.row.state is S.UNKNOWN and not world.row.settled]
    assert {w.doing for world in overtaken for w in world.workers if not w.mine} >= {Doing.CLAIMED, Doing.SENT}


def test_everything_that_can_happen_does_and_every_rule_of_the_table_is_used() -> None:
    happened, questions = _everything()
    used = {chosen(*question) for question in questions}
    unused = [rule for rule in RULES if rule not in used and not _stands_aside(rule)]

    assert [(sorted(rule.states), rule.evidence, rule.said) for rule in unused] == []
    assert set(EVENTS) | set(ACTS) == happened | {"the disk catches up"}  # only without rule 8


def test_what_the_model_leaves_out_leads_where_its_stand_in_leads() -> None:
    for (state, evidence), stand_in in LEFT_OUT.items():
        for seen in ALL:
            if not (state is S.UNKNOWN and seen.blind) and not (state is S.PREPARING and seen.independent):
                assert move(state, evidence, seen) == move(state, E(stand_in), seen), (state, evidence)


def _stands_aside(rule: Rule) -> bool:
    left_out = all((state, rule.evidence) in LEFT_OUT for state in rule.states)
    return left_out or rule.evidence in NEVER or rule.said in LATER_PARTS
