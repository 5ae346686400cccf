"""Samples into the ledger: with what they gained, in which counts they fell, and why a count is missing.

Two collectors at once do no harm: publications are locked while their samples are stored, and a plan that was taken
meanwhile, or a newer one, is skipped; the unique key (publication, planned) stands behind that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Dialect, Select, select, update
from sqlmodel import Session, SQLModel, col

from dissem.channels.adapter import COUNTS, Counts, Gone, Why
from dissem.engagement import rollup
from dissem.engagement.arithmetic import YOUNG, Sample, Values, fell
from dissem.engagement.plans import Last
from dissem.engagement.prepared import Insertion, Row, among, listed
from dissem.engagement.sums import Course, Post, Sums
from dissem.models import Publication

_COLUMNS = ("publication_id", "planned", "at", "raw", "missing", "fell", *COUNTS)
_values = attrgetter(*COUNTS)


class Read(NamedTuple):
    """One publication with what the platform said of it; None: nothing this time. *counts*: those the platform has."""

    publication: int
    plan: datetime
    post: Post
    answer: Counts | Gone | None
    counts: frozenset[str]


@dataclass
class Stored:
    """How many samples were kept and answers left out, and what is gone: the channel of each, its link or remote id."""

    kept: int = 0
    left_out: int = 0
    gone: list[tuple[int, str]] = field(default_factory=list)


def store(
    session: Session, reads: Sequence[Read], *, now: datetime, zone: ZoneInfo, young: timedelta = YOUNG
) -> Stored:
    """Store *reads*, of different publications, with the roll-ups, in the transaction of *session*. *young*: how long
    posts are read at the end of each week.

    A publication that was removed or found to be gone meanwhile is passed over.
    """
    there = _locked(session, [one.publication for one in reads])
    present = sorted(one for one in reads if one.publication in there)  # rows that lie together are written together
    counted = [one for one in present if isinstance(one.answer, Counts)]
    return Stored(
        kept=_keep(session, counted, now, Sums(zone, young)),
        left_out=sum(one.answer is None for one in present),
        gone=_mark_gone(session, [one.publication for one in present if isinstance(one.answer, Gone)], now),
    )


def _mark_gone(session: Session, publications: Sequence[int], now: datetime) -> list[tuple[int, str]]:
    """The channel of each, and its link or remote id."""
    if not publications:
        return []
    these = col(Publication.id).in_(publications)
    session.execute(update(Publication).where(these).values(gone=now))
    query = select(col(Publication.channel_id), col(Publication.url), col(Publication.remote_id)).where(these)
    return [(channel, url or remote_id) for channel, url, remote_id in session.execute(query)]


def _keep(session: Session, reads: Sequence[Read], now: datetime, sums: Sums) -> int:
    """Store the samples nobody else stored meanwhile, and what they add to *sums*; answers how many."""
    earlier = _earlier(session, [one.publication for one in reads])
    rows = []
    for one in reads:
        sample, before = Sample(one.plan, now, _values(one.answer)), earlier.get(one.publication)
        if before is None:
            sums.first(one.post, sample)
            rows.append(_row(one, sample, ()))
        elif (gain := _gained(one.post, before, sample, sums)) is not None:
            rows.append(_row(one, sample, fell(gain)))
    if rows:
        connection = session.connection()
        _insertion(connection.dialect).run(connection, rows)
        rollup.add(session, sums)
    return len(rows)


def _gained(post: Post, earlier: Sequence[Sample], sample: Sample, sums: Sums) -> Values | None:
    """What *sample* gained over the *earlier* ones, added to *sums*; None: these cover it."""
    if Last(max(one.planned for one in earlier), earlier[-1].at).covers(sample.planned):
        return None
    course = Course(post)
    for one in earlier:
        course.take(one, sums, anew=False)
    return course.take(sample, sums)


def _row(one: Read, sample: Sample, fallen: Sequence[str]) -> Row:
    """In the order of `_COLUMNS`."""
    answer: Any = one.answer
    why = missing(answer, sample.values, one.counts)
    marks = " ".join(fallen) or None
    return one.publication, sample.planned, sample.at, dict(answer.raw), why or None, marks, *sample.values


def missing(answer: Counts, values: Values, counts: frozenset[str]) -> dict[str, str]:
    """Why each of *counts* that has no value has none."""
    why, silent = answer.why, Why.SILENT
    return {name: why.get(name, silent).value for place, name in _placed(counts) if values[place] is None}


@cache
def _placed(counts: frozenset[str]) -> Sequence[tuple[int, str]]:
    return [(place, name) for place, name in enumerate(COUNTS) if name in counts]


@cache
def _insertion(dialect: Dialect) -> Insertion:
    return Insertion(_table("engagement"), _COLUMNS, dialect, shared=("planned", "at"))


def _table(name: str) -> Any:
    return SQLModel.metadata.tables[name]


def _locked(session: Session, publications: Sequence[int]) -> set[int]:
    """Those that are still there; locked in one order, so that no other collector adds to them.

    SQLite locks the whole database when a write begins; there FOR UPDATE says nothing.
    """
    connection = session.connection()
    rows = connection.execute(_there(connection.dialect), listed(publications, connection.dialect))
    return set(rows.scalars().all())


@cache
def _there(dialect: Dialect) -> Select[Any]:
    table = _table("publication")
    return (
        select(table.c.id)
        .where(among(table.c.id, dialect), table.c.removed.is_(None), table.c.gone.is_(None))
        .order_by(table.c.id)
        .with_for_update(key_share=True)
    )


def _earlier(session: Session, publications: Sequence[int]) -> dict[int, list[Sample]]:
    """The samples of each publication that has any, in the order they were taken."""
    found: dict[int, list[Sample]] = {}
    connection = session.connection()
    rows = connection.execute(_samples(connection.dialect), listed(publications, connection.dialect)).all()
    for number, planned, at, *values in rows:
        found.setdefault(number, []).append(Sample(planned, at, tuple(values)))
    return found


@cache
def _samples(dialect: Dialect) -> Select[Any]:
    table = _table("engagement")
    return (
        select(table.c.publication_id, table.c.planned, table.c.at, *(table.c[name] for name in COUNTS))
        .where(among(table.c.publication_id, dialect))
        .order_by(table.c.publication_id, table.c.at)
    )
