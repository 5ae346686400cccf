"""Reading counts: what is due, asked in batches, stored with its roll-up in one transaction.

A crash between reading and storing loses nothing: the plan is still not taken, so the next call reads it again. Two
collectors at once do no harm either, see `dissem.engagement.storing`.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from dissem.channels.adapter import Counts, Gone
from dissem.channels.errors import ChannelError, Throttled, Unauthorized, Unreachable
from dissem.channels.registry import adapter_class
from dissem.engagement.asking import Batch, addressed, cut, in_turn
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


Answers = Mapping[str, Counts | Gone]  # by remote id
Answered = tuple[Batch, Answers]


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
    batches = in_turn(_batches(installation, found, channels, total), limit)
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
    installation: Installation, found: Mapping[int, Sequence[Due]], channels: Mapping[int, Channel], total: Collected
) -> list[Iterator[Batch]]:
    """The batches of each channel that can be asked."""
    lines = []
    for number, samples in found.items():
        channel = channels[number]
        try:
            adapter = installation.adapters.of(channel)
        except DissemError as error:  # its settings or secrets cannot be used
            total.failure(channel, error, len(samples))
            continue
        if not adapter.facts.counts:
            total.unavailable += len(samples)
            continue
        lines.append(cut(channel, adapter, samples))
    return lines


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
            for batch in _addressed(installation, list(islice(batches, 2 * readers - len(waiting)))):
                waiting[pool.submit(_measure, batch, stopped)] = batch
            if not waiting:
                return
            done, _others = wait(waiting, return_when=FIRST_COMPLETED)
            yield [(waiting.pop(one), one) for one in list(done)[:TOGETHER]]
    finally:
        pool.shutdown(cancel_futures=True)


def _addressed(installation: Installation, batches: Sequence[Batch]) -> Sequence[Batch]:
    if not batches:
        return batches
    with installation.database.read() as session:
        return addressed(session, batches)


def _measure(batch: Batch, stopped: set[int]) -> Answered:
    """What the platform says of *batch*; nothing if its channel was stopped meanwhile. One that refuses our login, asks
    us to wait or does not answer is stopped here, before the next batch can begin."""
    channel = batch.channel.id or 0
    if channel in stopped:
        return batch, {}
    try:
        return batch, batch.adapter.measure([receipt for receipt, _post in batch.posts])
    except (Unauthorized, Throttled, Unreachable):
        stopped.add(channel)
        raise


def _settled(done: Readings, total: Collected, outcomes: Outcomes) -> Iterator[Answered]:
    """What was answered; what failed is counted."""
    for batch, reading in done:
        number = batch.channel.id or 0
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
            if answered[1]:
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
        Read(publication, plan, post, answers.get(receipt.id), batch.adapter.facts.counts)
        for batch, answers in answered
        for (plan, publication, _published), (receipt, post) in zip(batch.samples, batch.posts, strict=True)
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
