"""Who may do what: one question, `allow(person, action, agency)`, denied unless the table says yes."""

from enum import StrEnum

from dissem.errors import NotAllowed
from dissem.models import Person, Role


class Action(StrEnum):
    """What people do."""

    SEE = "see"
    ADD = "add"
    EDIT = "edit"
    SCHEDULE = "schedule"
    SUBMIT = "submit"
    CANCEL = "cancel"
    APPROVE = "approve"
    REJECT = "reject"
    RETRY = "retry"
    RESOLVE = "resolve"
    REMOVE = "remove"
    PAUSE = "pause"
    PEOPLE = "people"
    CHANNELS = "channels"


_AUTHOR = frozenset({Action.SEE, Action.ADD, Action.EDIT, Action.SCHEDULE, Action.SUBMIT, Action.CANCEL})
_APPROVER = _AUTHOR | {
    Action.APPROVE,
    Action.REJECT,
    Action.RETRY,
    Action.RESOLVE,
    Action.REMOVE,
    Action.PAUSE,
}

RIGHTS: dict[Role, frozenset[Action]] = {
    Role.AUTHOR: _AUTHOR,
    Role.APPROVER: _APPROVER,
    Role.COORDINATOR: _APPROVER,
    Role.ADMIN: frozenset({Action.PEOPLE, Action.CHANNELS, Action.PAUSE}),
}
ADMINISTRATION = frozenset({Action.PEOPLE, Action.CHANNELS})
EVERYWHERE = frozenset({Role.COORDINATOR, Role.ADMIN})  # roles not bound to their own agency


def allow(person: Person, action: Action, agency: str | None) -> bool:
    """Whether *person* may do *action* to something of *agency* (None: of no agency)."""
    if person.disabled or action not in RIGHTS[person.role]:
        return False
    return person.role in EVERYWHERE or (person.agency is not None and person.agency == agency)


def require(person: Person, action: Action, agency: str | None) -> None:
    """Raise NotAllowed unless `allow`."""
    if allow(person, action, agency):
        return
    if action in RIGHTS[person.role] and not person.disabled:
        raise NotAllowed(
            "{name} works for {own}, and this belongs to {agency}.",
            hint="Ask a coordinator.",
            name=person.name,
            own=person.agency or "–",
            agency=agency or "–",
        )
    raise NotAllowed(
        "{name} ({role}) may not do this: {action}.",
        hint="Ask an admin." if action in ADMINISTRATION else "Ask an approver or a coordinator.",
        name=person.name,
        role=person.role,
        action=action,
    )
