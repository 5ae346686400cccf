"""Noticing a database from the past, whoever brought it back.

Beside the database, in the installation's folder, stands which daemon ran here last, and its last sign of life. A
database that does not know of it is older than what has been published from it.
"""

import json
import logging
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from dissem.errors import Broken
from dissem.models import Daemon
from dissem.queue import restored
from dissem.store.installation import Installation

log = logging.getLogger(__name__)

FILE = "last-daemon.json"
REMEMBERED = timedelta(days=30)  # how long the database keeps the rows of daemons that are gone


@dataclass(frozen=True)
class Seen:
    """The last sign of life of a daemon of this folder."""

    owner: str
    beat: datetime


def keep(home: Path, owner: str, beat: datetime) -> None:
    """Remember a sign of life, after the database has it. Without room or right to write, the older one stays."""
    half = home / f".{FILE}.new"
    try:
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump({"owner": owner, "beat": beat.isoformat()}, out)
        half.replace(home / FILE)
    except OSError as error:
        log.warning("%s cannot be written: %s", home / FILE, error.strerror)


def last_seen(home: Path) -> Seen | None:
    """What `keep` kept; None if there is nothing, or nothing that can be read."""
    try:
        found = json.loads((home / FILE).read_text())
        return Seen(found["owner"], datetime.fromisoformat(found["beat"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def is_behind(session: Session, seen: Seen | None, now: datetime) -> bool:
    """Whether the database knows less than what was *seen*, and nobody has seen to it yet."""
    if seen is None or now - seen.beat > REMEMBERED:
        return False
    row = session.get(Daemon, seen.owner)
    return (row is None or row.beat < seen.beat) and not restored.seen_to(session, seen.beat)


def see_to_it(installation: Installation, now: datetime) -> int:
    """If the database is from the past, see that nothing it plans is published again; how many deliveries that are."""
    seen = last_seen(installation.home)
    with installation.database.read() as session:
        if not is_behind(session, seen, now):
            return 0
    with installation.database.write() as session:
        marked = restored.look_first(session, installation.audit, now=now) if is_behind(session, seen, now) else 0
    log.warning("%s", told(marked))
    return marked


def told(marked: int) -> Broken:
    """The sentence for it."""
    return Broken(
        "The database is older than what was published from it: {n} deliveries are looked up before anything goes out.",
        hint="See them: dissem queue --state unknown --state held",
        n=marked,
    )
