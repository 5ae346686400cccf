"""Weeks and months as periods of a report, and those before them."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dissem.clock import local_day, quotable, week_bounds
from dissem.errors import WrongInput
from dissem.reports.figures import Period


def week(label: str, *, now: datetime, zone: ZoneInfo) -> Period:
    """The ISO week *label* as `dissem.clock.week_bounds` reads it: "2026-W47", "this" or "last"."""
    return Period("week", *week_bounds(label, now=now, zone=zone))


def month(label: str, *, now: datetime, zone: ZoneInfo) -> Period:
    """The calendar month *label*: "2026-11", "this" ("ini") or "last" ("lalu"), seen from *now*; else WrongInput."""
    return _month(_first_of(label.strip().lower(), local_day(now, zone)), zone)


def before(period: Period, zone: ZoneInfo) -> Period:
    """The period of the same kind that ends where *period* begins."""
    last = local_day(period.start - datetime.resolution, zone)
    if period.unit == "month":
        return _month(last.replace(day=1), zone)
    return week("this", now=period.start - datetime.resolution, zone=zone)


def days(period: Period, zone: ZoneInfo) -> tuple[date, date]:
    """The first and the last local day of *period*."""
    return local_day(period.start, zone), local_day(period.end - datetime.resolution, zone)


def _first_of(said: str, today: date) -> date:
    this = today.replace(day=1)
    if said in ("this", "ini"):
        return this
    if said in ("last", "lalu"):
        return (this - timedelta(days=1)).replace(day=1)
    if found := re.fullmatch(r"(20[0-9]{2})-(0[1-9]|1[0-2])", said):
        return date(int(found[1]), int(found[2]), 1)
    raise WrongInput(
        'There is no month "{month}".',
        hint='Write it as "{example}", "this" or "last".',
        month=quotable(said),
        example="2026-11",
    )


def _month(first: date, zone: ZoneInfo) -> Period:
    following = (first + timedelta(days=31)).replace(day=1)
    start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, following))
    return Period("month", f"{first:%Y-%m}", start, end)
