"""The report of a week or a month as figures: what went out, what it gained, what failed, who was silent.

Deliveries belong to the period they were published in, [start, end); samples to the one they close, (start, end].

Sums come from the roll-ups, which are kept while the samples are stored (`source="rollups"`), or for an audit from the
samples themselves ("samples"); both give the same figures, and an audit says where they differ (`Readings.differs`).
Periods before this one always come from the roll-ups, which are kept for ever.
"""

import gc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlmodel import Session

from dissem.channels.adapter import COUNTS
from dissem.clock import local_day
from dissem.engagement.arithmetic import NOTHING, YOUNG, Values, rated
from dissem.engagement.rollup import closed_until
from dissem.errors import WrongInput, told
from dissem.reports import figures, periods, rows, samples
from dissem.reports.figures import (
    AgencyName,
    AgencyRow,
    ChannelRow,
    KindRow,
    OlderRow,
    Past,
    Period,
    PlatformRow,
    Readings,
    ReleaseRow,
    Report,
    Silent,
    SilentAgency,
    SilentChannel,
    Totals,
)
from dissem.reports.noticing import noticed
from dissem.reports.rows import About, Cells, Reached, Read
from dissem.store.installation import Installation

OLDER = 10  # earlier releases told, those that gained most
ENOUGH = 100  # readings close enough to say in which hour something was gained, below which hours say nothing
UNREAD = Reached(NOTHING, 0, 0)

Source = Literal["rollups", "samples"]


def of_week(
    installation: Installation,
    week: str,
    *,
    planned: datetime,
    now: datetime,
    printed: date | None = None,
    source: Source = "rollups",
    agency: str | None = None,
) -> Report:
    """The report of *week* ("2026-W47", "this" or "last", the two seen from *planned*) as this office files it.

    *printed* is the day that stands on it, today unless said; with the same day and the same database the report is
    the same to the byte.
    """
    period = periods.week(week, now=planned, zone=installation.zone)
    return of_period(installation, period, now=now, printed=printed, source=source, agency=agency)


def of_month(
    installation: Installation,
    month: str,
    *,
    planned: datetime,
    now: datetime,
    printed: date | None = None,
    source: Source = "rollups",
    agency: str | None = None,
) -> Report:
    """The same over a calendar *month*: "2026-11", "this" or "last"."""
    period = periods.month(month, now=planned, zone=installation.zone)
    return of_period(installation, period, now=now, printed=printed, source=source, agency=agency)


def of_period(
    installation: Installation,
    period: Period,
    *,
    now: datetime,
    printed: date | None,
    source: Source,
    agency: str | None = None,
) -> Report:
    """The report of *period*, with small pictures of its best releases."""
    from dissem.reports.pictures import pictured

    day = printed or local_day(now, installation.zone)
    with installation.database.read() as session:
        report = reported(
            session,
            period,
            zone=installation.zone,
            office=installation.config.office.name,
            printed=day,
            source=source,
            weeks_for=installation.config.engagement.weeks_for,
            endings=_endings(installation, day, agency),
            agency=agency,
        )
        return pictured(report, session, installation.media)


def _endings(installation: Installation, day: date, agency: str | None) -> list[str]:
    """What ends soon, as seen at the beginning of *day*; logins only of the channels of *agency*."""
    from dissem.desk.endings import ending, logins_of, versions_of

    now = datetime.combine(day, time(), installation.zone)
    found = ending(logins_of(installation, agency), versions_of(installation), now=now, zone=installation.zone)
    return [told(one.reason()) for one in found]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Rows by the ten thousand live until the end: to look for garbage among them again and again costs a third."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@_uncollected()
def reported(
    session: Session,
    period: Period,
    *,
    zone: ZoneInfo,
    office: str,
    printed: date,
    source: Source = "rollups",
    weeks_for: timedelta = YOUNG,
    endings: Sequence[str] = (),
    agency: str | None = None,
) -> Report:
    """The report of *period* as known on the day *printed*; reads only. *weeks_for* is the setting of that name.

    *agency*: of this one only, by the roll-ups. Figures are those of its own channels, whoever's release went out
    there; releases are its own, on whatever channel; failures, holds and doubts are those of either.

    An audit of a period whose samples are not all there any more is WrongInput.
    """
    seen = _Audited(session, period, zone) if source == "samples" else _Seen(session, period, zone, agency)
    over = printed > periods.days(period, zone)[1]
    totals = _totals(session, period, seen)
    failures = rows.failures(session, period.start, period.end, agency)
    past = (*_before(session, period, zone, agency), _this(period, totals, len(failures)))
    return Report(
        period=period,
        zone=zone,
        office=office,
        printed=printed,
        over=over,
        source=source,
        totals=totals,
        glance=figures.glance(past),
        past=past,
        punctuality=figures.punctuality({number: delay for number, _channel, _release, delay in seen.sent}),
        channels=_channels(seen),
        agencies=_agencies(seen),
        platforms=_platforms(seen),
        kinds=_kinds(seen),
        releases=_releases(session, period, seen),
        failures=failures,
        holds=rows.holds(session, period.end, agency),
        doubts=rows.doubts(session, period.start, period.end, agency),
        silent=_silent(seen, period.end),
        endings=tuple(endings),
        readings=_readings(session, period, seen, weeks_for, over),
        noticed=noticed(session, period.start, period.end, periods.days(period, zone), agency=agency),
        agency=_agency(seen),
    )


def _agency(seen: "_Seen") -> AgencyName | None:
    return AgencyName(*seen.agencies[0]) if seen.agency and seen.agencies else None


class _Seen:
    """What was read once and is needed by several parts of the report; counts from the roll-ups."""

    cells: Cells
    read: Read
    reached: Mapping[int, Reached]  # by release published in the period
    older: Mapping[int, Values]  # gains by earlier release, the best first
    hours: tuple[Sequence[Sequence[int]], int]  # and how many readings said so
    differs = 0

    def __init__(self, session: Session, period: Period, zone: ZoneInfo, agency: str | None = None) -> None:
        self.agency = agency
        self.named = rows.places(session)
        self.places = {number: place for number, place in self.named.items() if agency in (None, place.agency)}
        self.agencies = [one for one in rows.agencies(session) if agency in (None, one[0])]
        everywhere = rows.sent(session, period.start, period.end)
        self.posts = Counter(release for _delivery, _channel, release, _delay in everywhere)
        self.sent = [one for one in everywhere if one[1] in self.places] if agency else everywhere
        self.about = rows.about(session, period.start, period.end)
        self.look(session, period, zone)
        self.groups = _by_channel(self)

    def look(self, session: Session, period: Period, zone: ZoneInfo) -> None:
        span = period.label, period.start, period.end
        self.cells, self.read = rows.cells(session, period.label, self.agency)
        self.reached = rows.reached(session, *span)
        self.older = rows.older(session, *span, OLDER, self.agency)
        self.hours = rows.hours(session, *periods.days(period, zone)) if self.agency is None else ((), 0)

    def unread(self, session: Session, period: Period, young: timedelta) -> int:
        """Posts read before, young enough, still there, whose reading at the end of the week did not come in time.

        What they gained since their last reading counts for the week it is read in.
        """
        over = rows.over(session, period.end, period.end - young, self.agency)
        return max(self.read.due - self.read.ended - over, 0)  # *young* may have been another one when they were read


class _Audited(_Seen):
    """The same from the samples."""

    def look(self, session: Session, period: Period, zone: ZoneInfo) -> None:
        closed = closed_until(session)
        if closed and closed >= periods.days(period, zone)[0]:
            raise WrongInput(
                "The readings of {period} have been thrown away as old; only their sums are left.",
                hint="Make the report without --raw.",
                period=period.label,
            )
        looked = samples.look(session, period.start, period.end, zone, self.about.keys())
        self.cells = {key: (readings, *rated(gain), *gain) for key, (readings, gain) in looked.cells.items()}
        self.reached, self.older = looked.reached, looked.best(OLDER)
        self.read = Read(looked.publications, looked.late, looked.fallen)
        self.hours, self.closed = (looked.hours.sums, looked.hours.close), looked.closed
        kept, _read = rows.cells(session, period.label)
        keys = kept.keys() | self.cells.keys()
        self.differs = len({key[0] for key in keys if kept.get(key) != self.cells.get(key)})

    def unread(self, session: Session, period: Period, young: timedelta) -> int:
        return samples.unread(session, period.end, young, self.closed)


# One row of sums: deliveries and cells that belong together


class _Group:
    """*releases*: that of each delivery. *cells*: readings, interactions and views where there are both, the gains."""

    def __init__(self) -> None:
        self.releases: list[int] = []
        self.cells: list[Values] = []

    @cached_property
    def total(self) -> Values:
        return figures.summed(self.cells) if self.cells else (0, 0, 0, *NOTHING)

    def fields(self) -> dict[str, Any]:
        """The fields of a Tally."""
        readings, done, views, *total = self.total
        return {
            "releases": len(set(self.releases)),
            "published": len(self.releases),
            "readings": readings,
            **figures.engagement(tuple(total), done or 0, views or 0),
        }


def _by_channel(seen: "_Seen") -> dict[int, _Group]:
    groups: dict[int, _Group] = defaultdict(_Group)
    for _delivery, channel, release, _delay in seen.sent:
        groups[channel].releases.append(release)
    for (channel, _kind), cell in seen.cells.items():
        groups[channel].cells.append(cell)
    return groups


def _together(groups: Mapping[int, _Group], of: Callable[[int], Any]) -> dict[Any, _Group]:
    """Those of channels, brought together."""
    found: dict[Any, _Group] = defaultdict(_Group)
    for channel, group in groups.items():
        found[of(channel)].releases += group.releases
        if group.cells:
            found[of(channel)].cells.append(group.total)
    return found


def _totals(session: Session, period: Period, seen: _Seen) -> Totals:
    everything = _together(seen.groups, lambda _channel: None).get(None, _Group())
    read = [group.total[-len(COUNTS) :] for group in seen.groups.values() if group.cells]
    return Totals(
        **everything.fields(),
        cancelled=rows.cancelled(session, period.start, period.end, seen.agency),
        read=len(read),
        available={name: sum(values[place] is not None for values in read) for place, name in enumerate(COUNTS)},
    )


def _channels(seen: _Seen) -> tuple[ChannelRow, ...]:
    """Those with something to say, by agency and name."""
    return tuple(
        ChannelRow(channel=place.name, platform=place.platform, agency=place.agency, **seen.groups[number].fields())
        for number, place in seen.places.items()
        if number in seen.groups
    )


def _agencies(seen: _Seen) -> tuple[AgencyRow, ...]:
    groups = _together(seen.groups, lambda channel: seen.places[channel].agency)
    own: dict[str, set[int]] = defaultdict(set)
    for number, about in seen.about.items():
        own[about.agency].add(number)
    return tuple(
        AgencyRow(agency=code, name=name, **{**groups[code].fields(), "releases": len(own[code])})
        for code, name in seen.agencies
        if code in groups or code in own
    )


def _platforms(seen: _Seen) -> tuple[PlatformRow, ...]:
    groups = _together(seen.groups, lambda channel: seen.places[channel].platform)
    heard = Counter(seen.places[channel].platform for channel in seen.groups)
    return tuple(PlatformRow(platform=name, channels=heard[name], **groups[name].fields()) for name in sorted(groups))


def _kinds(seen: _Seen) -> tuple[KindRow, ...]:
    groups: dict[str, _Group] = defaultdict(_Group)
    for _delivery, _channel, release, _delay in seen.sent:
        groups[seen.about[release].kind].releases.append(release)
    for (_channel, kind), cell in seen.cells.items():
        groups[kind].cells.append(cell)
    return tuple(KindRow(kind=kind, **groups[kind].fields()) for kind in sorted(groups))


# The releases


def _releases(session: Session, period: Period, seen: _Seen) -> tuple[ReleaseRow, ...]:
    links = rows.links(session, period.start, period.end, seen.named)
    made = (
        ReleaseRow(
            release=number,
            title=about.title,
            kind=about.kind,
            agency=about.agency,
            published=seen.posts[number],
            links=tuple(links.get(number, ())),
            **_had(seen.reached.get(number, UNREAD)),
        )
        for number, about in seen.about.items()
        if seen.agency in (None, about.agency)
    )
    return tuple(sorted(made, key=figures.best_first))


def _had(reached: Reached) -> dict[str, Any]:
    return {
        "gained": dict(zip(COUNTS, reached.values, strict=True)),
        "interactions": figures.interactions(reached.values),
        "rate": reached.rated / reached.rated_views if reached.rated_views > 0 else None,
    }


# What was before


def _before(session: Session, period: Period, zone: ZoneInfo, agency: str | None) -> list[Past]:
    """Up to BEFORE periods since anything was published, oldest first."""
    earlier = [*_earlier(period, zone, rows.first_published(session, agency))][::-1]
    counts = rows.counted(session, [(one.start, one.end) for one in earlier], agency)
    gained = rows.gained(session, [one.label for one in earlier], agency)
    nothing = rows.Gained(None, None, (0, 0))
    return [_past(one, count, gained.get(one.label, nothing)) for one, count in zip(earlier, counts, strict=True)]


def _past(period: Period, count: rows.Count, gained: rows.Gained) -> Past:
    done, views = gained.both
    return Past(
        label=period.label,
        releases=count.releases,
        published=count.published,
        views=gained.views,
        interactions=gained.interactions,
        rate=done / views if views > 0 else None,
        failures=count.failures,
    )


def _this(period: Period, totals: Totals, failures: int) -> Past:
    return Past(
        label=period.label,
        releases=totals.releases,
        published=totals.published,
        views=totals.gained["views"],
        interactions=totals.interactions,
        rate=totals.rate,
        failures=failures,
    )


def _earlier(period: Period, zone: ZoneInfo, first: datetime | None) -> Iterator[Period]:
    for _number in range(figures.BEFORE):
        period = periods.before(period, zone)
        if first is None or period.end <= first:
            return
        yield period


# Who was silent


def _silent(seen: _Seen, end: datetime) -> Silent:
    """Channels made after the period could not speak in it and are left out."""
    spoke = {channel for _delivery, channel, _release, _delay in seen.sent}
    heard = {seen.places[number].agency for number in spoke} | {one.agency for one in seen.about.values()}
    agencies = [SilentAgency(code, name) for code, name in seen.agencies if code not in heard]
    channels = [
        SilentChannel(place.name, place.agency, place.paused)
        for number, place in seen.places.items()
        if number not in spoke and place.created < end
    ]
    return Silent(tuple(agencies), tuple(channels))


# How well it was read


def _readings(session: Session, period: Period, seen: _Seen, young: timedelta, over: bool) -> Readings:
    hours, close = seen.hours
    return Readings(
        publications=seen.read.publications,
        late=seen.read.late,
        fallen=seen.read.fallen,
        unread=seen.unread(session, period, young) if over and period.unit == "week" else 0,  # months end anywhere
        differs=seen.differs,
        hours=tuple(map(tuple, hours)) if close >= ENOUGH else None,
        older=_older(session, seen.older),
    )


def _older(session: Session, gained: Mapping[int, Values]) -> tuple[OlderRow, ...]:
    about = rows.titles(session, list(gained))
    return tuple(_older_row(number, about[number], values) for number, values in gained.items())


def _older_row(number: int, about: About, values: Values) -> OlderRow:
    return OlderRow(
        release=number,
        title=about.title,
        kind=about.kind,
        agency=about.agency,
        gained=dict(zip(COUNTS, values, strict=True)),
        interactions=figures.interactions(values),
    )
