"""The weekly report as figures: what went out, what it gained, what failed, who was silent. No words, no layout.

What was gained in a week is, publication by publication and count by count, the last known value by the week's end
minus the last known value by its beginning; `dissem.engagement.rollup` says which moment a sample counts for, and its
daily rows are compared with the samples each time (`differs`). Deliveries belong to the week they were published in,
[start, end); samples to the week they close, (start, end].

A figure that nobody could read is None. A sum takes what is available and says of how many publications that was.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from statistics import median
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlmodel import Session, col

from dissem.channels.adapter import COUNTS
from dissem.clock import local_day, week_bounds
from dissem.config import EngagementSection
from dissem.engagement.rollup import NOTHING, TOLERANCE, Sample, Values, day_of, gains, plus, rolled_up
from dissem.models import Agency, Channel, ChannelState, Delivery, Engagement, Publication, Release, State
from dissem.store.installation import Installation

FAILURES = (State.REFUSED, State.MISSED)
OPEN = (State.HELD, State.UNKNOWN)
WEEKS_FOR = EngagementSection().weeks_for


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What every row of the report says."""

    published: int  # deliveries published in the week
    measured: int  # publications with a sample that counts for the week
    late: int  # of them, with a sample taken too late for its plan
    fallen: int  # of them, with a count that is lower than when the week began
    gained: Mapping[str, int | None]  # by COUNTS, in the week
    available: Mapping[str, int]  # by COUNTS: publications that figure was available for


@dataclass(frozen=True, kw_only=True)
class Totals(Tally):
    releases: int  # published in the week, on whatever many channels
    cancelled: int  # deliveries a person cancelled in the week


@dataclass(frozen=True, kw_only=True)
class ChannelRow(Tally):
    channel: str
    platform: str
    agency: str


@dataclass(frozen=True, kw_only=True)
class AgencyRow(Tally):
    """Of the agency's channels, whoever's release went out there; *releases* are its own, on whatever channel."""

    agency: str
    name: str
    releases: int


@dataclass(frozen=True, kw_only=True)
class KindRow(Tally):
    kind: str
    releases: int


@dataclass(frozen=True)
class Link:
    """Where one part can be seen, or could: *gone* when it was taken down or found missing."""

    channel: str
    url: str | None
    published: datetime
    gone: datetime | None


@dataclass(frozen=True, kw_only=True)
class ReleaseRow(Tally):
    """A release published in the week, or an older one (*published* is 0) read in it. Links are those of the week."""

    release: int
    title: str
    kind: str
    agency: str
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Trouble:
    """A delivery that failed or is held. *reason* as the row keeps it: `dissem.errors.told` makes it readable."""

    delivery: int
    release: int
    title: str
    channel: str
    agency: str
    state: str
    held: str | None
    due: datetime
    since: datetime
    reason: Mapping[str, Any] | None


@dataclass(frozen=True)
class Punctuality:
    """Seconds from due to published; None without deliveries. *worst_delivery*: the number of the latest one."""

    deliveries: int
    median: float | None
    worst: float | None
    worst_delivery: int | None


@dataclass(frozen=True)
class SilentAgency:
    """Nothing of its own was published anywhere, and nothing on its channels."""

    agency: str
    name: str


@dataclass(frozen=True)
class SilentChannel:
    channel: str
    agency: str
    paused: bool


@dataclass(frozen=True)
class Silent:
    agencies: tuple[SilentAgency, ...]
    channels: tuple[SilentChannel, ...]


@dataclass(frozen=True)
class WeeklyReport:
    """One ISO week, from *start* to the exclusive *end*, as known at *made*."""

    week: str
    start: datetime
    end: datetime
    zone: ZoneInfo
    office: str
    made: datetime
    totals: Totals
    punctuality: Punctuality
    channels: tuple[ChannelRow, ...]
    agencies: tuple[AgencyRow, ...]
    kinds: tuple[KindRow, ...]
    releases: tuple[ReleaseRow, ...]
    failures: tuple[Trouble, ...]  # refused or missed in the week
    holds: tuple[Trouble, ...]  # held or unknown now, whichever week up to this one it began in
    silent: Silent
    unread: int  # publications that should have been read at the week's end and were not in time
    differs: int  # channels whose daily roll-up is not what the samples say

    @property
    def over(self) -> bool:
        """Whether the week had ended when the report was made."""
        return self.made >= self.end


def of_week(installation: Installation, week: str, *, planned: datetime, now: datetime) -> WeeklyReport:
    """The report of *week* ("2026-W47", "this" or "last", the two seen from *planned*) as this office files it."""
    config = installation.config
    label, start, end = week_bounds(week, now=planned, zone=installation.zone)
    with installation.database.read() as session:
        return weekly(
            session,
            week=label,
            start=start,
            end=end,
            zone=installation.zone,
            now=now,
            office_name=config.office.name,
            weeks_for=config.engagement.weeks_for,
        )


def weekly(
    session: Session,
    *,
    week: str,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    now: datetime,
    office_name: str,
    weeks_for: timedelta = WEEKS_FOR,
) -> WeeklyReport:
    """The report of *week*, bounds as `dissem.clock.week_bounds` gives them; reads only, and the same again later but
    for what has been found or settled since. *weeks_for* is the setting of that name."""
    places = _places(session)
    sent = _sent(session, start, end)
    read = _read(session, start, end)
    return WeeklyReport(
        week=week,
        start=start,
        end=end,
        zone=zone,
        office=office_name,
        made=now,
        totals=_totals(session, start, end, sent, read),
        punctuality=_punctuality(sent),
        channels=_channels(places, sent, read),
        agencies=_agencies(session, places, sent, read),
        kinds=_kinds(sent, read),
        releases=_releases(session, start, end, sent, read),
        failures=_troubles(session, col(Delivery.state).in_(FAILURES), _within(Delivery.since, start, end)),
        holds=_troubles(session, col(Delivery.state).in_(OPEN), col(Delivery.since) < end),
        silent=_silent(session, places, sent, end),
        unread=_unread(session, end, now, weeks_for),
        differs=_differs(session, start, end, zone, read),
    )


# What is read from the tables


class Place(NamedTuple):
    """A channel, without its settings and secrets."""

    id: int
    name: str
    platform: str
    agency: str
    paused: bool
    created: datetime


class Sent(NamedTuple):
    """A delivery published in the week."""

    delivery: int
    channel: int
    due: datetime
    published: datetime
    release: int
    title: str
    kind: str
    agency: str  # of the release


class Read(NamedTuple):
    """A publication read in the week."""

    publication: int
    channel: int
    release: int
    title: str
    kind: str
    agency: str  # of the release
    samples: int
    late: bool
    gained: Values


def _places(session: Session) -> dict[int, Place]:
    query = select(
        col(Channel.id),
        col(Channel.name),
        col(Channel.platform),
        col(Channel.agency),
        col(Channel.state) == ChannelState.PAUSED,
        col(Channel.created),
    )
    return {row[0]: Place(*row) for row in session.execute(query.order_by(col(Channel.agency), col(Channel.name)))}


def _sent(session: Session, start: datetime, end: datetime) -> list[Sent]:
    query = (
        select(
            col(Delivery.id),
            col(Delivery.channel_id),
            col(Delivery.due),
            col(Delivery.published),
            col(Release.id),
            col(Release.title),
            col(Release.kind),
            col(Release.agency),
        )
        .join(Release, col(Release.id) == col(Delivery.release_id))
        .where(_within(Delivery.published, start, end))
        .order_by(col(Delivery.published), col(Delivery.id))
    )
    return [Sent(*row)._replace(kind=row.kind.value) for row in session.execute(query)]


def _read(session: Session, start: datetime, end: datetime) -> list[Read]:
    """Only publications with a sample in the week are looked at, each from its first sample on."""
    by_end = col(Engagement.at) <= end + TOLERANCE
    near = select(col(Engagement.publication_id)).where(col(Engagement.at) > start, by_end)
    query = (
        select(
            col(Engagement.publication_id),
            col(Engagement.planned),
            col(Engagement.at),
            *(col(getattr(Engagement, name)) for name in COUNTS),
        )
        .where(col(Engagement.publication_id).in_(near), by_end)
        .order_by(col(Engagement.publication_id), col(Engagement.at))
        .execution_options(yield_per=1000)
    )
    about = _about(session, near)
    found = []
    for number, rows in groupby(session.execute(query), key=itemgetter(0)):
        samples, late, gained = _in_week((Sample(row[1], row[2], row[3:]) for row in rows), start, end)
        if samples and number in about:  # not there: stored since `about` was read
            found.append(Read(number, *about[number], samples, late, gained))
    return found


def _about(session: Session, publications: Any) -> dict[int, tuple[int, int, str, str, str]]:
    """Channel, release, title, kind and agency by number of the publication."""
    query = (
        select(
            col(Publication.id),
            col(Publication.channel_id),
            col(Release.id),
            col(Release.title),
            col(Release.kind),
            col(Release.agency),
        )
        .join(Delivery, col(Delivery.id) == col(Publication.delivery_id))
        .join(Release, col(Release.id) == col(Delivery.release_id))
        .where(col(Publication.id).in_(publications))
    )
    rows = session.execute(query)
    return {
        number: (channel, release, title, kind.value, agency) for number, channel, release, title, kind, agency in rows
    }


def _in_week(samples: Iterable[Sample], start: datetime, end: datetime) -> tuple[int, bool, Values]:
    """How many samples of one publication count for the week, whether one is late, and what they gained."""
    total, late, gained = 0, False, NOTHING
    for sample, gain in gains(samples):
        if start < sample.counts_for <= end:
            total, late, gained = total + 1, late or sample.late, plus(gained, gain)
    return total, late, gained


def _within(moment: Any, start: datetime, end: datetime) -> Any:
    return (col(moment) >= start) & (col(moment) < end)


# The rows

T = TypeVar("T")


def _by(items: Iterable[T], key: Callable[[T], Any]) -> dict[Any, list[T]]:
    groups: dict[Any, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _tally(sent: Sequence[Sent], read: Sequence[Read]) -> dict[str, Any]:
    gained = NOTHING
    for one in read:
        gained = plus(gained, one.gained)
    available = [sum(one.gained[place] is not None for one in read) for place in range(len(COUNTS))]
    return {
        "published": len(sent),
        "measured": len(read),
        "late": sum(one.late for one in read),
        "fallen": sum(any((value or 0) < 0 for value in one.gained) for one in read),
        "gained": dict(zip(COUNTS, gained, strict=True)),
        "available": dict(zip(COUNTS, available, strict=True)),
    }


def _totals(session: Session, start: datetime, end: datetime, sent: Sequence[Sent], read: Sequence[Read]) -> Totals:
    cancelled = select(func.count()).where(col(Delivery.state) == State.CANCELLED, _within(Delivery.since, start, end))
    return Totals(releases=_different(sent), cancelled=session.scalar(cancelled) or 0, **_tally(sent, read))


def _different(sent: Iterable[Sent]) -> int:
    return len({one.release for one in sent})


def _punctuality(sent: Sequence[Sent]) -> Punctuality:
    if not sent:
        return Punctuality(0, None, None, None)
    delays = {one.delivery: (one.published - one.due).total_seconds() for one in sent}
    worst = max(delays, key=lambda delivery: delays[delivery])
    return Punctuality(len(delays), median(delays.values()), delays[worst], worst)


def _channels(places: Mapping[int, Place], sent: Sequence[Sent], read: Sequence[Read]) -> tuple[ChannelRow, ...]:
    """Those with something to say, by agency and name."""
    sent_by, read_by = _by(sent, lambda one: one.channel), _by(read, lambda one: one.channel)
    return tuple(
        ChannelRow(
            channel=place.name,
            platform=place.platform,
            agency=place.agency,
            **_tally(sent_by.get(number, []), read_by.get(number, [])),
        )
        for number, place in places.items()
        if number in sent_by or number in read_by
    )


def _agencies(
    session: Session, places: Mapping[int, Place], sent: Sequence[Sent], read: Sequence[Read]
) -> tuple[AgencyRow, ...]:
    sent_by = _by(sent, lambda one: places[one.channel].agency)
    read_by = _by(read, lambda one: places[one.channel].agency)
    own = _by(sent, lambda one: one.agency)
    return tuple(
        AgencyRow(
            agency=code,
            name=name,
            releases=_different(own.get(code, [])),
            **_tally(sent_by.get(code, []), read_by.get(code, [])),
        )
        for code, name in _names(session)
        if code in sent_by or code in read_by or code in own
    )


def _names(session: Session) -> list[tuple[str, str]]:
    query = select(col(Agency.code), col(Agency.name)).order_by(col(Agency.code))
    return [(code, name) for code, name in session.execute(query)]


def _kinds(sent: Sequence[Sent], read: Sequence[Read]) -> tuple[KindRow, ...]:
    sent_by, read_by = _by(sent, lambda one: one.kind), _by(read, lambda one: one.kind)
    return tuple(
        KindRow(
            kind=kind,
            releases=_different(sent_by.get(kind, [])),
            **_tally(sent_by.get(kind, []), read_by.get(kind, [])),
        )
        for kind in sorted(sent_by.keys() | read_by.keys())
    )


def _releases(
    session: Session, start: datetime, end: datetime, sent: Sequence[Sent], read: Sequence[Read]
) -> tuple[ReleaseRow, ...]:
    """Those of the week as they were published, then older ones that were read, by number."""
    sent_by, read_by = _by(sent, lambda one: one.release), _by(read, lambda one: one.release)
    links = _links(session, start, end)
    older = sorted(read_by.keys() - sent_by.keys())
    rows = []
    for number in (*sent_by, *older):
        about: Sent | Read = (sent_by.get(number) or read_by[number])[0]
        row = ReleaseRow(
            release=number,
            title=about.title,
            kind=about.kind,
            agency=about.agency,
            links=tuple(links.get(number, ())),
            **_tally(sent_by.get(number, []), read_by.get(number, [])),
        )
        rows.append(row)
    return tuple(rows)


def _links(session: Session, start: datetime, end: datetime) -> dict[int, list[Link]]:
    """By release, the parts of deliveries published in the week."""
    query = (
        select(
            col(Delivery.release_id),
            col(Channel.name),
            col(Publication.url),
            col(Publication.published),
            func.coalesce(col(Publication.removed), col(Publication.gone)),
        )
        .join(Delivery, col(Delivery.id) == col(Publication.delivery_id))
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .where(_within(Delivery.published, start, end), col(Publication.published).is_not(None))
        .order_by(col(Channel.name), col(Publication.id))
    )
    links = defaultdict(list)
    for release, *row in session.execute(query):
        links[release].append(Link(*row))
    return links


def _troubles(session: Session, *where: Any) -> tuple[Trouble, ...]:
    query = (
        select(
            col(Delivery.id),
            col(Release.id),
            col(Release.title),
            col(Channel.name),
            col(Release.agency),
            col(Delivery.state),
            col(Delivery.held),
            col(Delivery.due),
            col(Delivery.since),
            col(Delivery.reason),
        )
        .join(Release, col(Release.id) == col(Delivery.release_id))
        .join(Channel, col(Channel.id) == col(Delivery.channel_id))
        .where(*where)
        .order_by(col(Delivery.since), col(Delivery.id))
    )
    return tuple(
        Trouble(number, release, title, channel, agency, state.value, held and held.value, due, since, reason)
        for number, release, title, channel, agency, state, held, due, since, reason in session.execute(query)
    )


def _silent(session: Session, places: Mapping[int, Place], sent: Sequence[Sent], end: datetime) -> Silent:
    """Channels made after the week could not speak in it and are left out."""
    spoke = {one.channel for one in sent}
    heard = {places[one.channel].agency for one in sent} | {one.agency for one in sent}
    agencies = [SilentAgency(code, name) for code, name in _names(session) if code not in heard]
    channels = [
        SilentChannel(place.name, place.agency, place.paused)
        for number, place in places.items()
        if number not in spoke and place.created < end
    ]
    return Silent(tuple(agencies), tuple(channels))


# Whether the figures can be trusted


def _unread(session: Session, end: datetime, now: datetime, weeks_for: timedelta) -> int:
    """Publications read before, young enough, still there, whose reading at the week's end did not come in time.

    What they gained since their last reading counts for the week it is read in.
    """
    if now < end:
        return 0
    samples = select(col(Engagement.id)).where(col(Engagement.publication_id) == col(Publication.id))
    query = select(func.count()).where(
        col(Publication.published) < end,
        col(Publication.published) > end - weeks_for,
        *(col(moment).is_(None) | (col(moment) >= end) for moment in (Publication.removed, Publication.gone)),
        samples.where(col(Engagement.at) < end).exists(),
        ~samples.where(col(Engagement.planned) == end, col(Engagement.at) <= end + TOLERANCE).exists(),
    )
    return session.scalar(query) or 0


def _differs(session: Session, start: datetime, end: datetime, zone: ZoneInfo, read: Sequence[Read]) -> int:
    rolled = rolled_up(session, local_day(start, zone), day_of(end, zone))
    counted: dict[tuple[int, str], tuple[int, Values]] = {}
    for one in read:
        samples, values = counted.get((one.channel, one.kind), (0, NOTHING))
        counted[one.channel, one.kind] = (samples + one.samples, plus(values, one.gained))
    return len({key[0] for key in rolled.keys() | counted.keys() if rolled.get(key) != counted.get(key)})
