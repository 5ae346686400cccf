"""The roll-up: the sums of `dissem.engagement.sums` as rows of the database, kept while samples are stored.

**What stays.** Days whose samples were thrown away are closed (`dissem.engagement.keeping`), and with them the weeks
and months that begin by then: no row of theirs is made again from the samples that are left.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Dialect, delete, func, or_, select, text
from sqlmodel import Session, SQLModel, col

from dissem.channels.adapter import COUNTS
from dissem.engagement.arithmetic import YOUNG, Sample, Values, labels
from dissem.engagement.prepared import Insertion
from dissem.engagement.sums import TABLES, Course, Post, Sums
from dissem.models import Delivery, Engagement, EngagementDay, Publication, Release


def add(session: Session, sums: Sums) -> None:
    """Add *sums* to the rows that are kept, each by one atomic statement; several writers may do so at once.

    Belongs in the transaction that stores the samples themselves, or a crash between the two loses or doubles a day.
    """
    _put(session, sums.rows())


def _put(session: Session, tables: Mapping[str, Mapping[Any, Values]]) -> None:
    connection = session.connection()
    for table, rows in tables.items():
        if rows:
            # sorted, so that two writers on PostgreSQL lock the rows in the same order
            _upsert(table, connection.dialect).run(connection, [(*key, *rows[key]) for key in sorted(rows)])


@cache
def _upsert(name: str, dialect: Dialect) -> Insertion:
    table, (keys, columns) = SQLModel.metadata.tables[name], TABLES[name]

    def added(insert: Any) -> Any:
        summed_up = {
            # None only while neither side has a value
            column: func.coalesce(table.c[column] + insert.excluded[column], insert.excluded[column], table.c[column])
            for column in columns
        }
        return insert.on_conflict_do_update(index_elements=list(keys), set_=summed_up)

    return Insertion(table, [*keys, *columns], dialect, shared=("day",), finish=added)


def rebuild(session: Session, zone: ZoneInfo, *, young: timedelta = YOUNG) -> int:
    """Make every sum that is not closed anew from the samples, as after a restored backup, in another zone, or for a
    database of a dissem that kept fewer; answers how many rows of days.

    Reads the samples as a stream: memory holds the sums only. Collectors wait meanwhile.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"LOCK TABLE engagement, {', '.join(TABLES)} IN EXCLUSIVE MODE"))
    sums = Sums(zone, young)
    for _publication, rows in groupby(session.execute(_everything()), key=lambda row: row[0]):
        course: Course | None = None
        for _number, channel, kind, release, published, planned, at, *values in rows:
            course = course or Course(Post(channel, kind.value, release, published))
            course.take(Sample(planned, at, tuple(values)), sums)
    made = _Open(closed_until(session))
    for table in TABLES:
        session.execute(delete(SQLModel.metadata.tables[table]).where(made.where(table)))
    kept = {table: made.only(table, all_rows) for table, all_rows in sums.rows().items()}
    _put(session, kept)
    return len(kept["engagementday"])


class _Open:
    """The days after *closed*, and the weeks and months that begin after it."""

    def __init__(self, closed: date | None) -> None:
        self.closed = closed or date.min
        self.labels = {len(label): label for label in labels(self.closed)}

    def where(self, table: str) -> Any:
        columns = SQLModel.metadata.tables[table].c
        if "day" in columns:
            return columns.day > self.closed
        period = columns.period
        return or_(*((func.length(period) == size) & (period > label) for size, label in self.labels.items()))

    def only(self, table: str, rows: Mapping[Any, Values]) -> dict[Any, Values]:
        keys = TABLES[table][0]
        if "day" in keys:
            place = keys.index("day")
            return {key: sums for key, sums in rows.items() if key[place] > self.closed}
        place = keys.index("period")
        return {key: sums for key, sums in rows.items() if key[place] > self.labels[len(key[place])]}


def closed_until(session: Session) -> date | None:
    """The last day whose samples are not all there any more, None if all are: figures of such days stand in the
    roll-up alone."""
    found: date | None = session.scalar(select(func.max(col(EngagementDay.day))).where(col(EngagementDay.closed)))
    return found


def _everything() -> Any:
    counts = [col(getattr(Engagement, name)) for name in COUNTS]
    return (
        select(
            col(Engagement.publication_id),
            col(Publication.channel_id),
            col(Release.kind),
            col(Release.id),
            col(Publication.published),
            col(Engagement.planned),
            col(Engagement.at),
            *counts,
        )
        .join(Publication, col(Publication.id) == col(Engagement.publication_id))
        .join(Delivery, col(Delivery.id) == col(Publication.delivery_id))
        .join(Release, col(Release.id) == col(Delivery.release_id))
        .order_by(col(Engagement.publication_id), col(Engagement.at))
        .execution_options(yield_per=1000)
    )
