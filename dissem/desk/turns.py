"""One at a time, and once only, however many processes there are: rows of the table `job_run`, whose key is unique.

They are finished from the beginning, so that nobody takes them for runs of a job that died.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from dissem.models import JobRun
from dissem.store.database import Database

LEASE = timedelta(minutes=5)  # longer than anything done in a turn may take
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)  # `planned` of the row that is a turn


@dataclass
class Turn:
    """A turn in hand. *interrupted*: when an earlier one began that nobody brought to an end, None if there is none.
    Whoever has it sets *settled* when it is certain what came of it."""

    interrupted: datetime | None = None
    settled: bool = False


@contextmanager
def turn(database: Database, what: str, *, now: Callable[[], datetime]) -> Iterator[Turn | None]:
    """The turn at *what*; None while somebody else has it. It ends with its process only after `LEASE`."""
    owner = f"{os.getpid()}-{os.urandom(6).hex()}"
    mine = _taken(database, what, owner, now())
    try:
        yield mine
    finally:
        if mine:
            _given_back(database, what, owner, now(), settled=mine.settled)


def _taken(database: Database, what: str, owner: str, now: datetime) -> Turn | None:
    with database.write() as session:
        _insert(session, what, _ALWAYS, now)
        row = session.exec(_row(what).with_for_update()).one()
        if row.lease_until > now:
            return None
        begun = (row.detail or {}).get("begun")
        row.owner, row.lease_until, row.detail = owner, now + LEASE, {"begun": begun or now.isoformat()}
        session.add(row)
        return Turn(interrupted=datetime.fromisoformat(begun) if begun else None)


def _given_back(database: Database, what: str, owner: str, now: datetime, *, settled: bool) -> None:
    values: dict[str, Any] = {"lease_until": now, **({"detail": None} if settled else {})}
    with database.write() as session:
        session.execute(update(JobRun).where(col(JobRun.job) == what, col(JobRun.owner) == owner).values(**values))


def settle(session: Session, what: str) -> None:
    """Whatever was interrupted at *what* is of no matter any more."""
    session.execute(update(JobRun).where(col(JobRun.job) == what, col(JobRun.planned) == _ALWAYS).values(detail=None))


def first(database: Database, what: str, *, of: datetime, now: datetime) -> bool:
    """Whether nobody has asked this before about *what* at the moment *of*."""
    with database.write() as session:
        return _insert(session, what, of, now)


def _row(what: str) -> Any:
    return select(JobRun).where(JobRun.job == what, JobRun.planned == _ALWAYS)


def _insert(session: Session, what: str, planned: datetime, now: datetime) -> bool:
    """A row for *what*, unless there is one; answers whether it was made."""
    dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = {"job": what, "planned": planned, "owner": "", "lease_until": now, "started": now, "finished": now}
    made = dialect.insert(JobRun).values(**row).on_conflict_do_nothing(index_elements=["job", "planned"])
    return session.execute(made.returning(JobRun.id)).first() is not None
