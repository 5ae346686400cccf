"""Posts on our accounts that dissem did not make: by hand, or by somebody who has taken the account over.

With every reading the account's own list is looked through from where the last look ended. A post is ours if a proof
names it, on any channel of the same account. One that may be what a delivery in doubt has left there is looked at again
next time. Everything else is recorded once and told until a person says that it is the office's own.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import or_
from sqlmodel import Session, col, select

from dissem.channels.adapter import Adapter, Seen, plain, same_text
from dissem.channels.errors import ChannelError
from dissem.engagement.outcomes import Outcomes, rows_of
from dissem.errors import DissemError
from dissem.models import Attempt, Channel, Delivery, ForeignPost, Held, Part, Publication, Reading, State
from dissem.store.installation import Installation

READERS = 8
FIRST_LOOK = timedelta(days=1)  # how far the first look at an account goes back
OVERLAP = timedelta(minutes=10)  # beyond the platform's own lag: clocks differ
UNSEEN = timedelta(days=1)  # an account that was not looked through for so long is told
DOUBT = timedelta(hours=12)  # how long after an attempt what it left may appear
SHOWN = 200  # characters of a text that are kept

_log = logging.getLogger(__name__)
_DOUBTFUL = (State.PUBLISHING, State.PROCESSING, State.UNKNOWN)


@dataclass
class Watched:
    """How many accounts were looked through, how many posts were found that are not ours, and what failed."""

    accounts: int = 0
    found: int = 0
    reasons: dict[str, Any] = field(default_factory=dict)


def watch(installation: Installation, *, now: datetime, readers: int = READERS) -> Watched:
    """Look through every account that can be listed. Paused channels too: a taken-over account may be why."""
    watched, outcomes = Watched(), Outcomes(now, beside=True)
    with installation.database.read() as session:
        asked = list(_askable(installation, session, now))
    with ThreadPoolExecutor(readers, thread_name_prefix="watch") as pool:
        waiting = {pool.submit(adapter.recent, since): (channel, since) for channel, adapter, since in asked}
        for done in as_completed(waiting):
            channel, since = waiting[done]
            try:
                seen = done.result()
            except ChannelError as error:
                outcomes.failed(channel.id or 0, error)
                watched.reasons[channel.name] = error.reason()
            except Exception as error:  # noqa: BLE001 - a defect in one adapter must not blind the others
                _log.error("the account of channel %s could not be listed", channel.name, exc_info=error)
            else:
                outcomes.answered(channel.id or 0)
                watched.accounts += 1
                watched.found += _record(installation, channel, seen, since, now)
    outcomes.keep(installation.database)
    return watched


def _askable(
    installation: Installation, session: Session, now: datetime
) -> Iterator[tuple[Channel, Adapter, datetime]]:
    """Each channel that can be listed, and since when."""
    readings = {row.channel_id: row for row in session.exec(select(Reading)).all()}
    for channel in session.exec(select(Channel).where(col(Channel.account).is_not(None))).all():
        reading = readings.get(channel.id or 0)
        if reading and reading.free_at and reading.free_at > now:
            continue
        try:
            adapter = installation.adapters.of(channel)
        except DissemError:  # its settings or secrets cannot be used: the doctor says so
            continue
        if adapter.watches:
            watched = reading.watched if reading else None
            since = watched - adapter.facts.lag - OVERLAP if watched else now - FIRST_LOOK
            yield channel, adapter, max(since, channel.created)


def _record(installation: Installation, channel: Channel, seen: Sequence[Seen], since: datetime, now: datetime) -> int:
    """Write down what is not ours, and how far was looked; answers how many are new."""
    with installation.database.write() as session:
        (reading,) = rows_of(session, [channel.id or 0])
        same = _same_account(session, channel)
        _settle(session, channel, same)
        unknown = [one for one in seen if one.at >= channel.created and not _told(session, channel, one)]
        unknown = _not_ours(session, unknown, same, since)
        foreign, waiting = _parted(unknown, _doubts(session, same, since), now)
        session.add_all(_row(channel, one, now) for one in foreign)
        reading.watched = min([now, *(one.at for one in waiting)])
    if foreign:
        newest = max(foreign, key=lambda one: one.at)
        _log.warning(
            "channel %s shows %d posts that dissem did not make, the newest is %s",
            channel.name,
            len(foreign),
            newest.url or newest.id,
        )
    return len(foreign)


def _row(channel: Channel, one: Seen, now: datetime) -> ForeignPost:
    return ForeignPost(
        channel_id=channel.id or 0,
        account=channel.account or "",
        remote_id=one.id,
        at=one.at,
        url=one.url,
        text=" ".join(one.text.split())[:SHOWN],
        seen=now,
    )


def _told(session: Session, channel: Channel, one: Seen) -> bool:
    """Whether this post was recorded before."""
    query = select(ForeignPost.id).where(
        ForeignPost.channel_id == channel.id,
        ForeignPost.account == (channel.account or ""),
        ForeignPost.remote_id == one.id,
    )
    return session.exec(query).first() is not None


def _same_account(session: Session, channel: Channel) -> list[int]:
    """Channels of this account, as one for posts and one for stories."""
    family = channel.platform.partition("-")[0]
    query = select(Channel.id, Channel.platform).where(Channel.account == channel.account)
    return [number for number, platform in session.exec(query).all() if number and platform.partition("-")[0] == family]


def _not_ours(session: Session, seen: Sequence[Seen], channels: Collection[int], since: datetime) -> list[Seen]:
    """Those of *seen* that no proof names, by any id or by the link."""
    if not seen:
        return []
    ours = _names(session, {name for one in seen for name in _names_of(one)}, channels, since)
    return [one for one in seen if not ours.intersection(_names_of(one))]


def _names_of(one: Seen) -> set[str]:
    return {one.id, *one.also, *([one.url] if one.url else [])}


def _names(session: Session, wanted: Collection[str], channels: Collection[int], since: datetime) -> set[str]:
    """Ids and links of our publications that are among *wanted*, or of the time that is looked at."""
    young = or_(col(Publication.published).is_(None), col(Publication.published) >= since - DOUBT)
    query = select(Publication.remote_id, Publication.url, Publication.also).where(
        col(Publication.channel_id).in_(channels), or_(col(Publication.remote_id).in_(wanted), young)
    )
    return {name for remote_id, url, also in session.exec(query).all() for name in (remote_id, url, *also) if name}


# What a delivery in doubt may have left there


Doubt = tuple[datetime, str]  # when it was tried, and what it says


def _doubts(session: Session, channels: Collection[int], since: datetime) -> list[Doubt]:
    query = (
        select(Attempt.started, Part.post)
        .join(Part, col(Part.id) == col(Attempt.part_id))
        .join(Delivery, col(Delivery.id) == col(Attempt.delivery_id))
        .where(
            col(Delivery.channel_id).in_(channels),
            Attempt.started >= since - DOUBT,
            or_(
                col(Delivery.state).in_(_DOUBTFUL),
                col(Delivery.ambiguous),
                col(Delivery.doubtful_parts) > 0,
                col(Delivery.held) == Held.HANDED,
            ),
        )
    )
    return [(started, str(post.get("text") or "")) for started, post in session.exec(query).all()]


def _parted(seen: Iterable[Seen], doubts: Sequence[Doubt], now: datetime) -> tuple[list[Seen], list[Seen]]:
    """Those that are foreign, and those that may come from a delivery in doubt. A doubt that lasts longer than `DOUBT`
    hides nothing any more: the notice is taken back if the post turns out to be ours."""
    foreign: list[Seen] = []
    waiting: list[Seen] = []
    for one in seen:
        young = one.at > now - DOUBT
        (waiting if young and any(_may_be(one, *doubt) for doubt in doubts) else foreign).append(one)
    return foreign, waiting


def _may_be(one: Seen, started: datetime, text: str) -> bool:
    timely = started - OVERLAP <= one.at <= started + DOUBT
    return timely and (same_text(text, one.text) or not plain(one.text) or not plain(text))


# Afterwards


def _settle(session: Session, channel: Channel, channels: Collection[int]) -> None:
    """A notice whose post turned out to be ours, as when a late receipt came, is taken back."""
    query = select(ForeignPost).where(ForeignPost.channel_id == channel.id, col(ForeignPost.known).is_(None))
    for notice in session.exec(query).all():
        named = col(Publication.remote_id) == notice.remote_id
        if notice.url:
            named = or_(named, col(Publication.url) == notice.url)
        if session.exec(select(Publication.id).where(col(Publication.channel_id).in_(channels), named)).first():
            session.delete(notice)


def open_notices(session: Session, agency: str | None = None) -> list[tuple[ForeignPost, Channel]]:
    """Posts that nobody has said to be the office's own, newest first; of one agency's channels, or of all."""
    query = (
        select(ForeignPost, Channel)
        .join(Channel, col(Channel.id) == col(ForeignPost.channel_id))
        .where(col(ForeignPost.known).is_(None))
        .order_by(col(ForeignPost.at).desc(), col(ForeignPost.id).desc())
    )
    return list(session.exec(query if agency is None else query.where(Channel.agency == agency)).all())


def ailments(session: Session) -> Iterator[DissemError]:
    """One sentence a channel, for the doctor: posts that are not ours, and accounts that nobody sees any more."""
    for channel, reading in _unwatched(session):
        yield DissemError(
            "The account of channel {channel} could not be looked through since {when}, so foreign posts there would "
            "not be noticed.",
            hint="Check its login: dissem channel check {channel}",
            channel=channel.name,
            when=reading.watched and reading.watched.date().isoformat(),
        )
    by_channel: dict[str, list[ForeignPost]] = {}
    for notice, channel in open_notices(session):
        by_channel.setdefault(channel.name, []).append(notice)
    for name, notices in sorted(by_channel.items()):
        yield DissemError(
            "{n} posts on the account of channel {channel} were not made by dissem, the newest on {when}: {link}",
            hint="If they are your own: dissem engagement foreign --known {channel}. "
            "If not, somebody else has the login: change it at the platform, then dissem channel pause {channel}",
            n=len(notices),
            channel=name,
            when=notices[0].at.date().isoformat(),
            link=notices[0].url or notices[0].remote_id,
        )


def _unwatched(session: Session) -> list[tuple[Channel, Reading]]:
    """Channels whose account was not looked through for long, though others' were: a daemon that stands still is told
    by itself."""
    query = select(Channel, Reading).join(Reading, col(Reading.channel_id) == col(Channel.id))
    rows = list(session.exec(query.where(col(Reading.watched).is_not(None)).order_by(Channel.name)).all())
    newest = max((row.watched for _channel, row in rows if row.watched), default=datetime.max.replace(tzinfo=UTC))
    return [(channel, row) for channel, row in rows if row.watched and row.watched < newest - UNSEEN]
