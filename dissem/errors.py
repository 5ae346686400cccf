"""What may go wrong, said in one sentence: what, where, what to do.

DissemError
├── WrongInput    what was typed or given cannot be used (exit status 2)
├── NotFound      the named thing does not exist
├── NotAllowed    this person may not do this
├── Conflict      not in this state, or somebody else was faster
├── Broken        this installation needs repair (database, key, folder)
└── ChannelError  in `dissem.channels.errors`: what a platform answered, named after what happens next
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from dissem.i18n import _


class DissemError(Exception):
    """An error a person can act on.

    *text* and *hint* are English keys of the catalogue with `{named}` places, filled from *values* when shown, so that
    the reader's language decides, also for a reason kept in the database. A value that is a member of an enumeration
    is one of our words and is shown in that language too.
    """

    status = 1

    def __init__(self, text: str, *, hint: str = "", **values: object) -> None:
        super().__init__(text)
        self.text = text
        self.hint_text = hint
        self.values = {name: _kept(value) for name, value in values.items()}

    def __str__(self) -> str:
        return _(self.text, **_filled(self.values))

    @property
    def hint(self) -> str:
        """What to do, in the reader's language; may be empty."""
        return _(self.hint_text, **_filled(self.values)) if self.hint_text else ""

    def reason(self) -> dict[str, Any]:
        """The error as JSON for a `reason` column; `told` makes it readable again."""
        return {"text": self.text, "hint": self.hint_text, "values": self.values}


def _kept(value: object) -> Any:
    """A value as JSON: a number, a word of ours, or a text."""
    if isinstance(value, StrEnum):
        return {"word": value.value}
    return value if isinstance(value, int | float) else str(value)


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Kept values as they are read."""
    return {name: _(value["word"]) if isinstance(value, dict) else value for name, value in values.items()}


def told(reason: Mapping[str, Any] | None) -> str:
    """A kept reason in the reader's language, hint included; empty for None."""
    if not reason:
        return ""
    values = _filled(reason.get("values") or {})
    parts = (reason.get("text", ""), reason.get("hint", ""))
    return " ".join(_(part, **values) for part in parts if part)


class WrongInput(DissemError):
    """What was typed or given cannot be used."""

    status = 2


class NotFound(DissemError):
    """The named thing does not exist."""


class NotAllowed(DissemError):
    """This person may not do this."""


class Conflict(DissemError):
    """Not in this state, or somebody else was faster."""


class Broken(DissemError):
    """This installation needs repair before it can work."""
