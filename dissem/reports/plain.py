"""The report as plain values for programs: every figure, unrounded, under fixed names."""

import json
import re
from dataclasses import fields
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dissem.errors import told
from dissem.reports.figures import Glance, Report, Tally, Trouble
from dissem.reports.page import notes

ROWS = ("channels", "agencies", "platforms", "kinds", "releases", "failures", "holds", "past", "glance")
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def as_text(report: Report) -> str:
    """JSON that ends with a line break; signs a terminal would obey are written as their numbers."""
    text = json.dumps(as_json(report), ensure_ascii=False, indent=2)
    return _OBEYED.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text) + "\n"


def as_json(report: Report) -> dict[str, Any]:
    """Times ISO 8601 with the zone's offset, `to` exclusive, unavailable figures None."""
    zone, period = report.zone, report.period
    return {
        period.unit: period.label,
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
        "notes": notes(report),
    }


def _plain(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item, zone) for item in value]
    if isinstance(value, Trouble):
        return {**_fields(value, zone), "reason": told(value.reason) or None}
    if isinstance(value, Glance):
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
