"""Words and number habits of the report, in the reader's language."""

from datetime import date, datetime, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from dissem import i18n
from dissem.channels.adapter import Why
from dissem.channels.registry import adapter_class, platforms
from dissem.i18n import _
from dissem.reports import periods
from dissem.reports.figures import Report

Shape = Literal["text", "id", "number", "share", "seconds", "moment", "change"]
Value = str | int | float | datetime | None
NONE = "–"


def said(value: Value, shape: Shape, zone: ZoneInfo) -> str:
    """*value* as people read it; None, an unavailable figure, is a dash."""
    if value is None:
        return NONE
    if isinstance(value, datetime):
        return i18n.short_moment(value, zone)
    if isinstance(value, str):
        return value
    if shape == "id":
        return str(value)
    if shape == "share":
        return share(value)
    if shape == "seconds":
        return duration(value)
    if shape == "change":
        return change(value, "number")
    return number(value)


def number(value: float | None) -> str:
    """Whole numbers as they are; a quartile between them with one decimal while it is small."""
    if isinstance(value, float) and not value.is_integer() and abs(value) < 100:
        return i18n.decimal(value)
    return i18n.number(None if value is None else round(value))


def short(value: float) -> str:
    """For narrow places: 1234567 → "1.2 M", 45678 → "45.7k"; small numbers as they are."""
    if abs(value) >= 1_000_000:
        return _("{number} M", number=i18n.decimal(value / 1_000_000))
    if abs(value) >= 10_000:
        return _("{number}k", number=i18n.decimal(value / 1000, 0 if abs(value) >= 100_000 else 1))
    return number(value)


def share(value: float | None) -> str:
    """0.0312 → "3.1%"; whole percents as they are, a share below a tenth of a percent with two decimals."""
    if value is None:
        return NONE
    places = 0 if round(value * 100, 6) % 1 == 0 else 1 if abs(value) >= 0.001 else 2
    return f"{i18n.decimal(value * 100, places)}%"


def change(value: float | None, shape: Shape) -> str:
    """With its sign; shares change by points, not by percent."""
    if value is None:
        return NONE
    if shape == "share":
        points = round(value * 100, 1)
        return _("{sign}{number} points", sign=_sign(points), number=i18n.decimal(abs(points), 1 if points else 0))
    return f"{_sign(value)}{number(abs(value))}"


def percent(now: float | None, before: float | None) -> str:
    """How much more or less than before, in whole percent; empty where that says nothing."""
    if now is None or not before or before < 0 or now == before:
        return ""
    parts = round((now - before) / before * 100)
    return f"{_sign(parts)}{i18n.number(abs(parts))}%"


def _sign(value: float) -> str:
    return "+" if value > 0 else "−" if value < 0 else "±"


def duration(seconds: float | None) -> str:
    """A delay as people say it: seconds below two minutes, minutes below two hours, then hours; None is a dash."""
    if seconds is None:
        return NONE
    if abs(seconds) < 120:
        return _("{number} seconds", number=i18n.decimal(seconds, 0))
    if abs(seconds) < 7200:
        return _("{number} minutes", number=i18n.decimal(seconds / 60))
    return _("{number} hours", number=i18n.decimal(seconds / 3600))


def period_title(report: Report) -> str:
    """ "Pekan ke-48, 23–29 November 2026", or a month by its name: "November 2026"."""
    first, last = periods.days(report.period, report.zone)
    if report.period.unit == "month":
        return _month(first)
    return _("Week {number}, {days}", number=first.isocalendar().week, days=span(first, last))


def span(first: date, last: date) -> str:
    """Two days as briefly as people write them: "23–29 November 2026", "30 November – 6 Desember 2026"."""
    end = i18n.day(last, weekday=False)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{end}"
    start = i18n.day(first, weekday=False)
    return f"{start.removesuffix(f' {first.year}') if first.year == last.year else start} – {end}"


def _month(day: date) -> str:
    return i18n.day(day, weekday=False).partition(" ")[2]


def period_short(label: str) -> str:
    """A period under a bar: "W47" or "11/26"."""
    if "W" in label:
        return _("W{number}", number=label.partition("W")[2])
    year, _dash, month = label.partition("-")
    return f"{month}/{year[2:]}"


def weekday(number: int) -> str:
    """Monday is 0; in full."""
    return i18n.day(date(2026, 11, 23) + timedelta(days=number)).partition(",")[0]


def hour(number: int) -> str:
    """ "09.00" (Indonesian) or "09:00"."""
    return f"{number:02}.00" if i18n.language.get() == "id" else f"{number:02}:00"


def counts() -> dict[str, str]:
    return {
        "views": _("Views"),
        "reach": _("Reach"),
        "likes": _("Likes"),
        "comments": _("Comments"),
        "shares": _("Shares"),
        "saves": _("Saves"),
        "clicks": _("Clicks"),
        "watch_seconds": _("Seconds watched"),
    }


def platform(name: str) -> str:
    """As people call it: "x" → "X". One that nobody knows any more by the name it was kept under."""
    return adapter_class(name).facts.label if name in platforms() else name


def why(name: str) -> str:
    """Why a count that the platform has was not told, by the word that the ledger keeps."""
    known: dict[str, str] = {
        Why.RIGHT: _("The login lacks the right to read it."),
        Why.FEW: _("Too few people have seen the post yet."),
        Why.HIDDEN: _("The account hides it."),
        Why.AGED: _("Told of younger posts only."),
        Why.RETIRED: _("The platform does not tell it any more."),
        Why.SILENT: _("The platform left it out this time."),
    }
    return known.get(name, name)


def kind(name: str) -> str:
    return {
        "press_release": _("Press release"),
        "photo": _("Photo"),
        "infographic": _("Infographic"),
        "video": _("Video"),
    }.get(name, name)


class Stated(Protocol):
    """A delivery, as far as its state goes."""

    @property
    def state(self) -> str: ...
    @property
    def held(self) -> str | None: ...


def state(one: Stated) -> str:
    key = f"{one.state} {one.held}" if one.held else one.state
    return {
        "proposed": _("Proposed"),
        "waiting": _("Waiting for its time"),
        "preparing": _("Being prepared"),
        "publishing": _("Being published"),
        "processing": _("The platform still works on it"),
        "published": _("Published"),
        "refused": _("Refused"),
        "missed": _("Missed"),
        "cancelled": _("Cancelled"),
        "unknown": _("Being looked up"),
        "held unknown": _("Nobody can tell whether it is public"),
        "held twice": _("Seems to be public twice"),
        "held part": _("Only a part is public"),
        "held processing": _("The platform never finished"),
        "held handed": _("Handed over to be posted by hand"),
        "held poison": _("Stopped dissem twice"),
    }.get(key, key)


def outcome(name: str | None) -> str:
    """What came of a request that did not end in a proof."""
    return {
        None: _("Still open"),
        "uncertain": _("The answer was lost"),
        "lease over": _("Broken off before the answer came"),
        "refused": _("Refused"),
        "no recipient": _("The address takes nothing"),
        "unauthorized": _("The login was not accepted"),
        "later": _("Not ready yet"),
        "not sent": _("Did not arrive"),
        "too late": _("Came too late"),
    }.get(name, name or "")


def step(action: str) -> str:
    """What somebody did, by the word of the audit record."""
    return {
        "release.add": _("Drafted"),
        "release.edit": _("Edited"),
        "release.schedule": _("Scheduled"),
        "release.submit": _("Submitted for approval"),
        "release.approve": _("Approved"),
        "release.reject": _("Rejected"),
        "release.withdraw": _("Withdrawn"),
        "delivery.cancel": _("Cancelled"),
        "delivery.retry": _("Tried again"),
        "delivery.reschedule": _("Given another time"),
        "delivery.resolve": _("Looked at and decided"),
        "delivery.remove": _("Taken down"),
    }.get(action, action)


def stage(name: str) -> str:
    """Where a release stands."""
    return {
        "draft": _("Draft"),
        "submitted": _("Waiting for approval"),
        "approved": _("Approved"),
        "rejected": _("Rejected"),
    }.get(name, name)


def age(hours: float) -> str:
    """How old, for narrow places: hours, then days, then weeks."""
    if hours < 24:
        return _("{number} h", number=i18n.number(round(hours)))
    if hours < 168 or hours % 168:
        return _("{number} d", number=i18n.number(round(hours / 24)))
    return _("{number} wk", number=i18n.number(round(hours / 168)))


def glance(name: str) -> tuple[str, Shape]:
    """What a figure of the glance is called, and how it is written."""
    named: dict[str, tuple[str, Shape]] = {
        "releases": (_("Releases published"), "number"),
        "published": (_("Posts published"), "number"),
        "views": (_("Views"), "number"),
        "interactions": (_("Interactions"), "number"),
        "rate": (_("Engagement rate"), "share"),
        "failures": (_("Refused or missed"), "number"),
    }
    return named[name]
