"""Followers of each account, once a local day."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from dissem.channels.adapter import Adapter
from dissem.clock import local_day
from dissem.engagement.outcomes import Outcomes
from dissem.errors import DissemError
from dissem.models import AccountDay, Channel, Reading
from dissem.store.installation import Installation

READERS = 8

_log = logging.getLogger(__name__)


@dataclass
class Followed:
    """How many accounts were read, and of those that could not be, the reason by channel."""

    read: int = 0
    reasons: dict[str, Any] = field(default_factory=dict)


def count_followers(installation: Installation, *, now: datetime, readers: int = READERS) -> Followed:
    """Ask every platform that tells, for each channel that was not asked today; what fails is asked again next time."""
    followed, outcomes = Followed(), Outcomes(now, beside=True)
    with installation.database.read() as session:
        channels = _unread(session, installation, now)
    asked = list(_askable(installation, channels))
    with ThreadPoolExecutor(readers, thread_name_prefix="followers") as pool:
        waiting = {pool.submit(adapter.followers): channel for channel, adapter in asked}
        for done in as_completed(waiting):
            channel = waiting[done]
            try:
                followers = done.result()
            except DissemError as error:
                outcomes.failed(channel.id or 0, error)
                followed.reasons[channel.name] = error.reason()
            except Exception as error:  # noqa: BLE001 - a defect in one adapter must not hide the other accounts
                _log.error("followers of channel %s could not be read", channel.name, exc_info=error)
            else:
                outcomes.answered(channel.id or 0)
                followed.read += followers is not None
                _keep(installation, channel, followers, now)
    outcomes.keep(installation.database)
    return followed


def _unread(session: Session, installation: Installation, now: datetime) -> list[Channel]:
    """Connected channels without a row of today, and not told to wait."""
    today = local_day(now, installation.zone)
    known = select(AccountDay.channel_id).where(AccountDay.day == today)
    paused = select(Reading.channel_id).where(col(Reading.free_at) > now)
    query = select(Channel).where(
        col(Channel.id).not_in(known), col(Channel.id).not_in(paused), col(Channel.account).is_not(None)
    )
    return list(session.exec(query).all())


def _askable(installation: Installation, channels: list[Channel]) -> Iterator[tuple[Channel, Adapter]]:
    for channel in channels:
        try:
            adapter = installation.adapters.of(channel)
        except DissemError:  # its settings or secrets cannot be used: the doctor says so
            continue
        if type(adapter).followers is not Adapter.followers:
            yield channel, adapter


def _keep(installation: Installation, channel: Channel, followers: int | None, now: datetime) -> None:
    if followers is None:
        return
    row = {
        "channel_id": channel.id,
        "day": local_day(now, installation.zone),
        "at": now,
        "followers": followers,
    }
    dialect: Any = postgresql if not installation.database.is_sqlite else sqlite
    with installation.database.write() as session:
        session.execute(dialect.insert(AccountDay).on_conflict_do_nothing(), [row])
