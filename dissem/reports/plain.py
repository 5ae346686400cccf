"""The report as plain values for programs: every figure, unrounded, under fixed names."""

import json
import re
from dataclasses import fields, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dissem.errors import told
from dissem.reports.compared import ROWS as TABLES
from dissem.reports.compared import Compared, Pair
from dissem.reports.figures import Glance, Link, Report, Tally, Trouble
from dissem.reports.noticed import Failing, FollowersRow
from dissem.reports.page import notes
from dissem.reports.release import OnChannel, ReleaseReport

ROWS = ("channels", "agencies", "platforms", "kinds", "releases", "failures", "holds", "past", "glance")
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def as_text(report: Report | Compared | ReleaseReport) -> str:
    """JSON that ends with a line break; signs a terminal would obey are written as their numbers."""
    text = json.dumps(as_json(report), ensure_ascii=False, indent=2)
    return _OBEYED.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text) + "\n"


def as_json(report: Report | Compared | ReleaseReport) -> dict[str, Any]:
    """Times ISO 8601 with the zone's offset, `to` exclusive, unavailable figures None."""
    if isinstance(report, Compared):
        return _compared(report)
    return _release(report) if isinstance(report, ReleaseReport) else _period(report)


def _period(report: Report) -> dict[str, Any]:
    zone, period = report.zone, report.period
    return {
        **report.about,
        "from": _plain(period.start, zone),
        "to": _plain(period.end, zone),
        "zone": zone.key,
        "office": report.office,
        "printed": _plain(report.printed, zone),
        "over": report.over,
        "source": report.source,
        "totals": _plain(report.totals, zone),
        "punctuality": _plain(report.punctuality, zone),
        **{name: _plain(getattr(report, name), zone) for name in ROWS},
        "doubts": _plain(report.doubts, zone),
        "silent": _plain(report.silent, zone),
        "endings": list(report.endings),
        "readings": _plain(report.readings, zone),
        **_plain(report.noticed, zone),
        "notes": notes(report),
    }


def _release(report: ReleaseReport) -> dict[str, Any]:
    """Without the pictures."""
    found: dict[str, Any] = _plain(replace(report, pictures={}), report.zone)
    return {**{name: value for name, value in found.items() if name != "pictures"}, "zone": report.zone.key}


def _compared(report: Compared) -> dict[str, Any]:
    """Each figure as what it is now, what it was then, and the change."""
    now, then, zone = report.now.period, report.then.period, report.zone
    return {
        now.unit: now.label,
        "from": _plain(now.start, zone),
        "to": _plain(now.end, zone),
        "compared": {then.unit: then.label, "from": _plain(then.start, zone), "to": _plain(then.end, zone)},
        "zone": zone.key,
        "office": report.office,
        "printed": _plain(report.printed, zone),
        "glance": {name: _pair(pair) for name, pair in report.glance.items()},
        **{
            table: [
                {**row.named, **{name: _pair(pair) for name, pair in row.figures.items()}} for row in report.rows(table)
            ]
            for table in TABLES
        },
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {"now": pair.now, "then": pair.then, "change": pair.change}


def _plain(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Link):
        return value._asdict()
    if isinstance(value, tuple):
        return [_plain(item, zone) for item in value]
    if isinstance(value, Trouble | Failing):
        return {**_fields(value, zone), "reason": told(value.reason) or None}
    if isinstance(value, OnChannel):
        reasons = {name: told(getattr(value, name)) or None for name in ("reason", "failing_reason")}
        return {**_fields(value, zone), "delay": value.delay, **reasons}
    if isinstance(value, Glance | FollowersRow):
        return {**_fields(value, zone), "change": value.change}
    return _fields(value, zone) if hasattr(value, "__dataclass_fields__") else value


def _fields(row: Any, zone: ZoneInfo) -> dict[str, Any]:
    """What the row is about first, then its figures; the counts stand beside them under their own names."""
    shared = {field.name for field in fields(Tally)} if isinstance(row, Tally) else set()
    names = sorted((field.name for field in fields(row)), key=lambda name: name in shared)
    found: dict[str, Any] = {}
    for name in names:
        value = getattr(row, name)
        found |= value if name == "gained" else {name: dict(value) if name == "available" else _plain(value, zone)}
    return found
