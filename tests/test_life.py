"""The one table of a delivery's life: complete, unambiguous, and careful with whatever may be public.

`python tests/test_life.py` writes the table into docs/delivery.md.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby, product
from pathlib import Path

import pytest

from dissem.channels.adapter import Receipt, Stage
from dissem.channels.errors import ChannelError
from dissem.clock import show_span
from dissem.config import Timing
from dissem.models import Evidence, Held, Move, Situation, State, move
from dissem.models.life import RULES, Impossible, Rule
from dissem.queue.carry import Outcome

S, E = State, Evidence
PAGE = Path(__file__).parents[1] / "docs" / "delivery.md"
BEGIN, END = "<!-- the table: python tests/test_life.py -->\n", "<!-- end of the table -->\n"
SURELY_NOT_PUBLIC = (S.REFUSED, S.MISSED, S.CANCELLED)

ERRORS = {Outcome.of_error(kind("why"), E.UNCERTAIN).evidence for kind in ChannelError.__subclasses__()}
RECEIPTS = {Outcome.of_receipt(Receipt("1", stage=stage)).evidence for stage in Stage}
USED: dict[State, set[Evidence]] = {  # what queue and desk come with, by state
    S.PROPOSED: {E.APPROVED, E.CANCELLED, E.TOO_LATE, E.RETRIED, E.RESTORED},
    S.WAITING: {E.CLAIMED, E.VOIDED, E.CANCELLED, E.TOO_LATE, E.RESTORED},
    S.PREPARING: {E.READY, E.VOIDED, E.CANCELLED, E.LEASE_OVER, E.RESTORED, *ERRORS},
    S.PUBLISHING: {*RECEIPTS, *ERRORS, E.NO_RECIPIENT, E.PROOFS, E.LEASE_OVER, E.RESTORED},
    S.PROCESSING: {*RECEIPTS - {E.ACCEPTED}, *ERRORS, E.BOUND_PASSED, E.RESTORED},  # still processing is "later"
    # a refused search is no verdict
    S.UNKNOWN: {*RECEIPTS, *ERRORS - {E.REFUSED}, E.PROOFS, E.ABSENT, E.BOUND_PASSED, E.RESTORED},
    S.HELD: {E.RETRIED, E.SAID_PUBLISHED, E.SAID_ABSENT},
    S.REFUSED: {E.RETRIED},
    S.MISSED: {E.RETRIED},
    S.CANCELLED: {E.RETRIED},
}


def situations() -> Iterator[Situation]:
    """Every one there is."""
    flags = ("due", "ready", "last_part", "public_part", "ambiguous", "blind", "settled", "resends", "approved")
    recipients = ({}, {"independent": True}, {"independent": True, "doubtful": True}, {"doubtful": True})
    for values in product((False, True), repeat=len(flags)):
        for deaths in (0, 1, 2):
            for more in recipients:
                yield Situation(**dict(zip(flags, values, strict=True)), deaths=deaths, **more)


ALL = tuple(situations())
CHAINED = tuple(seen for seen in ALL if not seen.independent)
UNDOUBTED = tuple(seen for seen in CHAINED if not seen.doubtful)


def may_be(state: State, evidence: Evidence, seen: Situation) -> bool:
    """Whether the desk lets it come to this: a verdict is for what is ambiguous, a retry for what is not, and of a
    proposed one only if its approval stands."""
    if evidence in (E.SAID_PUBLISHED, E.SAID_ABSENT):
        return seen.ambiguous
    if evidence is E.NO_RECIPIENT:
        return seen.independent
    if evidence is E.RETRIED:
        return not seen.ambiguous and (seen.approved or state is not S.PROPOSED)
    return True


def chosen(state: State, evidence: Evidence, seen: Situation) -> Rule | None:
    for rule in RULES:
        if state in rule.states and rule.evidence is evidence and (rule.when is None or rule.when(seen)):
            return rule
    return None


def targets(state: State, evidence: Evidence, seen_in: Iterable[Situation] = CHAINED) -> set[State]:
    """Where *evidence* may lead from *state*, whatever else is the case."""
    return {rule.to.state for seen in seen_in if (rule := chosen(state, evidence, seen))}


@pytest.mark.parametrize(("state", "evidence"), [(s, e) for s, known in USED.items() for e in sorted(known)])
def test_whatever_queue_and_desk_learn_has_a_rule(state: State, evidence: Evidence) -> None:
    for seen in ALL:
        if may_be(state, evidence, seen):
            assert isinstance(move(state, evidence, seen), Move), seen


def test_a_late_receipt_has_a_rule_wherever_the_delivery_is_by_then() -> None:
    for state in set(State) - {S.PUBLISHED, S.PUBLISHING}:
        assert targets(state, E.PROOF, UNDOUBTED) == {S.WAITING, S.PUBLISHED}, state
        assert move(state, E.PROOF, Situation(last_part=True)).state is S.PUBLISHED


@pytest.mark.parametrize("state", State)
def test_what_may_be_public_never_ends_refused_missed_or_cancelled(state: State) -> None:
    for evidence, seen in product(Evidence, ALL):
        if (seen.ambiguous or seen.public_part or seen.doubtful) and may_be(state, evidence, seen):
            rule = chosen(state, evidence, seen)
            assert rule is None or rule.to.state not in SURELY_NOT_PUBLIC, (evidence, seen)


@pytest.mark.parametrize("evidence", Evidence)
def test_published_is_never_left(evidence: Evidence) -> None:
    for seen in ALL:
        with pytest.raises(Impossible):
            move(S.PUBLISHED, evidence, seen)


def test_published_needs_a_proof_or_a_persons_word() -> None:
    into = {(state, rule.evidence) for rule in RULES if rule.to.state is S.PUBLISHED for state in rule.states}

    for (state, evidence), seen in product(into, ALL):
        rule = chosen(state, evidence, seen)
        if rule and rule.to.state is S.PUBLISHED:
            assert evidence in (E.PROOF, E.SAID_PUBLISHED) or (evidence is E.NO_RECIPIENT and seen.public_part)


def test_only_an_approval_or_a_retry_that_is_still_approved_makes_a_proposed_one_wait() -> None:
    assert {rule.evidence for rule in RULES if S.PROPOSED in rule.states and rule.to.state is S.WAITING} == {
        E.APPROVED,
        E.RETRIED,
        E.PROOF,  # more parts follow a public one; the gate is asked for each
    }
    with pytest.raises(Impossible):
        move(S.PROPOSED, E.RETRIED, Situation(approved=False))
    for state in (*SURELY_NOT_PUBLIC, S.HELD):
        assert move(state, E.RETRIED, Situation(approved=False)).state is S.PROPOSED


def test_what_a_dead_worker_was_sending_is_never_ready_again() -> None:
    assert targets(S.PUBLISHING, E.LEASE_OVER) == {S.UNKNOWN}


def test_what_becomes_of_one_recipient_holds_up_no_other() -> None:
    others = [seen for seen in ALL if seen.independent and not seen.last_part and not seen.ambiguous]

    for evidence in (E.NO_RECIPIENT, E.UNCERTAIN, E.LEASE_OVER, E.PROOF, E.LATER):
        assert targets(S.PUBLISHING, evidence, others) == {S.WAITING}, evidence


def test_an_address_in_doubt_is_looked_up_before_the_delivery_ends() -> None:
    last = [seen for seen in ALL if seen.doubtful and seen.last_part]

    assert {S.PUBLISHED, S.REFUSED} & targets(S.PUBLISHING, E.PROOF, last) == set()
    assert {S.PUBLISHED, S.REFUSED} & targets(S.PUBLISHING, E.NO_RECIPIENT, last) == set()


def test_from_publishing_only_proof_leads_on_and_only_a_sure_no_leads_back() -> None:
    again = {evidence for evidence in USED[S.PUBLISHING] if S.WAITING in targets(S.PUBLISHING, evidence)}

    assert again == {E.PROOF, E.NOT_SENT, E.LATER, E.UNAUTHORIZED}
    assert targets(S.PUBLISHING, E.UNCERTAIN) == {S.UNKNOWN}


@pytest.mark.parametrize("state", sorted(set(State) - {S.PUBLISHED}))
def test_a_proof_of_one_part_leads_no_later_part_on_that_may_be_public_too(state: State) -> None:
    threads = [seen for seen in CHAINED if seen.doubtful and not seen.last_part]

    assert targets(state, E.PROOF, threads) == {S.UNKNOWN}


def test_after_a_restore_nothing_that_was_planned_goes_on_before_it_was_looked_up() -> None:
    for state in (S.PROPOSED, S.WAITING, S.PREPARING, S.PUBLISHING, S.UNKNOWN):
        assert targets(state, E.RESTORED, ALL) == {S.UNKNOWN}
    assert targets(S.PROCESSING, E.RESTORED, ALL) == {S.PROCESSING}


def test_an_unknown_one_is_sent_again_only_after_two_absences_and_where_that_is_safe() -> None:
    for evidence, seen in product(Evidence, ALL):
        rule = chosen(S.UNKNOWN, evidence, seen)
        if rule and rule.to.state is S.WAITING:
            sent_again = evidence is E.ABSENT and seen.settled and seen.resends
            next_part = evidence is E.PROOF and not seen.last_part
            assert sent_again or next_part, (evidence, seen)


def test_nothing_ambiguous_is_retried_without_a_verdict() -> None:
    with pytest.raises(Impossible):
        move(S.HELD, E.RETRIED, Situation(ambiguous=True, approved=True))


def test_two_deaths_hold_it_one_does_not() -> None:
    assert move(S.PREPARING, E.LEASE_OVER, Situation(deaths=1)) == Move(S.WAITING)
    assert move(S.PREPARING, E.LEASE_OVER, Situation(deaths=2)) == Move(S.HELD, Held.POISON)


def test_a_failed_processing_after_an_ambiguous_attempt_is_held_not_looked_for_in_circles() -> None:
    assert move(S.PROCESSING, E.REFUSED, Situation(ambiguous=True)) == Move(S.HELD, Held.UNKNOWN)


def test_every_rule_can_be_the_one_that_counts() -> None:
    idle = [(rule, state) for rule in RULES for state in rule.states if not _ever_counts(rule, state)]

    assert idle == []


def _ever_counts(rule: Rule, state: State) -> bool:
    return any(chosen(state, rule.evidence, seen) is rule for seen in ALL)


def test_a_condition_and_its_words_come_together() -> None:
    assert all((rule.when is None) == (rule.said == "") for rule in RULES)


def test_everything_held_says_why_and_nothing_else_does() -> None:
    assert all((rule.to.state is S.HELD) == (rule.to.held is not None) for rule in RULES)
    assert {rule.to.held for rule in RULES} - {None} == set(Held)


def test_from_every_state_a_delivery_can_still_be_published() -> None:
    reached = {S.PUBLISHED}
    while more := {s for rule in RULES if rule.to.state in reached for s in rule.states} - reached:
        reached |= more

    assert reached == set(State)


# The page


def table() -> str:
    """`RULES` as a Markdown table; rules side by side that differ in their evidence alone share a line."""
    lines = ["| in | learned | if | then |", "| --- | --- | --- | --- |"]
    for (states, said, to), rules in groupby(RULES, key=lambda rule: (_states(rule), rule.said, _target(rule.to))):
        lines.append(f"| {states} | {', '.join(rule.evidence for rule in rules)} | {said} | {to} |")
    return "".join(f"{line}\n" for line in lines)


def _states(rule: Rule) -> str:
    return ", ".join(state for state in State if state in rule.states)


def _target(to: Move) -> str:
    return f"**{to.state}** ({to.held})" if to.held else f"**{to.state}**"


def with_table(page: str) -> str:
    """*page* with the table as it should be between its two marks."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


def test_the_page_shows_the_table_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert page == with_table(page), "python tests/test_life.py writes it anew"


@pytest.mark.parametrize("word", [*State, *Held, *Evidence], ids=lambda word: f"{type(word).__name__}-{word}")
def test_the_page_explains_every_word_of_the_table(word: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    prose = page.split(BEGIN)[0] + page.split(END)[1]

    assert f"*{word}*" in prose or f"**{word}**" in prose


@pytest.mark.parametrize("name", Timing.model_fields)
def test_the_page_names_every_span_of_the_protocol_as_it_is_set(name: str) -> None:
    assert f"`{name}` ({show_span(getattr(Timing(), name))})" in PAGE.read_text(encoding="utf-8")


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
