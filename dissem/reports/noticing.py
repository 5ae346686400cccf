"""What the report reads from the ledger beside the counts: a query each, over an index."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlmodel import Session, col

from dissem.channels.adapter import COUNTS
from dissem.engagement import foreign, ledger, outcomes
from dissem.engagement.rollup import closed_until
from dissem.models import AccountDay, Channel, Engagement, Publication
from dissem.reports.noticed import Failing, FollowersRow, Foreign, Noticed, Untold, Vanished

NEAR = timedelta(days=14)  # how old the reading of followers may be that a period is compared with


def noticed(
    session: Session,
    start: datetime,
    end: datetime,
    days: tuple[date, date],
    *,
    agency: str | None = None,
) -> Noticed:
    """Of the period [start, end), whose first and last local days are *days*. *agency*: only what concerns its channels
    or releases."""
    return Noticed(
        vanished=tuple(_vanished(session, start, end, agency)),
        foreign=tuple(_foreign(session, end, agency)),
        failing=tuple(_failing(session, end, agency)),
        untold=tuple(_untold(session, start, end, agency)),
        followers=tuple(_followers(session, *days, agency)),
        closed=closed_until(session),
    )


def _vanished(session: Session, start: datetime, end: datetime, agency: str | None) -> Iterator[Vanished]:
    for one in ledger.gone(session, start, end):
        if agency in (None, one.agency, one.owner):
            yield Vanished(
                one.release, one.title, one.channel, one.platform, one.agency, one.url, one.published, one.gone
            )


def _foreign(session: Session, end: datetime, agency: str | None) -> Iterator[Foreign]:
    """What was made before the end, newest first."""
    for notice, channel in foreign.open_notices(session, agency):
        if notice.at < end:
            yield Foreign(channel.name, channel.platform, channel.agency, notice.at, notice.url, notice.text)


def _failing(session: Session, end: datetime, agency: str | None) -> Iterator[Failing]:
    for channel, reading in outcomes.failing(session):
        if reading.failing and reading.failing < end and agency in (None, channel.agency):
            yield Failing(channel.name, channel.platform, channel.agency, reading.failing, reading.reason)


# Figures that were not told


def _untold(session: Session, start: datetime, end: datetime, agency: str | None) -> Iterator[Untold]:
    """By platform, count and reason, in that order."""
    posts, channels = _without(session, start, end, agency)
    order = {name: place for place, name in enumerate(COUNTS)}
    for platform, count, why in sorted(posts, key=lambda key: (key[0], order.get(key[1], 99), key[2])):
        key = platform, count, why
        yield Untold(platform, count, why, len(posts[key]), len(channels[key]))


def _without(session: Session, start: datetime, end: datetime, agency: str | None) -> tuple[Any, Any]:
    """Posts and channels, by platform, count and reason."""
    posts, channels = defaultdict(set), defaultdict(set)
    for publication, channel, platform, missing in session.execute(_missing(agency), {"start": start, "end": end}):
        for count, why in (missing or {}).items():
            posts[platform, count, why].add(publication)
            channels[platform, count, why].add(channel)
    return posts, channels


@cache
def _missing(agency: str | None) -> Any:
    query = (
        select(col(Publication.id), col(Channel.id), col(Channel.platform), col(Engagement.missing))
        .join(Publication, col(Publication.id) == col(Engagement.publication_id))
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .where(col(Engagement.missing).is_not(None))
        .where(col(Engagement.at) > bindparam("start"), col(Engagement.at) <= bindparam("end"))
        .distinct()
    )
    return _of(query, agency)


def _of(query: Any, agency: str | None) -> Any:
    return query if agency is None else query.where(col(Channel.agency) == agency)


# Followers


def _followers(session: Session, first: date, last: date, agency: str | None) -> Iterator[FollowersRow]:
    """Those that changed most first."""
    now = _newest(session, first, last, agency)
    before = _newest(session, first - NEAR, first - timedelta(days=1), agency)
    rows = (
        FollowersRow(channel, platform, own, followers, before[number][3] if number in before else None)
        for number, (channel, platform, own, followers) in now.items()
    )
    yield from sorted(rows, key=lambda row: (-abs(row.change or 0), row.agency, row.channel))


def _newest(session: Session, first: date, last: date, agency: str | None) -> Mapping[int, tuple[str, str, str, int]]:
    """By the number of the channel, what the last reading of these days told."""
    rows = session.execute(_followed(agency), {"first": first, "last": last})
    return {number: (*row,) for number, *row in rows}


@cache
def _followed(agency: str | None) -> Any:
    day = (
        select(col(AccountDay.channel_id).label("channel"), func.max(col(AccountDay.day)).label("day"))
        .where(col(AccountDay.day) >= bindparam("first"), col(AccountDay.day) <= bindparam("last"))
        .group_by(col(AccountDay.channel_id))
        .subquery()
    )
    query = (
        select(
            col(Channel.id), col(Channel.name), col(Channel.platform), col(Channel.agency), col(AccountDay.followers)
        )
        .join(AccountDay, col(AccountDay.channel_id) == col(Channel.id))
        .join(day, (day.c.channel == col(AccountDay.channel_id)) & (day.c.day == col(AccountDay.day)))
    )
    return _of(query, agency)
