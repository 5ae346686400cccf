"""Samples into the ledger: with what they gained, in which counts they fell, and why a count is missing.

Two collectors at once do no harm: publications are locked while their samples are stored, and a plan that was taken
meanwhile, or a newer one, is skipped; the unique key (publication, planned) stands behind that.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Dialect, Select, bindparam, insert, select, update
from sqlmodel import Session, SQLModel, col

from dissem.channels.adapter import COUNTS, Counts, Gone, Why
from dissem.engagement import rollup
from dissem.engagement.plans import NEVER, Last
from dissem.engagement.rollup import YOUNG, Course, Post, Sample, Sums
from dissem.models import Publication

Row = tuple[Any, ...]
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
        course, last = Course(posts[one.publication]), NEVER
        for sample in earlier.get(one.publication, ()):
            course.take(sample, sums, anew=False)
            last = Last(max(sample.planned, last.planned or sample.planned), sample.at)
        if last.covers(one.plan):
            continue
        values = _values(one.answer)
        gain = course.take(Sample(one.plan, now, values), sums)
        rows.append(_row(one, values, rollup.fell(gain), now))
    if rows:
        connection = session.connection()
        _Insertion.by(connection.dialect).run(connection, rows)
        rollup.add(session, sums)
    return len(rows)


def _row(one: Read, values: rollup.Values, fell: Sequence[str], now: datetime) -> Row:
    """In the order of `_COLUMNS`."""
    answer: Any = one.answer
    why = missing(answer, values, one.counts)
    return one.publication, one.plan, now, dict(answer.raw), why or None, " ".join(fell) or None, *values


def missing(answer: Counts, values: rollup.Values, counts: frozenset[str]) -> dict[str, str]:
    """Why each of *counts* that has no value has none."""
    without = [name for name, value in zip(COUNTS, values, strict=True) if value is None and name in counts]
    return {name: answer.why.get(name, Why.SILENT).value for name in without}


class _Insertion:
    """Many samples at once, by the driver's own call: SQLAlchemy's way costs twice the time for every row."""

    def __init__(self, dialect: Dialect) -> None:
        table = _table("engagement")
        compiled: Any = insert(table).values({name: bindparam(name) for name in _COLUMNS}).compile(dialect=dialect)
        self.text = str(compiled)
        self.ordered: Any = None  # the values in the places of the statement, where it does not name them
        if compiled.positional:
            self.ordered = itemgetter(*(_COLUMNS.index(name) for name in compiled.positiontup))
        impls = [table.c[name].type.dialect_impl(dialect) for name in _COLUMNS]
        made = [(place, impl.bind_processor(dialect)) for place, impl in enumerate(impls)]
        moments = (_COLUMNS.index("planned"), _COLUMNS.index("at"))  # many rows share theirs
        self.processors = [(p, lru_cache(256)(process) if p in moments else process) for p, process in made if process]

    @classmethod
    @cache
    def by(cls, dialect: Dialect) -> "_Insertion":
        return cls(dialect)

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        connection.exec_driver_sql(self.text, [self._bound(row) for row in rows])

    def _bound(self, row: Row) -> Any:
        """As the driver takes it: in the places of the statement, or by name."""
        values = list(row)
        for place, process in self.processors:
            values[place] = process(values[place])
        return self.ordered(values) if self.ordered else dict(zip(_COLUMNS, values, strict=True))


def _table(name: str) -> Any:
    return SQLModel.metadata.tables[name]


def _locked(session: Session, publications: Sequence[int]) -> dict[int, Post]:
    """What those that are still there belong to; locked in one order, so that no other collector adds to them.

    SQLite locks the whole database when a write begins; there FOR UPDATE says nothing.
    """
    rows = session.connection().execute(_there(), {"numbers": list(publications)}).all()
    return {number: Post(channel, kind.value, release, published) for number, channel, kind, release, published in rows}


@cache
def _there() -> Select[Any]:
    publication, delivery, release = _table("publication"), _table("delivery"), _table("release")
    return (
        select(publication.c.id, publication.c.channel_id, release.c.kind, release.c.id, publication.c.published)
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
