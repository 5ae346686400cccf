"""A database that came back from the past: a backup, or a copy somebody put in its place.

It plans again what may have been published after it was made. So nothing it plans is published before the platform was
asked; where none can be asked, a person looks. For every part that may be public since then an attempt is written down:
all that follows after a lost answer then follows by itself.

What cannot be known: releases written after the backup are gone, and whatever people retry, although the backup calls
it refused, missed, cancelled or held, is theirs to look for.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, text, update
from sqlmodel import Session, col, select

from dissem.channels.adapter import fingerprint
from dissem.errors import DissemError
from dissem.models import (
    Attempt,
    AuditEntry,
    Daemon,
    Delivery,
    Evidence,
    JobRun,
    Part,
    Publication,
    Release,
    ReleaseState,
    Settled,
    State,
)
from dissem.queue import parts
from dissem.queue.moves import advance
from dissem.store.audit import INSTALLATION, Audit

NOTE = "backup.restored"  # the row of `job_run` that says when a restore was seen to
_WRITER = "restore"  # owner of the attempts nobody knows of
_BATCH = 500
_LOST = (None, Evidence.UNCERTAIN.value, Evidence.LEASE_OVER.value)
_PLANNED = (State.WAITING, State.PREPARING, State.PUBLISHING, State.UNKNOWN, State.PROCESSING)
_LOCK = 7_305_513_002  # any number; one at a time on PostgreSQL


def last_known(session: Session) -> datetime | None:
    """The last moment this database knows anything of; it is no younger than that. None: it knows of nothing yet."""
    columns = (Daemon.beat, AuditEntry.at, Attempt.started, Delivery.since)
    moments = [session.exec(select(func.max(column))).one() for column in columns]
    return max((moment for moment in moments if moment), default=None)


def seen_to(session: Session, since: datetime) -> bool:
    """Whether a restore was seen to at *since* or later. On PostgreSQL nobody else sees to one meanwhile."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    return session.exec(select(JobRun.id).where(JobRun.job == NOTE, JobRun.planned >= since)).first() is not None


def look_first(session: Session, audit: Audit, *, now: datetime) -> int:
    """See to it that nothing is published again; answers how many deliveries are looked up first, or held.

    Those that wait, also for a time to come: it may have been moved forward. Proposed ones whose time has passed, as
    somebody may have approved them.
    """
    known = last_known(session) or now
    marked = 0
    for delivery in _planned(session, now):
        _doubt(session, delivery, known, now)
        marked += 1
    session.add(JobRun(job=NOTE, planned=now, owner=_WRITER, lease_until=now, started=known, finished=now, ok=True))
    audit.write(
        session, now=now, actor=INSTALLATION, action=NOTE, on="database", known=known.isoformat(), deliveries=marked
    )
    return marked


def is_marked(attempt: Attempt) -> bool:
    """Whether *attempt* stands for what this database cannot know."""
    return attempt.outcome == Evidence.RESTORED.value


def was_early(attempt: Attempt, delivery: Delivery) -> bool:
    """Whether *delivery* was not even due when the database came back: only another time, approved after the backup,
    can have made it public."""
    return is_marked(attempt) and attempt.settled is not None and attempt.settled < delivery.due


def absent(session: Session, delivery: Delivery) -> dict[str, Any]:
    """Columns of *delivery*, whose current part is not there: what a restore made doubtful of it is doubtful no more.

    A part of a thread cannot be there without the one before. Of one mail to each recipient only if it was not yet due.
    """
    attempts = session.exec(select(Attempt).where(Attempt.delivery_id == delivery.id)).all()
    if not any(is_marked(one) for one in attempts):
        return {}
    if not delivery.independent:
        return {"doubtful_parts": 0, **_sure(session, delivery, attempts)}
    unsure = {one.part_id for one in attempts if was_early(one, delivery)}
    unsure -= {one.part_id for one in attempts if one.outcome in _LOST}
    session.execute(
        update(Part).where(col(Part.id).in_(unsure), col(Part.settled) == Settled.UNSURE).values(settled=None)
    )
    rows = session.exec(select(Part).where(Part.delivery_id == delivery.id).execution_options(populate_existing=True))
    return {**parts.counted(rows.all(), beside=delivery.part), **_sure(session, delivery, attempts)}


def _sure(session: Session, delivery: Delivery, attempts: Sequence[Attempt]) -> dict[str, bool]:
    """Where nothing but the restore was in doubt of the current part, no request can be on its way any more."""
    current = session.exec(select(Part.id).where(Part.delivery_id == delivery.id, Part.number == delivery.part)).one()
    lost = any(a.part_id == current and a.outcome in _LOST for a in attempts)
    return {} if lost else {"ambiguous": False}


def _planned(session: Session, now: datetime) -> Iterator[Delivery]:
    """What this database would have had published, also what it waits for a word of."""
    approvable = select(Release.id).where(col(Release.state).in_((ReleaseState.SUBMITTED, ReleaseState.APPROVED)))
    could_be_approved = (
        (col(Delivery.state) == State.PROPOSED) & (col(Delivery.due) <= now) & col(Delivery.release_id).in_(approvable)
    )
    ids = session.exec(
        select(Delivery.id).where(col(Delivery.state).in_(_PLANNED) | could_be_approved).order_by(col(Delivery.id))
    ).all()
    for first in range(0, len(ids), _BATCH):
        yield from session.exec(select(Delivery).where(col(Delivery.id).in_(ids[first : first + _BATCH]))).all()
        session.flush()
        session.expunge_all()


def _doubt(session: Session, delivery: Delivery, known: datetime, now: datetime) -> None:
    frozen = _open_parts(session, delivery)
    if not frozen:  # nothing was composed yet, so nothing can be told apart or published
        return
    session.execute(
        update(Attempt)
        .where(col(Attempt.delivery_id) == delivery.id, col(Attempt.settled).is_(None))
        .values(settled=now, outcome=Evidence.LEASE_OVER.value)
    )
    session.add_all(_unknown_attempt(delivery, part, known, now) for part in frozen)
    others = [part.number for part in frozen if part.number != delivery.part]
    advance(
        session,
        delivery,
        Evidence.RESTORED,
        now=now,
        since=now,
        next_at=now,
        attempts=delivery.attempts + 1,
        absences=0,
        failures=0,
        deaths=0,
        reason=_reason().reason(),
        **_doubtful(session, delivery, others),
    )


def _open_parts(session: Session, delivery: Delivery) -> Sequence[Part]:
    """Its parts without a proof, those before the current one of a thread left out."""
    proven = select(Publication.part_id).where(
        Publication.delivery_id == delivery.id, col(Publication.published).is_not(None)
    )
    query = select(Part).where(
        Part.delivery_id == delivery.id, col(Part.number) <= delivery.parts, col(Part.id).not_in(proven)
    )
    if delivery.independent:
        query = query.where(col(Part.settled).is_distinct_from(Settled.REFUSED))
    else:
        query = query.where(col(Part.number) >= delivery.part)
    return session.exec(query.order_by(col(Part.number))).all()


def _doubtful(session: Session, delivery: Delivery, others: Sequence[int]) -> dict[str, Any]:
    """Columns that say that the parts with the numbers *others* may be public, too."""
    if not delivery.independent:
        return {"doubtful_parts": len(others)}
    session.execute(
        update(Part)
        .where(col(Part.delivery_id) == delivery.id, col(Part.number).in_(others))
        .values(settled=Settled.UNSURE, next_at=None)
    )
    return {"open_parts": 0, "doubtful_parts": len(others)}


def _unknown_attempt(delivery: Delivery, part: Part, known: datetime, now: datetime) -> Attempt:
    """The attempt that may have been made after *known* and of which this database has no trace."""
    return Attempt(
        part_id=part.id or 0,
        delivery_id=delivery.id or 0,
        number=delivery.attempts + 1,
        fence=delivery.fence,
        owner=_WRITER,
        fingerprint=fingerprint(part.post),
        started=known,
        settled=now,
        outcome=Evidence.RESTORED.value,
    )


def _reason() -> DissemError:
    return DissemError(
        "The database came back from a backup that does not know what was published after it; this is looked up first."
    )


def in_doubt(session: Session) -> int:
    """How many deliveries are still looked up, or held, since the database came back."""
    marked = select(Attempt.id).where(Attempt.delivery_id == Delivery.id, Attempt.outcome == Evidence.RESTORED.value)
    count = (
        select(func.count())
        .select_from(Delivery)
        .where(
            marked.exists(),
            col(Delivery.ambiguous).is_(True),
            col(Delivery.state).in_((State.UNKNOWN, State.HELD)),
        )
    )
    return session.exec(count).one()
