"""Reading counts at planned ages: what is due, asked in batches, stored with its roll-up in one transaction.

A crash between reading and storing loses nothing: the plan is still not taken, so the next call reads it again. Two
collectors at once do no harm either: publications are locked while a batch is stored, and a plan that was taken
meanwhile, or a newer one, is skipped; the unique key (publication, planned) stands behind that.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import zip_longest
from operator import attrgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select, update
from sqlmodel import Session, SQLModel, col

from dissem.channels.adapter import COUNTS, Adapter, Counts, Gone, Receipt
from dissem.channels.errors import ChannelError, Throttled, Unauthorized, Unreachable
from dissem.clock import week_bounds
from dissem.config import EngagementSection
from dissem.engagement import rollup
from dissem.errors import DissemError
from dissem.models import Channel, Delivery, Engagement, Publication, Release
from dissem.store.installation import Installation

PATIENCE = timedelta(days=30)  # how long after its last plan a publication that could not be read is still tried
READERS = 32  # requests at the same time, spread over the channels

_log = logging.getLogger(__name__)
_values = attrgetter(*COUNTS)


# What is due


class Last(NamedTuple):
    """The newest plan that was taken of a publication, and when its newest sample was read; None: no sample yet."""

    planned: datetime | None = None
    at: datetime | None = None

    def covers(self, plan: datetime) -> bool:
        """Whether *plan* needs no sample any more."""
        return any(moment is not None and moment >= plan for moment in self)


def planned(
    publication: Publication, *, now: datetime, config: EngagementSection, zone: ZoneInfo, last: Last | None = None
) -> datetime | None:
    """The sample of *publication* to take now, named by the moment it was planned for; None: nothing is due.

    Plans are the ages of `config.samples`, and each Monday 00:00 of *zone* while it is younger than `config.weeks_for`.
    Of several missed plans only the newest is taken: what the counters said at the older ones cannot be read any more.
    *last* tells what was taken before; a sample read after a plan covers it.
    """
    if publication.published is None or publication.removed or publication.gone:
        return None
    return _due_plan(publication.published, last or Last(), now, config, zone)


def _due_plan(
    published: datetime, last: Last, now: datetime, config: EngagementSection, zone: ZoneInfo
) -> datetime | None:
    ages = [published + age for age in config.samples]
    weeks = _week_ends(published, now, config.weeks_for, zone)
    newest = max((moment for moment in (*ages, *weeks) if moment <= now), default=None)
    return None if newest is None or last.covers(newest) else newest


def _week_ends(published: datetime, now: datetime, weeks_for: timedelta, zone: ZoneInfo) -> Iterator[datetime]:
    """The newest end of a local week that is not after *now* and finds the publication young enough, if any."""
    monday = _monday(min(now, published + weeks_for - datetime.resolution), zone)
    if monday > published:
        yield monday


@lru_cache(maxsize=32)  # nearly every publication of one call asks for the same one
def _monday(instant: datetime, zone: ZoneInfo) -> datetime:
    _label, monday, _end = week_bounds("this", now=instant, zone=zone)
    return monday


class Due(NamedTuple):
    publication: int
    channel: int
    plan: datetime


def due(session: Session, *, now: datetime, config: EngagementSection, zone: ZoneInfo) -> list[Due]:
    """Every sample that is due, those planned last first, as they can still be taken in time.

    Looks at what was published since the longest age and `PATIENCE`, a range of the index on `published`; the newest
    plan and sample of each come from the two indexes that begin with the publication, so that no sample row is read
    and what this costs does not grow with the samples kept. Older publications are done or given up.
    """
    horizon = now - max((*config.samples, config.weeks_for)) - PATIENCE
    newest = [
        select(func.max(moment)).where(col(Engagement.publication_id) == col(Publication.id)).scalar_subquery()
        for moment in (col(Engagement.planned), col(Engagement.at))
    ]
    query = select(col(Publication.id), col(Publication.channel_id), col(Publication.published), *newest).where(
        col(Publication.published) > horizon,
        col(Publication.published) <= now,
        col(Publication.removed).is_(None),
        col(Publication.gone).is_(None),
    )
    found = []
    for number, channel, published, *last in session.execute(query):
        plan = _due_plan(published, Last(*last), now, config, zone)
        if plan is not None:
            found.append(Due(number, channel, plan))
    return sorted(found, key=lambda one: (one.plan, one.publication), reverse=True)


# Reading


@dataclass
class Collected:
    """How many publications were read, have no counts to read, are gone, and could not be read this time.

    *reasons*: the first failure of each channel, by its name, as `dissem.errors.told` reads it.
    """

    read: int = 0
    unavailable: int = 0
    gone: int = 0
    failed: int = 0
    reasons: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def failure(self, channel: Channel, error: DissemError, publications: int) -> None:
        self.failed += publications
        self.reasons.setdefault(channel.name, error.reason())


@dataclass(frozen=True)
class Batch:
    """Samples of one channel, as many as one request can carry."""

    channel: Channel
    adapter: Adapter
    samples: Sequence[Due]


Answers = Mapping[str, Counts | Gone]  # by remote id


def collect(installation: Installation, *, now: datetime, limit: int, readers: int = READERS) -> Collected:
    """Read up to *limit* due samples and store them, each batch with its roll-up in one transaction.

    Platforms are asked outside any transaction, *readers* at a time, the channels in turn so that none takes the whole
    limit. A batch that fails is counted and due again at the next call; the others go on. A channel that refuses our
    login, asks us to wait or does not answer is left alone until then.
    """
    with installation.database.read() as session:
        found = due(session, now=now, config=installation.config.engagement, zone=installation.zone)
        channels = _channels(session, {one.channel for one in found})
    total = Collected()
    batches = _in_turn(_batches(installation, found, channels, total), limit)
    stopped: set[int] = set()
    for batch, reading in _readings(installation, list(batches), stopped, readers):
        try:
            answers = reading.result()
        except ChannelError as error:
            total.failure(batch.channel, error, len(batch.samples))
        except Exception as error:  # noqa: BLE001 - a defect in one adapter must not keep the others from being read
            _log.error("measure of channel %s failed", batch.channel.name, exc_info=error)
            total.failure(batch.channel, _defect(error), len(batch.samples))
        else:
            _store(installation, batch, answers, now, total)
    return total


def _channels(session: Session, numbers: set[int]) -> dict[int, Channel]:
    found = session.scalars(select(Channel).where(col(Channel.id).in_(numbers)))
    return {channel.id: channel for channel in found if channel.id is not None}


def _batches(
    installation: Installation, found: Sequence[Due], channels: Mapping[int, Channel], total: Collected
) -> list[list[Batch]]:
    """The batches of each channel that can be asked."""
    by_channel: dict[int, list[Due]] = defaultdict(list)
    for one in found:
        by_channel[one.channel].append(one)
    lines = []
    for number, samples in by_channel.items():
        channel = channels[number]
        try:
            adapter = installation.adapters.of(channel)
        except DissemError as error:  # its settings or secrets cannot be used
            total.failure(channel, error, len(samples))
            continue
        if not adapter.facts.counts:
            total.unavailable += len(samples)
            continue
        size = adapter.facts.batch
        lines.append([Batch(channel, adapter, samples[at : at + size]) for at in range(0, len(samples), size)])
    return lines


def _in_turn(lines: Sequence[Sequence[Batch]], limit: int) -> Iterator[Batch]:
    """One batch of each channel, then the next of each, until *limit* publications are reached."""
    left = limit
    for row in zip_longest(*lines):
        for batch in row:
            if batch is not None and left > 0:
                yield replace(batch, samples=batch.samples[:left])
                left -= len(batch.samples)


def _readings(
    installation: Installation, batches: Sequence[Batch], stopped: set[int], readers: int
) -> Iterator[tuple[Batch, "Future[Answers]"]]:
    """Each batch as its answer arrives. What was not begun when the caller gives up is not asked any more."""
    pool = ThreadPoolExecutor(readers, thread_name_prefix="engagement")
    try:
        waiting = {pool.submit(_measure, installation, batch, stopped): batch for batch in batches}
        for done in as_completed(waiting):
            yield waiting.pop(done), done  # popped, so that answers do not pile up
    finally:
        pool.shutdown(cancel_futures=True)


def _measure(installation: Installation, batch: Batch, stopped: set[int]) -> Answers:
    """What the platform says of *batch*; nothing if its channel was stopped meanwhile. One that refuses our login, asks
    us to wait or does not answer is stopped here, before the next batch can begin."""
    channel = batch.samples[0].channel
    if channel in stopped:
        return {}
    numbers = [sample.publication for sample in batch.samples]
    query = select(col(Publication.remote_id), col(Publication.url), col(Publication.also))
    with installation.database.read() as session:
        rows = session.execute(query.where(col(Publication.id).in_(numbers))).all()
    try:
        return batch.adapter.measure([Receipt(remote_id, url, tuple(also)) for remote_id, url, also in rows])
    except (Unauthorized, Throttled, Unreachable):
        stopped.add(channel)
        raise


def _defect(error: Exception) -> DissemError:
    return DissemError(
        "The adapter made a mistake ({error}).", hint="The log says more; tell its authors.", error=type(error).__name__
    )


# Storing


class Read(NamedTuple):
    """One publication of a batch with what the platform said of it; None: nothing this time."""

    publication: int
    kind: str
    plan: datetime
    answer: Counts | Gone | None


def _store(installation: Installation, batch: Batch, answers: Answers, now: datetime, total: Collected) -> None:
    """Samples, what is gone, and the roll-up, as one transaction. What the platform left out stays due."""
    if not answers:
        total.failed += len(batch.samples)
        return
    with installation.database.write() as session:
        reads = _locked(session, batch, answers)
        gone = [one.publication for one in reads if isinstance(one.answer, Gone)]
        session.execute(update(Publication).where(col(Publication.id).in_(gone)).values(gone=now))
        kept = _keep(session, batch, reads, now, installation.zone)
    total.read += kept
    total.gone += len(gone)
    total.failed += sum(one.answer is None for one in reads)


def _locked(session: Session, batch: Batch, answers: Answers) -> list[Read]:
    """The publications of *batch* that are still there, locked in one order, so that no other collector adds to them.

    SQLite locks the whole database when a write begins; there FOR UPDATE says nothing.
    """
    plans = {sample.publication: sample.plan for sample in batch.samples}
    query = (
        select(col(Publication.id), col(Publication.remote_id), col(Release.kind))
        .join(Delivery, col(Delivery.id) == col(Publication.delivery_id))
        .join(Release, col(Release.id) == col(Delivery.release_id))
        .where(col(Publication.id).in_(plans), col(Publication.removed).is_(None), col(Publication.gone).is_(None))
        .order_by(col(Publication.id))
        .with_for_update(of=Publication, key_share=True)
    )
    return [Read(n, kind.value, plans[n], answers.get(remote_id)) for n, remote_id, kind in session.execute(query)]


def _keep(session: Session, batch: Batch, reads: Sequence[Read], now: datetime, zone: ZoneInfo) -> int:
    """Store the samples nobody else stored meanwhile, and what they gained; answers how many."""
    earlier = _earlier(session, [one.publication for one in reads])
    days: rollup.Days = {}
    rows = []
    for one in reads:
        before, last = earlier.get(one.publication, (rollup.NOTHING, Last()))
        if not isinstance(one.answer, Counts) or last.covers(one.plan):
            continue
        values = _values(one.answer)
        sample, gain = rollup.Sample(one.plan, now, values), rollup.gained(values, before)
        rollup.credit(days, channel=batch.samples[0].channel, kind=one.kind, sample=sample, gain=gain, zone=zone)
        counts = dict(zip(COUNTS, values, strict=True))
        rows.append(
            {"publication_id": one.publication, "planned": one.plan, "at": now, "raw": dict(one.answer.raw), **counts}
        )
    if rows:
        session.execute(insert(SQLModel.metadata.tables["engagement"]), rows)  # without the ORM: half the time
    rollup.add(session, days)
    return len(rows)


def _earlier(session: Session, publications: Sequence[int]) -> dict[int, tuple[rollup.Values, Last]]:
    """Of each publication with samples: the last known value of every count, and the last plan and reading."""
    counts = [col(getattr(Engagement, name)) for name in COUNTS]
    query = (
        select(col(Engagement.publication_id), col(Engagement.planned), col(Engagement.at), *counts)
        .where(col(Engagement.publication_id).in_(publications))
        .order_by(col(Engagement.publication_id), col(Engagement.at))
    )
    found: dict[int, tuple[rollup.Values, Last]] = {}
    for number, planned_for, at, *values in session.execute(query):
        before, last = found.get(number, (rollup.NOTHING, Last(planned_for, at)))
        newest = Last(max(planned_for, last.planned), at)
        found[number] = (rollup.known(tuple(values), before), newest)
    return found
