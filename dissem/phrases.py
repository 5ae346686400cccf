"""Times as people write them, in Indonesian and English: from a phrase to an aware UTC instant.

A written time is cut into tokens, the tokens are brought to one vocabulary (`tomorrow` → `besok`, `dua puluh` → `20`),
and the rules of `_GRAMMAR` eat them from left to right. What no rule eats is an error, and so is what has two readings:

- `Jumat depan` on a Monday (this week's or next week's), `Senin` on a Monday (today or in a week);
- `malam Jumat`, which is the evening before Friday, and `malam 17 Agustus`, the eve of the feast;
- `minggu depan jam 6`, next week or next Sunday (`hari Minggu`, `Minggu jam 6` are Sundays; weeks begin on Monday);
- `jam 12 malam`, `tengah malam`, `jam 24` (of which day?), `setengah satu` without a part of the day.

Taken as written: `jam 7` is 07.00. An hour without a day is today's, and refused when over. A day without a year (or
`tanggal 5` without a month) is the next one, today included. `2 jam lagi` ends on a full minute, never early.
`akhir bulan` is the last day of the month. `sekarang`, `segera` and `now` are the next full second.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dissem import i18n
from dissem.clock import INDONESIAN_ZONES, quotable, refuse_past
from dissem.errors import WrongInput

EXAMPLE = "besok jam 9"
_LONGEST = 200  # characters; a time is a short phrase
_YEARS = range(2000, 2100)

# What a rule may say

Day = Callable[[date], date]  # today → the day meant; ValueError if the calendar has no such day


class Clock(NamedTuple):
    """A time of day as written, before a part of the day (`malam`) decides its half."""

    at: time
    fixed: bool = False  # ISO: 24 hours, no part of the day can move it
    unsure: bool = False  # "setengah satu": after midnight or after noon, only a part of the day tells


class Meaning(NamedTuple):
    """What a rule, or a whole phrase, says; each thing may be said once."""

    day: Day | None = None
    weekday: int | None = None
    which: str | None = None  # "ini" or "depan" directly behind a weekday
    week: int | None = None  # "pekan ini" 0, "pekan depan" 1
    clock: Clock | None = None
    part: str | None = None
    zone: tzinfo | None = None
    delay: timedelta | None = None
    ahead: bool | None = None  # "nanti": today, and still to come


class Phrase(NamedTuple):
    """The meaning of all tokens, and the words that gave each part of it."""

    meaning: Meaning
    said: dict[str, str]
    text: str


def understand(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """The instant *text* means to somebody in *zone* at *now*, in UTC; it may be past (see `clock.refuse_past`).

    Reads ISO 8601 (naive means *zone*), Indonesian phrases and their English sisters: "besok jam 9", "24/11/2026 10.00
    WITA", "Senin depan pukul 08.00", "setengah jam lagi", "tomorrow 9:00", and every echo of `i18n.moment`. What is not
    wholly understood, names no hour, contradicts itself or has two readings is WrongInput naming the piece.
    """
    phrase = _read(_tokens(text), quotable(text, _LONGEST))
    meaning = phrase.meaning
    if meaning.delay is not None:
        unit = timedelta(minutes=1) if meaning.delay else timedelta(seconds=1)
        return _full(unit, now + _alone(phrase, meaning.delay))
    day = _day(phrase, now, zone)
    instant = _instant(phrase, day, _time(phrase), meaning.zone or zone)
    if meaning.ahead or not phrase.said.keys() & {"day", "weekday"}:
        refuse_past(instant, now=now, zone=zone)
    return instant


# From text to tokens


class Token(NamedTuple):
    """One word of the common vocabulary, and what was typed for it."""

    word: str
    said: str


_ISO_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,6})?)?"
# A minus counts as offset only behind the "T" form: "2026-11-24 09:00-10:00" is somebody's range of hours.
_LEXER = rf"""
    (?P<iso>   [0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}
               (?: T{_ISO_CLOCK}(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})? | [ ]{_ISO_CLOCK}(?:Z|[ ]?\+[0-9]{{2}}:?[0-9]{{2}})? )
               (?![0-9a-z:+/-]|[.,][0-9]) )
  | (?P<digits> [0-9]+(?:[./:-][0-9]+)* )
  | (?P<word>  [a-z]+(?:['’][a-z]+)?\.? )
  | (?P<space> [ ]+ | ,(?=[ ]|$) | (?<=[a-z]), | \.$ )
  | (?P<other> [^ ]+ )
"""

_WEEKDAYS = ("senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "ahad")
_PARTS = {  # part of the day → the hours people give that name; a 12-hour time must fit exactly one
    "dini hari": range(5),
    "pagi": range(1, 12),
    "siang": range(10, 17),
    "sore": range(14, 19),
    "petang": range(15, 20),
    "malam": range(18, 24),
    "am": range(1, 12),
    "pm": range(12, 24),
    "afternoon": range(12, 19),
    "evening": range(17, 24),
}
_EXAMPLE_HOURS = {"dini hari": 3, "pagi": 9, "siang": 1, "sore": 4, "petang": 5, "malam": 7, "am": 9, "pm": 4}
_MONTHS = (
    "januari jan january",
    "februari feb february pebruari",
    "maret mar march",
    "april apr",
    "mei may",
    "juni jun june",
    "juli jul july",
    "agustus agu agt ags agus aug august",
    "september sep sept",
    "oktober okt oct october",
    "november nov nop nopember",
    "desember des dec december",
)
_SAME = {  # one word of the common vocabulary (or two) ← other ways to say it
    "senin": "monday mon",
    "selasa": "tuesday tue",
    "rabu": "wednesday wed",
    "kamis": "thursday thu",
    "jumat": "jum'at jum’at friday fri",
    "sabtu": "saturday sat",
    "ahad": "sunday sun",
    "sekarang": "now immediately",
    "kemarin": "yesterday",
    "hari ini": "today",
    "besok": "esok tomorrow",
    "pagi": "morning",
    "malam": "night",
    "malam ini": "tonight",
    "tengah hari": "noon",
    "tengah malam": "midnight",
    "pukul": "pkl at",
    "lewat": "lebih",
    "tanggal": "tgl",
    "pada": "on",
    "menit": "mnt minute minutes min",
    "hours": "hour",
    "hari": "day days",
    "pekan": "week weeks",
    "1 menit": "semenit",
    "1 jam": "sejam",
    "1 hari": "sehari",
    "1 pekan": "sepekan seminggu",
}
_VOCABULARY = {other: word for word, others in _SAME.items() for other in others.split()} | {
    name: f"m{number:02}" for number, names in enumerate(_MONTHS, 1) for name in names.split()
}
_UNITS = ("satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan")
_DIGITS = {word: number for number, word in enumerate(_UNITS, 1)}


def _tokens(text: str) -> list[Token]:
    """*text* in the common vocabulary; WrongInput if empty, endless, or with signs no time is written with."""
    plain = " ".join(text.split())
    if not plain or len(plain) > _LONGEST:
        raise WrongInput(
            '"{piece}" is not a time.', hint='Write it as in "{example}".', piece=quotable(plain), example=EXAMPLE
        )
    return _qualified(_counted([token for piece in _lexed(plain) for token in piece]))


def _lexed(plain: str) -> Iterator[list[Token]]:
    for match in re.finditer(_LEXER, plain, re.VERBOSE | re.IGNORECASE | re.ASCII):
        said = match.group()
        if match.lastgroup == "other":
            raise _not_understood(said)
        if match.lastgroup == "iso":
            yield [Token(said.upper().replace(" ", "T", 1).replace(" ", ""), said)]
        elif match.lastgroup == "digits":
            yield [Token(said, said)]
        elif match.lastgroup == "word":
            word = said.lower().rstrip(".")
            yield [Token(known, said) for known in _VOCABULARY.get(word, word).split()]


def _counted(tokens: Sequence[Token]) -> list[Token]:
    """Numbers in words as digits: "dua puluh satu" → 21."""
    counted = []
    start = 0
    while start < len(tokens):
        value, length = _number([token.word for token in tokens[start : start + 3]])
        said = " ".join(token.said for token in tokens[start : start + length])
        counted.append(Token(str(value), said) if value else tokens[start])
        start += length
    return counted


def _number(words: Sequence[str]) -> tuple[int, int]:
    """The number *words* begin with, 0 if none, and how many words it takes."""
    digit, second, third = _DIGITS.get(words[0], 0), *[*words[1:], "", ""][:2]
    if words[0] in ("sepuluh", "sebelas"):
        return (10 if words[0] == "sepuluh" else 11), 1
    if digit > 1 and second == "belas":
        return digit + 10, 2
    if digit > 1 and second == "puluh":
        return digit * 10 + _DIGITS.get(third, 0), 3 if third in _DIGITS else 2
    return digit, 1


def _qualified(tokens: Sequence[Token]) -> list[Token]:
    """English order to Indonesian: "next monday" → "senin depan", "this week" → "pekan ini"."""
    ordered = list(tokens)
    for place, (token, after) in enumerate(pairwise(tokens)):
        if token.word in ("next", "this"):
            said = f"{token.said} {after.said}"
            ordered[place] = Token(after.word, said)
            ordered[place + 1] = Token("depan" if token.word == "next" else "ini", said)
    return ordered


# The rules: each turns one match into a Meaning; ValueError means there is no such day or hour


def _iso(match: re.Match[str]) -> Meaning:
    value = datetime.fromisoformat(match.group())
    return Meaning(day=_exactly(value.date()), clock=Clock(value.time(), fixed=True), zone=value.tzinfo)


def _delay(match: re.Match[str]) -> Meaning:
    """ "2 jam lagi", "2 jam 30 menit lagi", "satu setengah jam lagi", "setengah jam lagi", "in 2 hours"."""
    if match["fraction"]:
        return Meaning(delay=timedelta(minutes=30 if match["fraction"] == "setengah" else 15))
    minutes = int(match["only"] or match["minutes"] or 0) + (30 if match["half"] else 0)
    delay = timedelta(hours=int(match["hours"] or 0), minutes=minutes)
    if not delay:
        raise ValueError("no delay at all")
    return Meaning(delay=delay)


def _at_once(match: re.Match[str]) -> Meaning:
    return Meaning(delay=timedelta(0))


def _days_ahead(match: re.Match[str]) -> Meaning:
    days = int(match["n"]) * (1 if match["unit"] == "hari" else 7)
    if not days:
        raise ValueError("no days at all")
    return Meaning(day=_after(days))


def _named_day(match: re.Match[str]) -> Meaning:
    days = {"hari ini": 0, "nanti": 0, "besok": 1, "lusa": 2}[match.group()]
    return Meaning(day=_after(days), ahead=True if match.group() == "nanti" else None)


def _part_today(match: re.Match[str]) -> Meaning:
    return Meaning(day=_after(0), part=match["part"])


def _weekday(match: re.Match[str]) -> Meaning:
    found = match.groupdict()
    week = {"ini": 0, "depan": 1}.get(found.get("week") or "")
    return Meaning(
        weekday=_weekday_number(match["weekday"]), which=found.get("which"), week=week, part=found.get("part")
    )


def _week(match: re.Match[str]) -> Meaning:
    return Meaning(week=0 if match["week"] == "ini" else 1)


def _date(match: re.Match[str]) -> Meaning:
    day, month, year = int(match["d"]), int(match["m"]), match.groupdict().get("y")
    return Meaning(day=_exactly(date(int(year), month, day)) if year else _next_date(day, month))


def _day_of_month(match: re.Match[str]) -> Meaning:
    day, which = int(match["d"]), match["which"]

    def find(today: date) -> date:
        ahead = which == "depan" or (not which and day < today.day)
        return _first_of_month(today, int(ahead)).replace(day=day)

    return Meaning(day=find)


def _month_end(match: re.Match[str]) -> Meaning:
    months = 2 if match["which"] == "depan" else 1
    return Meaning(day=lambda today: _first_of_month(today, months) - timedelta(days=1))


def _written_clock(match: re.Match[str]) -> Meaning:
    found = match.groupdict()
    return Meaning(clock=Clock(time(int(match["h"]), int(found.get("min") or 0), int(found.get("sec") or 0))))


def _half_before(match: re.Match[str]) -> Meaning:
    """ "setengah sembilan" is half an hour before nine."""
    hour = int(match["h"])
    if hour not in range(1, 13):
        raise ValueError("halves are counted on a face of twelve hours")
    return Meaning(clock=Clock(time(hour - 1, 30), unsure=hour == 1))


def _around_the_hour(match: re.Match[str]) -> Meaning:
    """ "jam 9 lewat seperempat" and "jam 9 kurang 5 menit"."""
    hour, minutes = time(int(match["h"])).hour, 15 if match["min"] == "seperempat" else int(match["min"])
    if minutes not in range(1, 60):
        raise ValueError("an hour has sixty minutes")
    if match["way"] == "lewat":
        return Meaning(clock=Clock(time(hour, minutes)))
    return Meaning(clock=Clock(time(hour - 1, 60 - minutes), unsure=hour == 1))


def _noon(match: re.Match[str]) -> Meaning:
    return Meaning(clock=Clock(time(12), fixed=True))


def _part(match: re.Match[str]) -> Meaning:
    return Meaning(part=match["part"])


def _zone_name(match: re.Match[str]) -> Meaning:
    key = INDONESIAN_ZONES.get(match.group().upper())
    return Meaning(zone=ZoneInfo(key) if key else UTC)


def _nothing(match: re.Match[str]) -> Meaning:
    return Meaning()


# Traps: what a piece is refused with


def _eve(piece: str) -> WrongInput:
    return WrongInput(
        '"{piece}" may be the evening before that day.',
        hint='Write the day first, as in "{example}".',
        piece=piece,
        example="24 November jam 7 malam",
    )


def _midnight(piece: str) -> WrongInput:
    return WrongInput(
        'It is not clear to which day "{piece}" belongs.',
        hint='Write the hour in figures, as in "{example}".',
        piece=piece,
        example="besok jam 00.00",
    )


def _past(piece: str) -> WrongInput:
    return WrongInput(
        '"{piece}" is past.',
        hint='Write a day and an hour to come, as in "{example}".',
        piece=quotable(piece),
        example=EXAMPLE,
    )


_AT = "(?:jam|pukul)"
_HOURS = "(?:jam|hours)"
_WEEKS = "(?:pekan|minggu)"
_N = r"\d{1,3}"
_NN = r"\d{1,2}"
_WEEKDAY = f"(?:{'|'.join(_WEEKDAYS)}|minggu)"
_NAMED_PART = f"(?P<part>{'|'.join(_PARTS)})"
_DATE = rf"(?:tanggal )?(?P<d>{_NN})"
_SPAN = (
    rf"(?:(?P<hours>{_N})(?P<half> setengah)? {_HOURS}(?: (?P<minutes>{_N}) menit)?"
    rf"|(?P<only>{_N}) menit|(?P<fraction>setengah|seperempat) {_HOURS})"
)
# Looked for before any rule: readings that would be wrong for half of the readers.
_TRAPS: tuple[tuple[str, Callable[[str], WrongInput]], ...] = (
    (rf"malam (?:{_WEEKDAY}|{_NN} m\d\d|{_NN}/\S+|{_NN}[.-]{_NN}[.-]\d{{4}}|\d{{4}}-\S+)", _eve),
    ("tengah malam", _midnight),
    (rf"kemarin(?: dulu)?|(?:{_WEEKDAY}|{_WEEKS}|bulan|tahun) (?:lalu|kemarin)|tadi(?: {_NAMED_PART})?", _past),
)
# Tried in this order at every place, so that a longer reading comes before the shorter one it begins with.
_GRAMMAR: tuple[tuple[str, Callable[[re.Match[str]], Meaning]], ...] = (
    (r"\d{4}-\d\d-\d\dT\S+", _iso),
    ("sekarang(?: juga)?|segera|secepatnya", _at_once),
    (rf"{_SPAN} lagi", _delay),
    (rf"in {_SPAN}", _delay),
    (rf"(?P<n>{_N}) (?P<unit>hari|{_WEEKS}) lagi", _days_ahead),
    (rf"in (?P<n>{_N}) (?P<unit>hari|pekan)", _days_ahead),
    ("hari ini|nanti|besok|lusa", _named_day),
    (rf"(?:hari )?(?P<weekday>{_WEEKDAY}) {_WEEKS} (?P<week>ini|depan)", _weekday),
    (rf"hari (?P<weekday>{_WEEKDAY}) (?P<which>ini|depan)", _weekday),
    (rf"(?!minggu)(?P<weekday>{_WEEKDAY}) (?P<which>ini|depan)", _weekday),
    (rf"{_WEEKS} (?P<week>ini|depan)", _week),
    (rf"(?:hari )?(?P<weekday>{_WEEKDAY})(?: {_NAMED_PART})?", _weekday),
    (rf"{_DATE} m(?P<m>\d\d)(?: (?P<y>\d{{4}}))?", _date),
    (rf"{_DATE}(?P<mark>[/.-])(?P<m>{_NN})(?P=mark)(?P<y>\d{{4}})", _date),
    (rf"{_DATE}/(?P<m>{_NN})", _date),
    (r"(?:tanggal )?(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)", _date),
    (rf"tanggal (?P<d>{_NN})(?: bulan (?P<which>ini|depan))?", _day_of_month),
    (r"akhir bulan(?: (?P<which>ini|depan))?", _month_end),
    (rf"{_AT} (?P<h>{_NN}) (?P<way>lewat|kurang) (?P<min>seperempat|{_NN})(?: menit)?", _around_the_hour),
    (rf"(?:{_AT} )?setengah (?P<h>{_NN})", _half_before),
    (rf"(?:{_AT} )?(?P<h>{_NN})[.:](?P<min>\d\d)(?:[.:](?P<sec>\d\d))?", _written_clock),
    (rf"{_AT} (?P<h>{_NN})", _written_clock),
    (rf"(?P<h>{_NN})(?= {_NAMED_PART}(?: |$))", _written_clock),
    ("tengah hari", _noon),
    (rf"{_NAMED_PART} ini", _part_today),
    (rf"{_NAMED_PART}(?: hari(?! ini| {_WEEKDAY}))?", _part),
    ("wib|wita|wit|utc|gmt", _zone_name),
    (r"pada(?= (?!pada)\S)", _nothing),
)


# Reading: every token belongs to a rule, and no two rules say the same


def _read(tokens: Sequence[Token], text: str) -> Phrase:
    phrase = Phrase(Meaning(), {}, text)
    while tokens:
        meaning, length = _first_rule(tokens)
        phrase = _joined(phrase, meaning, _said(tokens[:length]))
        tokens = tokens[length:]
    return phrase


def _first_rule(tokens: Sequence[Token]) -> tuple[Meaning, int]:
    """What the first rule that fits says, and how many tokens it took; WrongInput if none fits."""
    line = " ".join(token.word for token in tokens)
    for pattern, trap in _TRAPS:
        if match := _match(pattern, line):
            raise trap(_said(tokens[: _length(match)]))
    for pattern, rule in _GRAMMAR:
        if match := _match(pattern, line):
            try:
                return rule(match), _length(match)
            except ValueError as error:
                raise _no_such(_said(tokens[: _length(match)])) from error
    leading = tokens[0].word in ("jam", "pukul", "tanggal", "hari", "setengah", "in")  # say what they lead to as well
    raise _not_understood(_said(tokens[: 2 if leading else 1]))


def _match(pattern: str, line: str) -> re.Match[str] | None:
    return re.match(f"(?:{pattern})(?= |$)", line)


def _length(match: re.Match[str]) -> int:
    return match.group().count(" ") + 1


def _said(tokens: Sequence[Token]) -> str:
    """The words as typed; one that became two tokens is shown once."""
    return " ".join(dict.fromkeys(token.said for token in tokens))


def _joined(phrase: Phrase, meaning: Meaning, said: str) -> Phrase:
    found = {field: value for field, value in meaning._asdict().items() if value is not None}
    for field in found.keys() & phrase.said.keys():
        raise _contradiction(phrase.said[field], said)
    return Phrase(phrase.meaning._replace(**found), phrase.said | dict.fromkeys(found, said), phrase.text)


# Settling: from the meaning of a phrase to an instant


def _alone(phrase: Phrase, delay: timedelta) -> timedelta:
    """A delay counts from now and bears no day or hour beside it."""
    for field, said in phrase.said.items():
        if field != "delay":
            raise _contradiction(phrase.said["delay"], said)
    return delay


def _full(unit: timedelta, instant: datetime) -> datetime:
    """The next full minute or second, *instant* itself included."""
    over = (instant - datetime(2000, 1, 1, tzinfo=UTC)) % unit
    return instant.astimezone(UTC) + (unit - over if over else timedelta())


def _day(phrase: Phrase, now: datetime, zone: ZoneInfo) -> date:
    """The day meant, for which the writer's zone and the zone written in the phrase must agree."""
    days = [_day_from(phrase, now.astimezone(place).date()) for place in (zone, phrase.meaning.zone or zone)]
    if days[0] != days[1]:
        raise _two_days(phrase.said.get("day") or phrase.said.get("weekday") or phrase.text, *days)
    return days[0]


def _day_from(phrase: Phrase, today: date) -> date:
    meaning = phrase.meaning
    if meaning.weekday is None and meaning.week is not None:
        raise WrongInput(
            '"{piece}" names no day.',
            hint='Add the day and the hour, as in "{example}".',
            piece=phrase.said["week"],
            example=f"Senin {phrase.said['week']} jam 9",
        )
    try:
        day = meaning.day(today) if meaning.day else None
    except ValueError as error:
        raise _no_such(phrase.said["day"]) from error
    if day is None:
        return today if meaning.weekday is None else _coming(phrase, meaning.weekday, today)
    return day if meaning.weekday is None else _checked(phrase, meaning.weekday, day, today)


def _coming(phrase: Phrase, weekday: int, today: date) -> date:
    """The day a weekday without a date means, if both ways to read it agree."""
    this = today + timedelta(days=weekday - today.weekday())
    next_week = this + timedelta(days=7)
    if phrase.meaning.week is not None:
        return this + timedelta(days=7 * phrase.meaning.week)
    from_today = this if this >= today else next_week
    after_today = this if this > today else next_week
    readings = {None: (from_today, after_today), "ini": (this, from_today), "depan": (after_today, next_week)}
    first, second = readings[phrase.meaning.which]
    if first != second:
        raise _two_days(phrase.said["weekday"], first, second)
    return first


def _checked(phrase: Phrase, weekday: int, day: date, today: date) -> date:
    """*day*, unless the weekday beside it says otherwise."""
    qualified = phrase.meaning.which is not None or phrase.meaning.week is not None
    if day.weekday() != weekday or (qualified and _coming(phrase, weekday, today) != day):
        raise WrongInput(
            'The date is {day}, not "{piece}".',
            hint='Correct the weekday or leave it out, as in "{example}".',
            day=i18n.day(day),
            piece=phrase.said["weekday"],
            example=f"{day:%d/%m/%Y} 09.00",
        )
    return day


def _time(phrase: Phrase) -> time:
    clock, part = phrase.meaning.clock, phrase.meaning.part
    if clock is None:
        raise WrongInput(
            '"{phrase}" names no hour.',
            hint='Add the hour, as in "{example}".',
            phrase=phrase.text,
            example=f"{phrase.text.rstrip(' .,')} jam {_EXAMPLE_HOURS.get(part or '', 9)}",
        )
    if part is None and not clock.unsure:
        return clock.at
    return _in_part(phrase, clock, part)


def _in_part(phrase: Phrase, clock: Clock, part: str | None) -> time:
    """The half of the day a part of the day leaves to a time; WrongInput if none, or if no part is said."""
    hours = {clock.at.hour}
    if not clock.fixed and (clock.at.hour in range(1, 12) or clock.unsure):
        hours.add(clock.at.hour + 12)
    fitting = [hour for hour in hours if part and hour in _PARTS[part]]
    if len(fitting) != 1:
        raise WrongInput(
            '"{piece}" is not one clear hour.',
            hint='Write the hour from 00.00 to 23.59, as in "{example}".',
            piece=" ".join(dict.fromkeys(phrase.said[field] for field in ("clock", "part") if field in phrase.said)),
            example="besok jam 19.30",
        )
    return clock.at.replace(hour=fitting[0])


def _instant(phrase: Phrase, day: date, at: time, zone: tzinfo) -> datetime:
    """Local day and hour as an instant in UTC, if a change of the clocks leaves exactly one."""
    local = datetime.combine(day, at, zone)
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise WrongInput(
            'The clocks change then: "{phrase}" exists twice or not at all.',
            hint='Write it with its offset, as in "{example}".',
            phrase=phrase.text,
            example="2026-08-17T09:30+07:00",
        )
    return local.astimezone(UTC)


# Days, as functions of today


def _exactly(day: date) -> Day:
    if day.year not in _YEARS:
        raise ValueError("not a year anybody plans in")
    return lambda today: day


def _after(days: int) -> Day:
    return lambda today: today + timedelta(days=days)


def _next_date(day: int, month: int) -> Day:
    """The next such date, today included; a leap day only if that year has one."""
    date(2000, month, day)  # refuses 31 February at once
    return lambda today: date(today.year + ((month, day) < (today.month, today.day)), month, day)


def _first_of_month(today: date, months_ahead: int) -> date:
    years, month = divmod(today.month - 1 + months_ahead, 12)
    return date(today.year + years, month + 1, 1)


def _weekday_number(name: str) -> int:
    return 6 if name == "minggu" else _WEEKDAYS.index(name)


# Refusals used in several places


def _not_understood(piece: str) -> WrongInput:
    return WrongInput(
        'Not understood: "{piece}".',
        hint='Write a day and an hour, as in "{example}" or 2026-08-17 09:30.',
        piece=quotable(piece),
        example=EXAMPLE,
    )


def _no_such(piece: str) -> WrongInput:
    return WrongInput(
        'The date or time "{piece}" does not exist.',
        hint='Write a day and an hour, as in "{example}" or 2026-08-17 09:30.',
        piece=piece,
        example=EXAMPLE,
    )


def _contradiction(first: str, second: str) -> WrongInput:
    return WrongInput(
        '"{first}" and "{second}" do not go together.',
        hint='Say one day and one hour, as in "{example}".',
        first=first,
        second=second,
        example=EXAMPLE,
    )


def _two_days(piece: str, first: date, second: date) -> WrongInput:
    return WrongInput(
        '"{piece}" may be {first} or {second}.',
        hint='Write the date, as in "{example}".',
        piece=piece,
        first=i18n.day(first),
        second=i18n.day(second),
        example=f"{max(first, second):%d/%m/%Y} 09.00",
    )
