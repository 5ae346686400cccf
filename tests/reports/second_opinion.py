"""The figures of the report worked out a second time: from whole tables, by loops, written from the definitions.

It shares no code with the report; what both must agree on is said here in words.

- A sample counts for the moment it was planned for if it was taken at most two hours later, else for the moment it was
  taken. It belongs to a period if that moment lies after the period's start and not after its end.
- What a publication gained in a period, count by count, if any sample of the period has that count: the last known
  value by the end less the last known value by the start, or less nothing if there was none.
- A delivery belongs to the period in which it was published: from the start on, before the end.
- Interactions: likes, comments, shares and saves, those that are there.
- Engagement rate: interactions over views, both summed over those channels and kinds (of a release: those of its posts)
  that have both.
- What a release reached: of each of its posts, also those of earlier periods, the last known values by the end.
- On time: published at most sixty seconds after due. The 95th percentile is the smallest delay that at least 95 of 100
  deliveries do not exceed.
- What is usual: lower quartile, median and upper quartile, linearly between neighbours, of up to eight periods before,
  none from before the first publication; nothing is usual with fewer than four values.
"""

from collections.abc import Iterable, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, SQLModel, select

from dissem.models import Agency, Attempt, AuditEntry, Channel, Delivery, Engagement, Publication, Release

COUNTS = ("views", "reach", "likes", "comments", "shares", "saves", "clicks", "watch_seconds")
TWO_HOURS = timedelta(hours=2)
Counts = dict[str, int | None]


class World:
    """Every row of every table that matters."""

    def __init__(self, session: Session) -> None:
        def everything(model: type[SQLModel]) -> list[Any]:
            return list(session.exec(select(model)).all())

        self.agencies = everything(Agency)
        self.channels = {c.id: c for c in everything(Channel)}
        self.releases = {r.id: r for r in everything(Release)}
        self.deliveries = {d.id: d for d in everything(Delivery)}
        self.publications = {p.id: p for p in everything(Publication)}
        self.attempts = everything(Attempt)
        self.verdicts = {a.object for a in everything(AuditEntry) if a.action == "delivery.resolve"}
        self.cells: dict[tuple[datetime, datetime], Any] = {}  # worked out once a period
        self.samples: dict[int, list[Any]] = {number: [] for number in self.publications}
        for sample in everything(Engagement):
            self.samples[sample.publication_id].append(sample)
        for samples in self.samples.values():
            samples.sort(key=lambda sample: sample.at)


def moment(sample: Any) -> datetime:
    return sample.at if sample.at > sample.planned + TWO_HOURS else sample.planned


def of_period(world: World, start: datetime, end: datetime, before: Sequence[tuple[datetime, datetime]]) -> Any:
    """Every cell of the report of [*start*, *end*); *before*: the eight periods before, newest first."""
    sent = _sent(world, start, end)
    cells = _cells(world, start, end)
    rows = {
        "totals": _row(world, sent, cells, lambda channel, kind: True),
        "channels": [
            {"channel": c.name, "platform": c.platform, "agency": c.agency}
            | _row(world, sent, cells, lambda channel, kind, c=c: channel == c.id)
            for c in sorted(world.channels.values(), key=lambda c: (c.agency, c.name))
            if any(d.channel_id == c.id for d in sent) or any(key[0] == c.id for key in cells)
        ],
        "agencies": _agencies(world, sent, cells),
        "platforms": [
            {"platform": p, "channels": len(_heard(world, sent, cells, p))}
            | _row(world, sent, cells, lambda channel, kind, p=p: world.channels[channel].platform == p)
            for p in sorted({c.platform for c in world.channels.values()})
            if _heard(world, sent, cells, p)
        ],
        "kinds": [
            {"kind": k} | _row(world, sent, cells, lambda channel, kind, k=k: kind == k)
            for k in ("infographic", "photo", "press_release", "video")
            if any(_kind(world, d) == k for d in sent) or any(key[1] == k for key in cells)
        ],
    }
    rows["totals"] |= {
        "cancelled": sum(d.state == "cancelled" and start <= d.since < end for d in world.deliveries.values()),
        "read": len({channel for channel, _kind in cells}),
        "available": {
            name: len({key[0] for key, one in cells.items() if one["gained"][name] is not None}) for name in COUNTS
        },
    }
    return {
        **rows,
        "releases": _releases(world, sent, start, end),
        "punctuality": _punctuality(sent),
        "glance": _glance(world, [*[b for b in reversed(before) if _since_first(world, b)], (start, end)]),
        "failures": [
            d.id
            for d in sorted(world.deliveries.values(), key=lambda d: (d.since, d.id))
            if d.state in ("refused", "missed") and start <= d.since < end
        ],
        "holds": [
            d.id
            for d in sorted(world.deliveries.values(), key=lambda d: (d.since, d.id))
            if d.state in ("held", "unknown") and d.since < end
        ],
        "doubts": _doubts(world, start, end),
        "silent": _silent(world, sent, end),
    }


def _sent(world: World, start: datetime, end: datetime) -> list[Any]:
    return [d for d in world.deliveries.values() if d.published is not None and start <= d.published < end]


def _kind(world: World, delivery: Any) -> str:
    return str(world.releases[delivery.release_id].kind.value)


def _last(samples: Iterable[Any], name: str) -> int | None:
    values = [getattr(sample, name) for sample in samples if getattr(sample, name) is not None]
    return values[-1] if values else None


def gained(samples: Sequence[Any], start: datetime, end: datetime) -> Counts | None:
    """None if no sample belongs to the period."""
    inside = [s for s in samples if start < moment(s) <= end]
    if not inside:
        return None
    before = [s for s in samples if moment(s) <= start]
    counts: Counts = {}
    for name in COUNTS:
        last = _last(inside, name)
        counts[name] = None if last is None else last - (_last(before, name) or 0)
    return counts


def _cells(world: World, start: datetime, end: datetime) -> Any:
    if (start, end) in world.cells:
        return world.cells[start, end]
    cells = world.cells[start, end] = {}
    for publication in world.publications.values():
        samples = world.samples[publication.id]
        counts = gained(samples, start, end)
        if counts is None:
            continue
        key = (publication.channel_id, _kind(world, world.deliveries[publication.delivery_id]))
        cell = cells.setdefault(key, {"readings": 0, "gained": dict.fromkeys(COUNTS)})
        cell["readings"] += sum(start < moment(s) <= end for s in samples)
        for name, value in counts.items():
            if value is not None:
                cell["gained"][name] = (cell["gained"][name] or 0) + value
    return cells


def _interactions(counts: Counts) -> int | None:
    there = [counts[name] for name in ("likes", "comments", "shares", "saves") if counts[name] is not None]
    return sum(value or 0 for value in there) if there else None


def _engagement(parts: Sequence[Counts]) -> dict[str, Any]:
    total: Counts = dict.fromkeys(COUNTS)
    done = seen = 0
    for part in parts:
        for name in COUNTS:
            if part[name] is not None:
                total[name] = (total[name] or 0) + part[name]
        own = _interactions(part)
        if own is not None and part["views"] is not None:
            done, seen = done + own, seen + part["views"]
    return {"gained": total, "interactions": _interactions(total), "rate": done / seen if seen > 0 else None}


def _row(world: World, sent: Sequence[Any], cells: Any, wanted: Any) -> dict[str, Any]:
    mine = [d for d in sent if wanted(d.channel_id, _kind(world, d))]
    own = [cell for key, cell in cells.items() if wanted(*key)]
    return {
        "releases": len({d.release_id for d in mine}),
        "published": len(mine),
        "readings": sum(cell["readings"] for cell in own),
        **_engagement([cell["gained"] for cell in own]),
    }


def _heard(world: World, sent: Sequence[Any], cells: Any, platform: str) -> set[int]:
    heard = {d.channel_id for d in sent} | {channel for channel, _kind in cells}
    return {number for number in heard if world.channels[number].platform == platform}


def _agencies(world: World, sent: Sequence[Any], cells: Any) -> list[dict[str, Any]]:
    rows = []
    for agency in sorted(world.agencies, key=lambda a: a.code):
        row = _row(world, sent, cells, lambda channel, kind, a=agency: world.channels[channel].agency == a.code)
        own = {d.release_id for d in sent if world.releases[d.release_id].agency == agency.code}
        if row["published"] or row["readings"] or own:
            rows.append({"agency": agency.code, "name": agency.name, **row, "releases": len(own)})
    return rows


def _releases(world: World, sent: Sequence[Any], start: datetime, end: datetime) -> list[dict[str, Any]]:
    rows = []
    for number in {d.release_id for d in sent}:
        mine = [d for d in sent if d.release_id == number]
        parts = []
        for publication in world.publications.values():
            if world.deliveries[publication.delivery_id].release_id == number:
                so_far = [s for s in world.samples[publication.id] if moment(s) <= end]
                if so_far:
                    parts.append({name: _last(so_far, name) for name in COUNTS})
        release = world.releases[number]
        about = {"title": release.title, "kind": release.kind.value, "agency": release.agency}
        rows.append({"release": number, **about, "published": len(mine), **_engagement(parts)})
    return sorted(rows, key=lambda row: (-(row["interactions"] or 0), -(row["gained"]["views"] or 0), row["release"]))


def _punctuality(sent: Sequence[Any]) -> dict[str, Any]:
    delays = sorted((d.published - d.due).total_seconds() for d in sent)
    count = len(delays)
    if not count:
        return {"deliveries": 0, "median": None, "p95": None, "worst": None, "on_time": None}
    middle = (delays[(count - 1) // 2] + delays[count // 2]) / 2
    p95 = next(delay for place, delay in enumerate(delays, start=1) if place * 100 >= 95 * count)
    on_time = len([delay for delay in delays if delay <= 60]) / count
    return {"deliveries": count, "median": middle, "p95": p95, "worst": delays[-1], "on_time": on_time}


def _since_first(world: World, span: tuple[datetime, datetime]) -> bool:
    first = min((d.published for d in world.deliveries.values() if d.published), default=None)
    return first is not None and span[1] > first


def _glance(world: World, spans: Sequence[tuple[datetime, datetime]]) -> dict[str, Any]:
    """By figure: now, before, lower quartile, median, upper quartile."""
    past = [_past(world, start, end) for start, end in spans]
    told = {}
    for name in ("releases", "published", "views", "interactions", "rate", "failures"):
        *before, now = [one[name] for one in past]
        known = sorted(value for value in before if value is not None)
        usual = [_between(known, share) for share in (0.25, 0.5, 0.75)] if len(known) >= 4 else [None] * 3
        told[name] = (now, before[-1] if before else None, *usual)
    return told


def _past(world: World, start: datetime, end: datetime) -> dict[str, Any]:
    sent = _sent(world, start, end)
    told = _engagement([cell["gained"] for cell in _cells(world, start, end).values()])
    return {
        "releases": len({d.release_id for d in sent}),
        "published": len(sent),
        "views": told["gained"]["views"],
        "interactions": told["interactions"],
        "rate": told["rate"],
        "failures": sum(d.state in ("refused", "missed") and start <= d.since < end for d in world.deliveries.values()),
    }


def _between(values: Sequence[float], share: float) -> float:
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def _doubts(world: World, start: datetime, end: datetime) -> dict[str, int]:
    became = {"lost": 0, "found": 0, "absent": 0, "person": 0, "open": 0}
    for delivery in world.deliveries.values():
        attempts = sorted((a for a in world.attempts if a.delivery_id == delivery.id), key=lambda a: a.id)
        lost = [a for a in attempts if a.outcome in ("uncertain", "lease over") and start <= a.started < end]
        if not lost:
            continue
        became["lost"] += 1
        if f"delivery {delivery.id}" in world.verdicts:
            became["person"] += 1
        elif delivery.state == "published":
            became["found" if attempts[-1].id == lost[-1].id else "absent"] += 1
        else:
            waits = delivery.state in ("held", "unknown", "publishing", "processing")
            became["open" if waits else "absent"] += 1
    return became


def _silent(world: World, sent: Sequence[Any], end: datetime) -> dict[str, list[str]]:
    spoke = {d.channel_id for d in sent}
    heard = {world.channels[number].agency for number in spoke} | {world.releases[d.release_id].agency for d in sent}
    return {
        "agencies": sorted(a.code for a in world.agencies if a.code not in heard),
        "channels": sorted(c.name for c in world.channels.values() if c.id not in spoke and c.created < end),
    }


def older(world: World, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """The ten releases of which nothing was published in the period whose posts gained most."""
    fresh = {d.release_id for d in _sent(world, start, end)}
    gains: dict[int, Counts] = {}
    for publication in world.publications.values():
        number = world.deliveries[publication.delivery_id].release_id
        counts = gained(world.samples[publication.id], start, end)
        if counts is None or number in fresh:
            continue
        total = gains.setdefault(number, dict.fromkeys(COUNTS))
        for name in COUNTS:
            if counts[name] is not None:
                total[name] = (total[name] or 0) + counts[name]
    rows = [{"release": n, "gained": total, "interactions": _interactions(total)} for n, total in gains.items()]
    return sorted(rows, key=lambda row: (-(row["interactions"] or 0), -(row["gained"]["views"] or 0), row["release"]))[
        :10
    ]


def unread(world: World, end: datetime, young: timedelta) -> int:
    """Posts that had been read before the end, were younger than *young* and still there, without a reading planned for
    the end that was taken at most two hours after it."""
    missing = 0
    for number, publication in world.publications.items():
        out = publication.published
        if out is None or not end - young < out < end:
            continue
        if any(over is not None and over < end for over in (publication.removed, publication.gone)):
            continue
        samples = world.samples[number]
        read = any(s.planned == end and s.at <= end + TWO_HOURS for s in samples)
        missing += any(s.at < end for s in samples) and not read
    return missing


def readings(world: World, start: datetime, end: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """What only the samples tell.

    By hour: what was gained in interactions between two samples at most three hours apart (or since publishing), at
    the local hour in the middle between them, if it is more than nothing; the later one belongs to the period.
    """
    hours = [[0] * 24 for _day in range(7)]
    told = {"publications": 0, "late": 0, "fallen": 0}
    for number, samples in world.samples.items():
        counts = gained(samples, start, end)
        if counts is None:
            continue
        told["publications"] += 1
        told["fallen"] += any(value is not None and value < 0 for value in counts.values())
        told["late"] += any(start < moment(s) <= end and s.at > s.planned + TWO_HOURS for s in samples)
        at, done = world.publications[number].published, 0
        for sample in samples:
            now = _interactions({name: getattr(sample, name) for name in COUNTS})
            near = sample.at - at <= timedelta(hours=3)
            if start < moment(sample) <= end and near and now is not None and done is not None and now > done:
                middle = (at + (sample.at - at) / 2).astimezone(zone)
                hours[middle.weekday()][middle.hour] += now - done
            at, done = sample.at, now
    return {**told, "hours": hours}


def of_agency(world: World, code: str, start: datetime, end: datetime, before: Any) -> Any:
    """The same for one agency: figures of its own channels; its own releases, wherever they went; failures, holds and
    doubts of either."""
    own, concerned = copy(world), copy(world)
    own.cells, concerned.cells = {}, {}
    own.channels = {number: c for number, c in world.channels.items() if c.agency == code}
    own.deliveries = {number: d for number, d in world.deliveries.items() if d.channel_id in own.channels}
    own.publications = {number: p for number, p in world.publications.items() if p.channel_id in own.channels}
    concerned.deliveries = {
        number: d
        for number, d in world.deliveries.items()
        if d.channel_id in own.channels or world.releases[d.release_id].agency == code
    }
    concerned.publications = {n: p for n, p in world.publications.items() if p.delivery_id in concerned.deliveries}
    whole, mine, either = (of_period(one, start, end, before) for one in (world, own, concerned))
    now, last = either["glance"]["failures"][0], _past(concerned, *before[0])["failures"]
    usual = mine["glance"]["failures"][2:]
    if usual[0] is not None:
        known = sorted(_past(concerned, *b)["failures"] for b in before if _since_first(own, b))
        usual = tuple(_between(known, share) for share in (0.25, 0.5, 0.75))
    mine["glance"]["failures"] = (now, last if _since_first(own, before[0]) else None, *usual)
    mine["totals"]["cancelled"] = either["totals"]["cancelled"]
    return {
        **mine,
        "agencies": [row for row in whole["agencies"] if row["agency"] == code],
        "releases": [row for row in whole["releases"] if row["agency"] == code],
        **{name: either[name] for name in ("failures", "holds", "doubts")},
        "silent": {
            "agencies": [one for one in whole["silent"]["agencies"] if one == code],
            "channels": mine["silent"]["channels"],
        },
    }


def of_release(world: World, number: int, until: datetime | None = None) -> dict[str, Any]:
    """What the posts of a release had reached by *until*, at all without it: the last known values, added up."""
    parts = []
    for publication in world.publications.values():
        if world.deliveries[publication.delivery_id].release_id == number:
            taken = [s for s in world.samples[publication.id] if until is None or s.at <= until]
            if taken:
                parts.append({name: _last(taken, name) for name in COUNTS})
    return _engagement(parts)
