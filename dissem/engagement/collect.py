"""Reading counts: what is due, asked in batches, stored with its roll-up in one transaction.

A crash between reading and storing loses nothing: the plan is still not taken, so the next call reads it again. Two
collectors at once do no harm either, see `dissem.engagement.storing`.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import islice, zip_longest
from typing import Any

from sqlalchemy import Select, Text, bindparam, cast, select
from sqlmodel import Session, SQLModel

from dissem.channels.adapter import Adapter, Counts, Gone, Receipt
from dissem.channels.errors import ChannelError, Throttled, Unauthorized, Unreachable
from dissem.channels.registry import adapter_class
from dissem.engagement.outcomes import Outcomes
from dissem.engagement.plans import Due, due
from dissem.engagement.storing import Read, Stored, store
from dissem.errors import DissemError
from dissem.models import Channel
from dissem.store.installation import Installation

READERS = 32  # requests at the same time, spread over the channels
TOGETHER = 16  # batches stored in one transaction at most, so that no other writer waits long

_log = logging.getLogger(__name__)


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
Answered = tuple[Batch, Mapping[int, str], Answers]  # with the remote id of each publication


def collect(installation: Installation, *, now: datetime, limit: int, readers: int = READERS) -> Collected:
    """Read up to *limit* due samples and store them, each batch whole with its roll-up in one transaction.

    Platforms are asked outside any transaction, *readers* at a time, the channels in turn so that none takes the whole
    limit. A batch that fails is counted and due again at the next call; the others go on. A channel that refuses our
    login, asks us to wait or does not answer is left alone for this call; one that said how long to wait, until then.
    """
    with installation.database.read() as session:
        channels = _channels(session)
        lasts = {number: span for number, channel in channels.items() if (span := _lasts(channel))}
        config, zone = installation.config.engagement, installation.zone
        found = due(session, now=now, config=config, zone=zone, lasts=lasts)
    total, outcomes = Collected(), Outcomes(now)
    batches = _in_turn(_batches(installation, found, channels, total), limit)
    for done in _readings(installation, batches, readers):
        answered = list(_settled(done, total, outcomes))
        stored = _store(installation, answered, now)
        total.read += stored.kept
        total.gone += len(stored.gone)
        total.failed += stored.left_out
        _tell_gone(stored, channels)
    outcomes.keep(installation.database)
    return total


def _channels(session: Session) -> dict[int, Channel]:
    return {channel.id: channel for channel in session.scalars(select(Channel)) if channel.id is not None}


def _lasts(channel: Channel) -> timedelta | None:
    """How long posts of *channel* are shown; None: for ever, or nobody knows its platform."""
    try:
        return adapter_class(channel.platform).facts.lasts
    except DissemError:
        return None


def _batches(
    installation: Installation, found: Sequence[Due], channels: Mapping[int, Channel], total: Collected
) -> list[Iterator[Batch]]:
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
        lines.append(_cut(channel, adapter, samples))
    return lines


def _cut(channel: Channel, adapter: Adapter, samples: Sequence[Due]) -> Iterator[Batch]:
    size = adapter.facts.batch
    return (Batch(channel, adapter, samples[at : at + size]) for at in range(0, len(samples), size))


def _in_turn(lines: Sequence[Iterator[Batch]], limit: int) -> Iterator[Batch]:
    """One batch of each channel, then the next of each, until *limit* publications are reached."""
    left = limit
    for row in zip_longest(*lines):
        for batch in row:
            if batch is not None and left > 0:
                yield replace(batch, samples=batch.samples[:left])
                left -= len(batch.samples)


# Reading


Readings = list[tuple[Batch, "Future[Answered]"]]


def _readings(installation: Installation, batches: Iterator[Batch], readers: int) -> Iterator[Readings]:
    """The batches that are answered, several at a time where several are. Twice as many as there are readers are in
    hand, so that none waits for the storing and answers do not pile up. When the caller gives up, no more are asked."""
    stopped: set[int] = set()
    waiting: dict[Future[Answered], Batch] = {}
    pool = ThreadPoolExecutor(readers, thread_name_prefix="engagement")
    try:
        while True:
            for batch in islice(batches, 2 * readers - len(waiting)):
                waiting[pool.submit(_measure, installation, batch, stopped)] = batch
            if not waiting:
                return
            done, _others = wait(waiting, return_when=FIRST_COMPLETED)
            yield [(waiting.pop(one), one) for one in list(done)[:TOGETHER]]
    finally:
        pool.shutdown(cancel_futures=True)


def _measure(installation: Installation, batch: Batch, stopped: set[int]) -> Answered:
    """What the platform says of *batch*; nothing if its channel was stopped meanwhile. One that refuses our login, asks
    us to wait or does not answer is stopped here, before the next batch can begin."""
    channel = batch.samples[0].channel
    if channel in stopped:
        return batch, {}, {}
    with installation.database.read() as session:
        rows = session.connection().execute(_receipts(), {"numbers": [one.publication for one in batch.samples]}).all()
    receipts = [Receipt(remote_id, url, _names(also)) for _number, remote_id, url, also in rows]
    try:
        answers = batch.adapter.measure(receipts)
    except (Unauthorized, Throttled, Unreachable):
        stopped.add(channel)
        raise
    return batch, {number: remote_id for number, remote_id, *_rest in rows}, answers


@cache
def _receipts() -> Select[Any]:
    table = SQLModel.metadata.tables["publication"]
    return select(table.c.id, table.c.remote_id, table.c.url, cast(table.c.also, Text)).where(
        table.c.id.in_(bindparam("numbers", expanding=True))
    )


def _names(also: str) -> tuple[str, ...]:
    """The list in *also*, which is empty mostly, and then not worth to be decoded."""
    return tuple(json.loads(also)) if also != "[]" else ()


def _settled(done: Readings, total: Collected, outcomes: Outcomes) -> Iterator[Answered]:
    """What was answered; what failed is counted."""
    for batch, reading in done:
        number = batch.samples[0].channel
        try:
            answered = reading.result()
        except ChannelError as error:
            total.failure(batch.channel, error, len(batch.samples))
            outcomes.failed(number, error)
        except Exception as error:  # noqa: BLE001 - a defect in one adapter must not keep the others from being read
            _log.error("measure of channel %s failed", batch.channel.name, exc_info=error)
            total.failure(batch.channel, _defect(error), len(batch.samples))
            outcomes.failed(number, _defect(error))
        else:
            if answered[2]:
                outcomes.answered(number)
            yield answered


def _defect(error: Exception) -> DissemError:
    return DissemError(
        "The adapter made a mistake ({error}).", hint="The log says more; tell its authors.", error=type(error).__name__
    )


# Storing


def _store(installation: Installation, answered: Sequence[Answered], now: datetime) -> Stored:
    """Samples, what is gone, and the roll-up, as one transaction. What the platform left out stays due."""
    reads = [
        Read(one.publication, one.channel, one.plan, answers.get(names.get(one.publication, "")), counts)
        for batch, names, answers in answered
        for counts in (batch.adapter.facts.counts,)
        for one in batch.samples
    ]
    if not any(one.answer for one in reads):
        return Stored(left_out=len(reads))
    with installation.database.write() as session:
        young = installation.config.engagement.weeks_for
        return store(session, reads, now=now, zone=installation.zone, young=young)


def _tell_gone(stored: Stored, channels: Mapping[int, Channel]) -> None:
    """Once: what is marked as gone is not asked for again."""
    for channel, name in stored.gone:
        _log.warning("a post of channel %s is no longer at the platform: %s", channels[channel].name, name)
