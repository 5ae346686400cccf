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
from typing import Any

from dissem.i18n import _


class DissemError(Exception):
    """An error a person can act on.

    *text* and *hint* are English keys of the catalogue with `{named}` places, filled from *values* when shown, so that
    the reader's language decides, also for a reason kept in the database.
    """

    status = 1

    def __init__(self, text: str, *, hint: str = "", **values: object) -> None:
        super().__init__(text)
        self.text = text
        self.hint_text = hint
        self.values = {k: v if isinstance(v, int | float) else str(v) for k, v in values.items()}

    def __str__(self) -> str:
        return _(self.text, **self.values)

    @property
    def hint(self) -> str:
        """What to do, in the reader's language; may be empty."""
        return _(self.hint_text, **self.values) if self.hint_text else ""

    def reason(self) -> dict[str, Any]:
        """The error as JSON for a `reason` column; `told` makes it readable again."""
        return {"text": self.text, "hint": self.hint_text, "values": self.values}


def told(reason: Mapping[str, Any] | None) -> str:
    """A kept reason in the reader's language, hint included; empty for None."""
    if not reason:
        return ""
    values = reason.get("values") or {}
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
