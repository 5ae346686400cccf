"""From whole totals to what was gained, and on which day: the one arithmetic of roll-up and report.

**Which moment a sample counts for.** The reading planned for Monday 00:00 is taken some minutes later and belongs to
the week that has just ended. So a sample counts for the moment it was *planned* for if it was taken within `TOLERANCE`
of it; otherwise it is *late* and counts for the moment it was taken. A day (and a week) takes its own end and leaves
out its beginning, (00:00, 24:00]: Monday 00:00 is Sunday's. Samples of one publication keep their order under this
rule, because a plan is never older than the sample before it (see `collect.planned`).

**What was gained.** A sample gains, count by count, its value minus the last value known before (0 before the first).
A counter that fell gains a negative number, and it is kept; the sample is marked (`Engagement.fell`). A count without a
value gains None, which is not 0, and leaves the last known value where it is.

**What stays.** Days whose samples were thrown away are closed (`dissem.engagement.keeping`): no row of theirs is made
again from the samples that are left.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Executable, Table, delete, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col

from dissem.channels.adapter import COUNTS
from dissem.clock import local_day
from dissem.models import Delivery, Engagement, EngagementDay, Publication, Release

TOLERANCE = timedelta(hours=2)

Values = tuple[int | None, ...]  # in the order of COUNTS
NOTHING: Values = (None,) * len(COUNTS)

Key = tuple[date, int, str]  # local day, channel, kind of the release
Days = dict[Key, tuple[int, Values]]  # how many samples, what they gained


class Sample(NamedTuple):
    """Whole totals of one publication, read at *at*."""

    planned: datetime
    at: datetime
    values: Values

    @property
    def late(self) -> bool:
        """Taken too long after its plan to stand for that moment."""
        return self.at - self.planned > TOLERANCE

    @property
    def counts_for(self) -> datetime:
        """The instant this sample stands for in roll-up and report."""
        return self.at if self.late else self.planned


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The local day that takes *instant*; a midnight is the end of the day before."""
    return local_day(instant - datetime.resolution, zone)


def gained(values: Values, before: Values) -> Values:
    """What *values* have more than the last known ones *before*, None where they say nothing."""
    if before is NOTHING:  # most posts are read for the first time
        return values
    return tuple(None if v is None else v - (b or 0) for v, b in zip(values, before, strict=True))


def fell(gain: Values) -> list[str]:
    """Names of the counts that are below the last known value."""
    return [name for name, value in zip(COUNTS, gain, strict=True) if value is not None and value < 0]


def known(values: Values, before: Values) -> Values:
    """The last known values after *values* were read."""
    return tuple(b if v is None else v for v, b in zip(values, before, strict=True))


def plus(one: Values, other: Values) -> Values:
    """The sum of what is available; None where neither says anything."""
    return tuple([b if a is None else a if b is None else a + b for a, b in zip(one, other, strict=True)])


def gains(samples: Iterable[Sample]) -> Iterator[tuple[Sample, Values]]:
    """Each sample of one publication, in the order they were taken, with what it gained."""
    before = NOTHING
    for sample in samples:
        yield sample, gained(sample.values, before)
        before = known(sample.values, before)


def credit(days: Days, *, channel: int, kind: str, sample: Sample, gain: Values, zone: ZoneInfo) -> None:
    """Add one sample and its gain to *days*, in memory."""
    key = (day_of(sample.counts_for, zone), channel, kind)
    samples, values = days.get(key, (0, NOTHING))
    days[key] = (samples + 1, plus(values, gain))


def add(session: Session, days: Mapping[Key, tuple[int, Values]]) -> None:
    """Add *days* to the rows of EngagementDay, each by one atomic statement; several writers may do so at once.

    Belongs in the transaction that stores the samples themselves, or a crash between the two loses or doubles a day.
    """
    if days:
        # sorted, so that two writers on PostgreSQL lock the rows in the same order
        session.execute(_upsert(session.get_bind().dialect.name), [_row(key, *days[key]) for key in sorted(days)])


@cache
def _upsert(dialect: str) -> Executable:
    table = _table()
    insert: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    summed = {
        # None only while neither side has a value
        name: func.coalesce(table.c[name] + insert.excluded[name], insert.excluded[name], table.c[name])
        for name in COUNTS
    }
    upsert: Executable = insert.on_conflict_do_update(
        index_elements=["day", "channel_id", "kind"],
        set_={"samples": table.c.samples + insert.excluded.samples, **summed},
    )
    return upsert


def rebuild(session: Session, zone: ZoneInfo) -> int:
    """Make every day that is not closed anew from the samples, as after a restored backup or another zone; answers how
    many rows.

    Reads the samples as a stream: memory holds the days only. Collectors wait meanwhile.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE engagement, engagementday IN EXCLUSIVE MODE"))
    days: Days = {}
    for _publication, rows in groupby(session.execute(_everything()), key=lambda row: row[0]):
        taken = list(rows)
        channel, kind = taken[0][1], taken[0][2].value
        for sample, gain in gains(Sample(row[3], row[4], tuple(row[5:])) for row in taken):
            credit(days, channel=channel, kind=kind, sample=sample, gain=gain, zone=zone)
    if closed := closed_until(session):
        days = {key: gained for key, gained in days.items() if key[0] > closed}
    session.execute(delete(EngagementDay).where(col(EngagementDay.day) > (closed or date.min)))
    add(session, days)
    return len(days)


def closed_until(session: Session) -> date | None:
    """The last day whose samples are not all there any more, None if all are: figures of such days stand in the
    roll-up alone."""
    found: date | None = session.scalar(select(func.max(col(EngagementDay.day))).where(col(EngagementDay.closed)))
    return found


def rolled_up(session: Session, first: date, last: date) -> dict[tuple[int, str], tuple[int, Values]]:
    """Samples and gains of the local days *first* to *last*, both included, by channel and kind."""
    table = _table()
    sums = [func.sum(table.c[name]) for name in ("samples", *COUNTS)]
    query = (
        select(table.c.channel_id, table.c.kind, *sums)
        .where(table.c.day >= first, table.c.day <= last)
        .group_by(table.c.channel_id, table.c.kind)
    )
    return {(row[0], row[1]): (int(row[2]), _whole(row[3:])) for row in session.execute(query)}


def _everything() -> Any:
    counts = [col(getattr(Engagement, name)) for name in COUNTS]
    return (
        select(
            col(Engagement.publication_id),
            col(Publication.channel_id),
            col(Release.kind),
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


def _whole(sums: Iterable[Any]) -> Values:
    return tuple(None if s is None else int(s) for s in sums)  # a sum may come as Decimal


def _row(key: Key, samples: int, values: Values) -> dict[str, Any]:
    day, channel, kind = key
    row = {"day": day, "channel_id": channel, "kind": kind, "samples": samples}
    return {**row, **dict(zip(COUNTS, values, strict=True))}


def _table() -> Table:
    return SQLModel.metadata.tables["engagementday"]
