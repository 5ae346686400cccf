"""The report of a week or a month as figures: what went out, what it gained, what failed, who was silent.

Deliveries belong to the period they were published in, [start, end); samples to the one they close, (start, end].

Sums come from the daily roll-up (`source="rollups"`), or for an audit from the samples themselves ("samples"); both
give the same figures, and when the samples are looked at anyway they are compared each time (`Readings.differs`).
Periods before this one always come from the roll-up, which is kept for ever.
"""

import gc
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlmodel import Session

from dissem.channels.adapter import COUNTS
from dissem.clock import local_day
from dissem.config import EngagementSection
from dissem.engagement.rollup import NOTHING, Values, rolled_up
from dissem.errors import told
from dissem.reports import figures, periods, rows, samples
from dissem.reports.figures import (
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
from dissem.reports.rows import About, Place, Sent
from dissem.store.installation import Installation

WEEKS_FOR = EngagementSection().weeks_for
OLDER = 10  # earlier releases told, those that gained most

Source = Literal["rollups", "samples"]
Cells = Mapping[tuple[int, str], tuple[int, Values]]  # readings and gains by channel and kind


def of_week(
    installation: Installation,
    week: str,
    *,
    planned: datetime,
    now: datetime,
    printed: date | None = None,
    source: Source = "rollups",
    endings: Sequence[str] = (),
) -> Report:
    """The report of *week* ("2026-W47", "this" or "last", the two seen from *planned*) as this office files it.

    *printed* is the day that stands on it, today unless said; with the same day and the same database the report is
    the same to the byte. *endings*: sentences on tokens and API versions about to end.
    """
    period = periods.week(week, now=planned, zone=installation.zone)
    return of_period(installation, period, now=now, printed=printed, source=source, endings=endings)


def of_month(
    installation: Installation,
    month: str,
    *,
    planned: datetime,
    now: datetime,
    printed: date | None = None,
    source: Source = "rollups",
    endings: Sequence[str] = (),
) -> Report:
    """The same over a calendar *month*: "2026-11", "this" or "last"."""
    period = periods.month(month, now=planned, zone=installation.zone)
    return of_period(installation, period, now=now, printed=printed, source=source, endings=endings)


def of_period(
    installation: Installation,
    period: Period,
    *,
    now: datetime,
    printed: date | None,
    source: Source,
    endings: Sequence[str],
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
            endings=endings or _endings(installation, day),
        )
        return pictured(report, session, installation.media)


def _endings(installation: Installation, day: date) -> list[str]:
    """What ends soon, as seen at the beginning of *day*."""
    from dissem.desk.endings import ending, logins_of, versions_of

    now = datetime.combine(day, time(), installation.zone)
    found = ending(logins_of(installation), versions_of(installation), now=now, zone=installation.zone)
    return [told(one.reason()) for one in found]


def reported(
    session: Session,
    period: Period,
    *,
    zone: ZoneInfo,
    office: str,
    printed: date,
    source: Source = "rollups",
    look: bool = True,
    weeks_for: timedelta = WEEKS_FOR,
    endings: Sequence[str] = (),
) -> Report:
    """The report of *period* as known on the day *printed*; reads only.

    Without *look* the samples of the period are not gone through: its `readings` are None, and everything comes from
    the roll-up in some ten milliseconds. *weeks_for* is the setting of that name.
    """
    with _uncollected():
        return _reported(session, period, zone, office, printed, source, look, weeks_for, endings)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Rows by the hundred thousand live until the end: to look for garbage among them again and again costs a fifth."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _reported(
    session: Session,
    period: Period,
    zone: ZoneInfo,
    office: str,
    printed: date,
    source: Source,
    look: bool,
    weeks_for: timedelta,
    endings: Sequence[str],
) -> Report:
    seen = _Seen(session, period, zone, look or source == "samples", source)
    over = printed > periods.days(period, zone)[1]
    past = _past(session, period, zone, seen)
    return Report(
        period=period,
        zone=zone,
        office=office,
        printed=printed,
        over=over,
        source=source,
        totals=_totals(session, period, seen),
        glance=figures.glance(past),
        past=past,
        punctuality=figures.punctuality({one.delivery: (one.published - one.due).total_seconds() for one in seen.sent}),
        channels=_channels(seen),
        agencies=_agencies(seen),
        platforms=_platforms(seen),
        kinds=_kinds(seen),
        releases=_releases(session, period, seen),
        failures=rows.failures(session, period.start, period.end),
        holds=rows.holds(session, period.end),
        doubts=rows.doubts(session, period.start, period.end),
        silent=_silent(seen, period.end),
        endings=tuple(endings),
        readings=_readings(session, period, zone, seen, weeks_for if over else None),
    )


class _Seen:
    """What was read once and is needed by several parts of the report."""

    def __init__(self, session: Session, period: Period, zone: ZoneInfo, look: bool, source: Source) -> None:
        self.places = rows.places(session)
        self.agencies = rows.agencies(session)
        self.sent = rows.sent(session, period.start, period.end)
        self.about = rows.about(session, rows.released(period.start, period.end))
        self.rolled: Cells = rolled_up(session, *periods.days(period, zone))
        self.looked = samples.look(session, period.start, period.end, zone) if look else None
        self.counted: Cells | None = samples.cells(self.looked.reads) if self.looked else None
        self.source = source
        self.cells: Cells = self.counted if source == "samples" and self.counted is not None else self.rolled


# One row of sums: deliveries and cells that belong together


@dataclass
class _Group:
    sent: list[Sent]
    cells: list[tuple[int, Values]]

    def fields(self) -> dict[str, Any]:
        """The fields of a Tally."""
        return {
            "releases": len({one.release for one in self.sent}),
            "published": len(self.sent),
            "readings": sum(readings for readings, _values in self.cells),
            **figures.engagement([values for _readings, values in self.cells]),
        }


def _grouped(seen: _Seen, of_sent: Callable[[Sent], Any], of_cell: Callable[[int, str], Any]) -> dict[Any, _Group]:
    groups: dict[Any, _Group] = defaultdict(lambda: _Group([], []))
    for one in seen.sent:
        groups[of_sent(one)].sent.append(one)
    for (channel, kind), cell in seen.cells.items():
        groups[of_cell(channel, kind)].cells.append(cell)
    return groups


def _totals(session: Session, period: Period, seen: _Seen) -> Totals:
    everything = _Group(seen.sent, list(seen.cells.values()))
    read = _by_channel(seen.cells)
    return Totals(
        **everything.fields(),
        cancelled=rows.cancelled(session, period.start, period.end),
        read=len(read),
        available={
            name: sum(values[place] is not None for values in read.values()) for place, name in enumerate(COUNTS)
        },
    )


def _by_channel(cells: Cells) -> dict[int, Values]:
    by_channel: dict[int, list[Values]] = defaultdict(list)
    for (channel, _kind), (_readings, values) in cells.items():
        by_channel[channel].append(values)
    return {channel: figures.summed(values) for channel, values in by_channel.items()}


def _channels(seen: _Seen) -> tuple[ChannelRow, ...]:
    """Those with something to say, by agency and name."""
    groups = _grouped(seen, lambda one: one.channel, lambda channel, _kind: channel)
    return tuple(
        ChannelRow(channel=place.name, platform=place.platform, agency=place.agency, **groups[number].fields())
        for number, place in seen.places.items()
        if number in groups
    )


def _agencies(seen: _Seen) -> tuple[AgencyRow, ...]:
    owner = {number: place.agency for number, place in seen.places.items()}
    groups = _grouped(seen, lambda one: owner[one.channel], lambda channel, _kind: owner[channel])
    own: dict[str, set[int]] = defaultdict(set)
    for number, about in seen.about.items():
        own[about.agency].add(number)
    return tuple(
        AgencyRow(agency=code, name=name, **{**groups[code].fields(), "releases": len(own[code])})
        for code, name in seen.agencies
        if code in groups or code in own
    )


def _platforms(seen: _Seen) -> tuple[PlatformRow, ...]:
    platform = {number: place.platform for number, place in seen.places.items()}
    groups = _grouped(seen, lambda one: platform[one.channel], lambda channel, _kind: platform[channel])
    heard = {one.channel for one in seen.sent} | {channel for channel, _kind in seen.cells}
    return tuple(
        PlatformRow(
            platform=name, channels=sum(platform[channel] == name for channel in heard), **groups[name].fields()
        )
        for name in sorted(groups)
    )


def _kinds(seen: _Seen) -> tuple[KindRow, ...]:
    groups = _grouped(seen, lambda one: seen.about[one.release].kind, lambda _channel, kind: kind)
    return tuple(KindRow(kind=kind, **groups[kind].fields()) for kind in sorted(groups))


# The releases


def _releases(session: Session, period: Period, seen: _Seen) -> tuple[ReleaseRow, ...]:
    proofs = rows.proofs(session, period.start, period.end)
    parts: dict[int, list[Values]] = defaultdict(list)
    if seen.source == "samples" and seen.looked:
        own = {one.publication for one in proofs}
        for read in seen.looked.reads:
            if read.publication in own:
                parts[read.about.release].append(read.reached)
    else:
        for proof in rows.completed(session, proofs, _given(seen.cells, seen.places), period.start, period.end):
            if proof.values is not None:
                parts[proof.release].append(proof.values)
    published: dict[int, int] = defaultdict(int)
    for one in seen.sent:
        published[one.release] += 1
    links = rows.links(proofs, seen.places)
    made = (
        ReleaseRow(
            release=number,
            title=about.title,
            kind=about.kind,
            agency=about.agency,
            published=published[number],
            links=tuple(links.get(number, ())),
            **figures.engagement(parts.get(number, [])),
        )
        for number, about in seen.about.items()
        if number in published
    )
    return tuple(sorted(made, key=figures.best_first))


def _given(cells: Cells, places: Mapping[int, Place]) -> dict[int, Sequence[bool]]:
    """By channel, which counts any of its publications had in the period."""
    read = _by_channel(cells)
    return {number: [value is not None for value in read.get(number, NOTHING)] for number in places}


# What was before


def _past(session: Session, period: Period, zone: ZoneInfo, seen: _Seen) -> tuple[Past, ...]:
    """Up to BEFORE periods since anything was published, and this one."""
    earlier = [
        _one_past(session, one, rows.rolled(session, *periods.days(one, zone)))
        for one in _earlier(period, zone, rows.first_published(session))
    ]
    return (*reversed(earlier), _one_past(session, period, _gained(seen.cells)))


def _one_past(session: Session, period: Period, gained: rows.Gained) -> Past:
    count = rows.counted(session, period.start, period.end)
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


def _gained(cells: Cells) -> rows.Gained:
    values = [values for _readings, values in cells.values()]
    total = figures.summed(values)
    return rows.Gained(total[COUNTS.index("views")], figures.interactions(total), figures.both(values))


def _earlier(period: Period, zone: ZoneInfo, first: datetime | None) -> Iterator[Period]:
    for _number in range(figures.BEFORE):
        period = periods.before(period, zone)
        if first is None or period.end <= first:
            return
        yield period


# Who was silent


def _silent(seen: _Seen, end: datetime) -> Silent:
    """Channels made after the period could not speak in it and are left out."""
    spoke = {one.channel for one in seen.sent}
    heard = {seen.places[number].agency for number in spoke} | {one.agency for one in seen.about.values()}
    agencies = [SilentAgency(code, name) for code, name in seen.agencies if code not in heard]
    channels = [
        SilentChannel(place.name, place.agency, place.paused)
        for number, place in seen.places.items()
        if number not in spoke and place.created < end
    ]
    return Silent(tuple(agencies), tuple(channels))


# What only the samples tell


def _readings(
    session: Session, period: Period, zone: ZoneInfo, seen: _Seen, weeks_for: timedelta | None
) -> Readings | None:
    looked = seen.looked
    if looked is None or seen.counted is None:
        return None
    keys = seen.rolled.keys() | seen.counted.keys()
    return Readings(
        publications=len(looked.reads),
        late=sum(read.late for read in looked.reads),
        fallen=sum(read.fallen for read in looked.reads),
        unread=samples.unread(session, period.end, weeks_for, looked.closed) if weeks_for else 0,
        differs=len({key[0] for key in keys if seen.rolled.get(key) != seen.counted.get(key)}),
        hours=tuple(map(tuple, looked.hours)) if looked.close >= samples.ENOUGH else None,
        older=_older(session, looked, set(seen.about)),
    )


def _older(session: Session, looked: samples.Looked, fresh: set[int]) -> tuple[OlderRow, ...]:
    """Releases of which nothing was published in the period, those that gained most."""
    old = samples.by_release(read for read in looked.reads if read.about.release not in fresh and read.about.published)
    gained = {number: figures.engagement(parts) for number, parts in old.items()}
    best = sorted(gained, key=partial(_most, gained))[:OLDER]
    about = rows.about(session, best)
    return tuple(_older_row(number, about[number], gained[number]) for number in best)


def _most(gained: Mapping[int, Mapping[str, Any]], number: int) -> tuple[int, int, int]:
    fields = gained[number]
    return (-(fields["interactions"] or 0), -(fields["gained"]["views"] or 0), number)


def _older_row(number: int, about: About, fields: Mapping[str, Any]) -> OlderRow:
    return OlderRow(
        release=number,
        title=about.title,
        kind=about.kind,
        agency=about.agency,
        gained=fields["gained"],
        interactions=fields["interactions"],
    )
