"""Words in two languages, Indonesian first, and the habits of numbers and dates.

A text stands in the code in English and is the key of the catalogue `locale/id/LC_MESSAGES/dissem.po`;
`_()` answers in the language of the reader, which is a context variable, so one process can serve both.
Places in a text are named, as in `_("Channel {name} is paused.")`, and filled with `str.format`.
"""

import gettext
from contextvars import ContextVar
from datetime import date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

LANGUAGES = ("id", "en")
language: ContextVar[str] = ContextVar("language", default="id")

_DAYS = {
    "id": ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS = {
    "id": (
        "Januari",
        "Februari",
        "Maret",
        "April",
        "Mei",
        "Juni",
        "Juli",
        "Agustus",
        "September",
        "Oktober",
        "November",
        "Desember",
    ),
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
}
_ZONES = {"Asia/Jakarta": "WIB", "Asia/Pontianak": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}


@cache
def _catalogue(code: str) -> gettext.NullTranslations:
    return gettext.translation("dissem", Path(__file__).parent / "locale", languages=[code], fallback=True)


def _(text: str, **values: object) -> str:
    """*text* in the reader's language, its `{places}` filled from *values*."""
    translated = _catalogue(language.get()).gettext(text) if text else ""
    return translated.format(**values) if values else translated


def number(value: int | None) -> str:
    """12345 → "12.345" (Indonesian) or "12,345"; None, an unavailable figure, → "–"."""
    if value is None:
        return "–"
    grouped = f"{value:,}"
    return grouped.replace(",", ".") if language.get() == "id" else grouped


def decimal(value: float | None, places: int = 1) -> str:
    """3.25 → "3,3" (Indonesian) or "3.3"; None → "–"."""
    if value is None:
        return "–"
    text = f"{value:,.{places}f}"
    return text.translate(str.maketrans(",.", ".,")) if language.get() == "id" else text


def day(value: date, *, weekday: bool = True) -> str:
    """A date in full: "Selasa, 24 November 2026"."""
    code = language.get()
    text = f"{value.day} {_MONTHS[code][value.month - 1]} {value.year}"
    return f"{_DAYS[code][value.weekday()]}, {text}" if weekday else text


def moment(value: datetime, zone: ZoneInfo) -> str:
    """An aware instant as people of *zone* read it: "Selasa, 24 November 2026 pukul 09.00 WIB"."""
    local = value.astimezone(zone)
    if language.get() == "id":
        return f"{day(local)} pukul {local:%H.%M}{_seconds(local, '.')} {zone_label(local, zone)}"
    return f"{day(local)} at {local:%H:%M}{_seconds(local, ':')} {zone_label(local, zone)}"


def short_moment(value: datetime, zone: ZoneInfo) -> str:
    """The same for narrow tables: "24/11/2026 09.00"."""
    local = value.astimezone(zone)
    return f"{local:%d/%m/%Y %H.%M}" if language.get() == "id" else f"{local:%Y-%m-%d %H:%M}"


def zone_label(value: datetime, zone: ZoneInfo) -> str:
    """WIB, WITA, WIT, or what the zone calls itself."""
    return _ZONES.get(zone.key) or value.astimezone(zone).tzname() or zone.key


def _seconds(local: datetime, mark: str) -> str:
    return f"{mark}{local:%S}" if local.second else ""
