"""Time at the doors: the present instant, local days, zones, ISO weeks, and spans of settings."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dissem import i18n
from dissem.errors import WrongInput

INDONESIAN_ZONES = {"WIB": "Asia/Jakarta", "WITA": "Asia/Makassar", "WIT": "Asia/Jayapura"}


def utc_now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The calendar day people of *zone* have at an aware *instant*."""
    return instant.astimezone(zone).date()


def refuse_past(moment: datetime, *, now: datetime, zone: ZoneInfo) -> None:
    """WrongInput, with the full moment, if *moment* lies before *now*."""
    if moment < now:
        raise WrongInput(
            "{moment} is past.",
            hint="It is {now} now; give a later time.",
            moment=i18n.moment(moment, zone),
            now=i18n.moment(now, zone),
        )


# Zones


def zone(name: str) -> ZoneInfo:
    """The zone called *name*: a tz database name ("Asia/Jakarta"), or WIB, WITA, WIT in any case; else WrongInput."""
    key = INDONESIAN_ZONES.get(name.strip().upper(), name.strip())
    try:
        return ZoneInfo(key)
    except (KeyError, ValueError, OSError) as error:  # unknown; not a relative path; a folder such as "Asia"
        raise WrongInput(
            'There is no time zone "{name}".', hint='Did you mean "{guess}"?', name=quotable(name), guess=_similar(name)
        ) from error


def _similar(name: str) -> str:
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    known = {part.lower(): key for key in sorted(available_timezones()) for part in (key, key.rpartition("/")[2])}
    close = get_close_matches(name.strip().lower()[:40], known, n=1)
    return known[close[0]] if close else "Asia/Jakarta"


# Weeks


def week_bounds(week: str, *, now: datetime, zone: ZoneInfo) -> tuple[str, datetime, datetime]:
    """An ISO week as ("2026-W47", Monday 00:00 of *zone*, the Monday after): instants in UTC, the end exclusive.

    *week* is a label like "2026-W47", or "this"/"ini", or "last"/"lalu": the last full week; else WrongInput.
    """
    monday = _monday_of(week.strip(), local_day(now, zone))
    year, number, _weekday = monday.isocalendar()
    start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (monday, monday + timedelta(days=7)))
    return f"{year}-W{number:02}", start, end


def _monday_of(week: str, today: date) -> date:
    this = today - timedelta(days=today.weekday())
    said = week.lower()
    if said in ("this", "ini"):
        return this
    if said in ("last", "lalu"):
        return this - timedelta(days=7)
    if label := re.fullmatch(r"(20[0-9]{2})-w([0-9]{2})", said):
        with suppress(ValueError):  # week 54, or 53 in a year of 52
            return date.fromisocalendar(int(label[1]), int(label[2]), 1)
    raise WrongInput(
        'There is no week "{week}".',
        hint='Write it as "{example}", "this" or "last".',
        week=quotable(week),
        example="2026-W47",
    )


# Spans of settings

_SPAN_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "min": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_SPAN_PIECE = r"([0-9]{1,6}) ?([a-z]+) ?"
_SPAN_WORDS = {"hari": "d", "jam": "h", "menit": "min", "detik": "s"}


def parse_span(text: str) -> timedelta:
    """A span of a setting: "90s", "20 min", "12 h", "3 d", "1 h 30 min", "500 ms"; units also hari, jam, menit, detik.

    Larger units come first, each once. No unit, `m` (month or minute?), fractions and signs are WrongInput.
    """
    plain = text.strip().lower()
    pieces = [(int(amount), _SPAN_WORDS.get(unit, unit)) for amount, unit in re.findall(_SPAN_PIECE, plain)]
    units = [unit for _amount, unit in pieces]
    if not re.fullmatch(f"(?:{_SPAN_PIECE})+", plain) or units != [unit for unit in _SPAN_UNITS if unit in units]:
        raise WrongInput(
            '"{span}" is not a span of time.', hint="Write it as in 90 s, 20 min, 12 h or 3 d.", span=quotable(text)
        )
    return sum((amount * _SPAN_UNITS[unit] for amount, unit in pieces), timedelta())


def show_span(delta: timedelta) -> str:
    """A span as `parse_span` reads it, largest units first: "1 h 30 min"; below a millisecond is dropped."""
    if delta < timedelta():
        return f"-{show_span(-delta)}"
    shown = []
    for unit, size in _SPAN_UNITS.items():
        amount, delta = divmod(delta, size)
        if amount:
            shown.append(f"{amount} {unit}")
    return " ".join(shown) or "0 s"


# What was typed, in an error


def quotable(text: str, longest: int = 40) -> str:
    """*text* as an error may repeat it: one line, nothing a terminal would obey, not endless."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return line if len(line) <= longest else f"{line[:longest]}…"
