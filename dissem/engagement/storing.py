"""Samples into the ledger: with what they gained, in which counts they fell, and why a count is missing.

Two collectors at once do no harm: publications are locked while their samples are stored, and a plan that was taken
meanwhile, or a newer one, is skipped; the unique key (publication, planned) stands behind that.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Dialect, Select, String, bindparam, insert, select, type_coerce, update
from sqlmodel import Session, SQLModel, col

from dissem.channels.adapter import COUNTS, Counts, Gone, Why
from dissem.engagement import rollup
from dissem.engagement.plans import Last
from dissem.engagement.prepared import Prepared, Row
from dissem.engagement.rollup import YOUNG, Course, Post, Sample, Sums
from dissem.models import Publication

_COLUMNS = ("publication_id", "planned", "at", "raw", "missing", "fell", *COUNTS)
_values = attrgetter(*COUNTS)


class Read(NamedTuple):
    """One publication with what the platform said of it; None: nothing this time. *counts*: those the platform has."""

    publication: int
    channel: int
    plan: datetime
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
    posts = _locked(session, [one.publication for one in reads])
    present = [one for one in reads if one.publication in posts]
    counted = [one for one in present if isinstance(one.answer, Counts)]
    sums = Sums(zone, young)
    return Stored(
        kept=_keep(session, counted, posts, now, sums),
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


def _keep(session: Session, reads: Sequence[Read], posts: dict[int, Post], now: datetime, sums: Sums) -> int:
    """Store the samples nobody else stored meanwhile, and what they add to *sums*; answers how many."""
    earlier = _earlier(session, [one.publication for one in reads])
    rows = []
    for one in reads:
        sample, post = Sample(one.plan, now, _values(one.answer)), posts[one.publication]
        if one.publication not in earlier:
            sums.first(post, sample)
            rows.append(_row(one, sample, ()))
        elif (gain := _gained(post, earlier[one.publication], sample, sums)) is not None:
            rows.append(_row(one, sample, rollup.fell(gain)))
    if rows:
        connection = session.connection()
        _insertion(connection.dialect).run(connection, rows)
        rollup.add(session, sums)
    return len(rows)


def _gained(post: Post, earlier: Sequence[Sample], sample: Sample, sums: Sums) -> rollup.Values | None:
    """What *sample* gained over the *earlier* ones, added to *sums*; None: these cover it."""
    if Last(max(one.planned for one in earlier), earlier[-1].at).covers(sample.planned):
        return None
    course = Course(post)
    for one in earlier:
        course.take(one, sums, anew=False)
    return course.take(sample, sums)


def _row(one: Read, sample: Sample, fell: Sequence[str]) -> Row:
    """In the order of `_COLUMNS`."""
    answer: Any = one.answer
    why = missing(answer, sample.values, one.counts)
    fallen = " ".join(fell) or None
    return one.publication, sample.planned, sample.at, dict(answer.raw), why or None, fallen, *sample.values


def missing(answer: Counts, values: rollup.Values, counts: frozenset[str]) -> dict[str, str]:
    """Why each of *counts* that has no value has none."""
    if None not in values:
        return {}
    without = [name for name, value in zip(COUNTS, values, strict=True) if value is None and name in counts]
    return {name: answer.why.get(name, Why.SILENT).value for name in without}


@cache
def _insertion(dialect: Dialect) -> Prepared:
    table = _table("engagement")
    statement = insert(table).values({name: bindparam(name) for name in _COLUMNS})
    return Prepared(statement, SQLModel.metadata.tables["engagement"], _COLUMNS, dialect, shared=("planned", "at"))


def _table(name: str) -> Any:
    return SQLModel.metadata.tables[name]


def _locked(session: Session, publications: Sequence[int]) -> dict[int, Post]:
    """What those that are still there belong to; locked in one order, so that no other collector adds to them.

    SQLite locks the whole database when a write begins; there FOR UPDATE says nothing.
    """
    rows = session.connection().execute(_there(), {"numbers": list(publications)}).all()
    return {number: Post(*post) for number, *post in rows}


@cache
def _there() -> Select[Any]:
    publication, delivery, release = _table("publication"), _table("delivery"), _table("release")
    kind = type_coerce(release.c.kind, String)
    return (
        select(publication.c.id, publication.c.channel_id, kind, release.c.id, publication.c.published)
        .join(delivery, delivery.c.id == publication.c.delivery_id)
        .join(release, release.c.id == delivery.c.release_id)
        .where(
            publication.c.id.in_(bindparam("numbers", expanding=True)),
            publication.c.removed.is_(None),
            publication.c.gone.is_(None),
        )
        .order_by(publication.c.id)
        .with_for_update(of=publication, key_share=True)
    )


def _earlier(session: Session, publications: Sequence[int]) -> dict[int, list[Sample]]:
    """The samples of each publication that has any, in the order they were taken."""
    found: dict[int, list[Sample]] = defaultdict(list)
    for number, planned, at, *values in session.connection().execute(_samples(), {"numbers": list(publications)}).all():
        found[number].append(Sample(planned, at, tuple(values)))
    return found


@cache
def _samples() -> Select[Any]:
    table = _table("engagement")
    return (
        select(table.c.publication_id, table.c.planned, table.c.at, *(table.c[name] for name in COUNTS))
        .where(table.c.publication_id.in_(bindparam("numbers", expanding=True)))
        .order_by(table.c.publication_id, table.c.at)
    )
