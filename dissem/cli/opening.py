"""Opening: which installation, and who is at work."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dissem import i18n
from dissem.cli.options import asked
from dissem.cli.show import note
from dissem.errors import DissemError, NotAllowed
from dissem.i18n import _

if TYPE_CHECKING:
    from dissem.desk.acting import Acting
    from dissem.models import Person
    from dissem.store.installation import Installation


@contextmanager
def installation(*, logs: bool = True) -> Iterator["Installation"]:
    """The installation this command is for; it acts as itself. Without *logs* the caller sees to them."""
    from dissem.config import find_home
    from dissem.store.installation import Installation

    if logs:
        _log_to_stderr()
    opened = Installation.open(find_home(asked().folder))
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def desk() -> Iterator["Acting"]:
    """The installation with the person whose token is at hand."""
    from dissem.desk.acting import Acting

    with installation() as opened:
        somebody = Acting(opened, known_person(opened)).somebody  # nobody: say so before anything else
        yield Acting(opened, somebody)


@contextmanager
def desk_at_one_moment() -> Iterator["Acting"]:
    """The same, with a clock that stands: a time said as "now" is not past a moment later."""
    with desk() as acting:
        now = acting.now()
        yield replace(acting, now=lambda: now)


@contextmanager
def desk_or_installation() -> Iterator["Acting"]:
    """The same, or the installation itself where nobody is logged in, also with a token that is no longer valid."""
    from dissem.desk.acting import Acting

    with installation() as opened:
        try:
            person = known_person(opened)
        except NotAllowed:
            person = None
        yield Acting(opened, person)


def known_person(opened: "Installation") -> "Person | None":
    """Whose token DISSEM_TOKEN or the kept file holds; None if there is neither."""
    from dissem.desk.people import who
    from dissem.redaction import learn

    token = os.environ.get("DISSEM_TOKEN") or kept_token()
    learn(token)
    return who(opened, token) if token else None


def token_file() -> Path:
    """Where `dissem login` keeps a person's token."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "dissem" / "token"


def kept_token() -> str:
    """The token of an earlier login, empty if there is none."""
    try:
        return token_file().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def time_of(text: str, opened: "Installation", now: datetime) -> datetime:
    """The instant that people meant, echoed in full so that a misreading is seen; one that is past is refused."""
    from dissem.clock import refuse_past
    from dissem.phrases import understand

    moment = understand(text, now=now, zone=opened.zone)
    note(_("Time: {moment}", moment=i18n.moment(moment, opened.zone)))
    refuse_past(moment, now=now, zone=opened.zone)
    return moment


def names_of_channels() -> Sequence[str]:
    """For the shell's completion, so without a word where the installation cannot be asked."""
    try:
        with desk() as acting:
            from dissem.desk.channels import listed

            return [channel.name for channel in listed(acting)]
    except (DissemError, OSError):
        return []


def _log_to_stderr() -> None:
    """Warnings of a command on standard error, secrets out."""
    import logging

    from dissem.redaction import Masking

    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(Masking(logging.Formatter("%(levelname)s %(name)s: %(message)s")))
        root.addHandler(handler)
        root.setLevel(logging.DEBUG if os.environ.get("DISSEM_DEBUG") else logging.WARNING)
