"""Who may do what: every role, every action, own and other agency."""

import pytest
from town import START

from dissem.desk.rights import Action, allow
from dissem.models import Person, Role

OWN_AUTHOR = {"see", "add", "edit", "schedule", "submit", "cancel"}
OWN_APPROVER = OWN_AUTHOR | {"approve", "reject", "retry", "resolve", "remove", "pause"}
EXPECTED = {
    ("author", "own"): OWN_AUTHOR,
    ("author", "other"): set(),
    ("approver", "own"): OWN_APPROVER,
    ("approver", "other"): set(),
    ("coordinator", "own"): OWN_APPROVER,
    ("coordinator", "other"): OWN_APPROVER,
    ("admin", "own"): {"people", "channels", "pause"},
    ("admin", "other"): {"people", "channels", "pause"},
}


def _person(role: Role, **more: object) -> Person:
    return Person(username="x", name="X", role=role, agency="kominfo", token_hash="x", created=START, **more)


@pytest.mark.parametrize(("role", "where"), EXPECTED)
def test_a_role_may_what_the_table_says_and_nothing_else(role: str, where: str) -> None:
    person = _person(Role(role))
    agency = "kominfo" if where == "own" else "dishub"

    may = {action.value for action in Action if allow(person, action, agency)}

    assert may == EXPECTED[role, where]


@pytest.mark.parametrize("role", Role)
def test_a_disabled_person_may_nothing(role: Role) -> None:
    person = _person(role, disabled=START)

    assert not any(allow(person, action, "kominfo") for action in Action)


def test_the_table_here_names_every_role_and_action() -> None:
    assert {role for role, _ in EXPECTED} == {role.value for role in Role}
    assert set().union(*EXPECTED.values()) == {action.value for action in Action}
