"""Drawings of the report as SVG of our own: for screen and paper, readable without colour, said in words inside.

Every drawing is about 360 units wide, a phone's width, so that its letters keep their size there; darkness and
position carry the meaning, never hue alone. No style sheet, no script, nothing from elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from dissem import i18n
from dissem.i18n import _

WIDTH = 360
FONT = "system-ui, 'Noto Sans', 'Segoe UI', Roboto, 'Liberation Sans', Arial, 'Libertinus Serif', sans-serif"
INK, SOFT, LINE = "#1d2b33", "#56666f", "#d9e1e5"
DARK, PALE, BAND = "#0f4c56", "#9dbcc2", "#e9eff1"
STEPS = "▁▂▃▄▅▆▇█"
SHADES = " ░▒▓█"
BELOW = 32  # room for two lines under the axis


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    figure: str  # the value as people read it


@dataclass(frozen=True)
class Band:
    """What is usual: the middle half, and its middle."""

    low: float
    usual: float
    high: float


def band(low: float | None, usual: float | None, high: float | None) -> Band | None:
    return None if low is None or usual is None or high is None else Band(low, usual, high)


def columns(title: str, alt: str, bars: Sequence[Bar], *, band: Band | None) -> str:
    """One column a period, the last one dark; behind them the usual range, pale, with its middle as a dashed line."""
    top, floor, left = 24, 150, 4
    highest = max([*(bar.value for bar in bars), band.high if band else 0, 1])
    step = (WIDTH - 2 * left) / len(bars)

    def y(value: float) -> float:
        return floor - (floor - top) * max(value, 0) / highest

    parts = []
    if band:
        parts.append(_rect(0, y(band.high), WIDTH, max(y(band.low) - y(band.high), 1.5), BAND))
    for place, bar in enumerate(bars):
        x, last = left + place * step, place == len(bars) - 1
        parts.append(_rect(x + step * 0.16, y(bar.value), step * 0.68, floor - y(bar.value), DARK if last else PALE))
        parts.extend(_below(x + step / 2, floor, bar, last=last))
    parts.extend(_legend(y(band.usual)) if band else ())
    parts.append(f'<line x1="0" x2="{WIDTH}" y1="{floor}" y2="{floor}" stroke="{INK}" stroke-width="1"/>')
    return _drawing(title, alt, floor + BELOW, parts)


def _legend(usual: float) -> list[str]:
    """The line of what is usual across the drawing, and what it and the band are called."""
    dashes = f'stroke="{INK}" stroke-width="1" stroke-dasharray="3 3"'
    return [
        f'<line x1="0" x2="{WIDTH}" y1="{usual:.1f}" y2="{usual:.1f}" {dashes}/>',
        f'<line x1="0" x2="16" y1="6" y2="6" {dashes}/>',
        _text(21, 9.5, _("usual"), size=9.5, fill=SOFT),
        _rect(92, 1, 16, 10, BAND),
        _text(113, 9.5, _("usual range"), size=9.5, fill=SOFT),
    ]


def curve(title: str, alt: str, points: Sequence[Bar]) -> str:
    """A line over what it encloses; under each point its figure and its label."""
    top, floor, left = 14, 140, 20
    highest = max([*(point.value for point in points), 1])
    step = (WIDTH - 2 * left) / max(len(points) - 1, 1)
    places = [
        (left + place * step, floor - (floor - top) * max(point.value, 0) / highest)
        for place, point in enumerate(points)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [
        f'<polygon points="{places[0][0]:.1f},{floor} {line} {places[-1][0]:.1f},{floor}" fill="{BAND}"/>',
        f'<polyline points="{line}" fill="none" stroke="{DARK}" stroke-width="2" stroke-linejoin="round"/>',
        f'<line x1="0" x2="{WIDTH}" y1="{floor}" y2="{floor}" stroke="{INK}" stroke-width="1"/>',
    ]
    for place, ((x, y), point) in enumerate(zip(places, points, strict=True)):
        last = place == len(points) - 1
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3 if last else 2}" fill="{DARK}"/>')
        parts.extend(_below(x, floor, point, last=last))
    return _drawing(title, alt, floor + BELOW, parts)


def _below(middle: float, floor: float, bar: Bar, *, last: bool) -> list[str]:
    """The figure under the axis, where nothing crosses it, and the label under the figure."""
    return [
        _text(middle, floor + 13, bar.figure, anchor="middle", size=9.5, bold=last),
        _text(middle, floor + 27, bar.label, anchor="middle", size=9.5, bold=last, fill=INK if last else SOFT),
    ]


def bars(title: str, alt: str, rows: Sequence[Bar]) -> str:
    """One line a row, the longest first as they come."""
    label, room, height = 92, WIDTH - 92 - 62, 22
    longest = max(*(bar.value for bar in rows), 1) if rows else 1
    parts = []
    for place, bar in enumerate(rows):
        y, length = place * height + 4, max(bar.value, 0) / longest * room
        parts.append(_text(label - 8, y + 11.5, _cut(bar.label, 15), anchor="end", size=11))
        parts.append(_rect(label, y, max(length, 1), 15, DARK))
        parts.append(_text(label + length + 6, y + 11.5, bar.figure, size=11))
    parts.append(
        f'<line x1="{label}" x2="{label}" y1="0" y2="{len(rows) * height + 2}" stroke="{INK}" stroke-width="1"/>'
    )
    return _drawing(title, alt, len(rows) * height + 4, parts)


@dataclass(frozen=True)
class Two:
    """The same figure in two periods."""

    label: str
    now: Bar
    then: Bar


def twos(title: str, alt: str, rows: Sequence[Two]) -> str:
    """Two lines a row: this period dark, the other one pale below it."""
    label, room, height = 92, WIDTH - 92 - 62, 34
    longest = max([*(bar.value for row in rows for bar in (row.now, row.then)), 1])
    parts = []
    for place, row in enumerate(rows):
        top = place * height + 4
        parts.append(_text(label - 8, top + 17, _cut(row.label, 15), anchor="end", size=11))
        for y, bar, fill in ((top, row.now, DARK), (top + 13, row.then, PALE)):
            length = max(bar.value, 0) / longest * room
            parts.append(_rect(label, y, max(length, 1), 12, fill))
            parts.append(_text(label + length + 6, y + 10, bar.figure, size=9.5, fill=INK if fill == DARK else SOFT))
    bottom = len(rows) * height + 4
    parts.append(f'<line x1="{label}" x2="{label}" y1="0" y2="{bottom - 2}" stroke="{INK}" stroke-width="1"/>')
    for x, fill, name in ((label, DARK, rows[0].now.label), (label + 80, PALE, rows[0].then.label)):
        parts.append(_rect(x, bottom + 4, 10, 10, fill))
        parts.append(_text(x + 15, bottom + 12.5, name, size=9.5, fill=SOFT))
    return _drawing(title, alt, bottom + 18, parts)


def heat(title: str, alt: str, days: Sequence[str], hours: Sequence[Sequence[int]]) -> str:
    """Seven lines of twenty-four fields, the darker the more."""
    left, top, side = 32, 18, (WIDTH - 32) / 24
    most = max(max(map(max, hours)), 1)
    parts = []
    for hour in range(0, 24, 3):
        parts.append(_text(left + (hour + 0.5) * side, top - 6, f"{hour:02}", anchor="middle", size=9.5, fill=SOFT))
    for day, row in enumerate(hours):
        y = top + day * 19
        parts.append(_text(left - 6, y + 13, days[day], anchor="end", size=10.5))
        parts.extend(
            _rect(left + hour * side, y, side - 1, 18, DARK, _weight(value / most)) for hour, value in enumerate(row)
        )
    bottom = top + 7 * 19 + 8
    parts.append(_text(left, bottom + 10, "0", size=9.5, fill=SOFT))
    for place in range(12):
        parts.append(_rect(left + 12 + place * 9, bottom + 2, 9, 9, DARK, _weight(place / 11)))
    parts.append(_text(left + 12 + 12 * 9 + 5, bottom + 10, i18n.number(most), size=9.5, fill=SOFT))
    return _drawing(title, alt, bottom + 16, parts)


def sparkline(rows: Sequence[Bar]) -> tuple[str, ...]:
    """The bars in one line of letters."""
    highest = max([*(bar.value for bar in rows), 1])
    return ("".join(STEPS[round(max(bar.value, 0) / highest * (len(STEPS) - 1))] for bar in rows),)


def shades(days: Sequence[str], hours: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """The fields of `heat` in letters, two an hour."""
    most = max(max(map(max, hours)), 1)
    head = " " * 4 + "".join(f"{hour:02}".ljust(6) for hour in range(0, 24, 3))
    lines = (
        day.ljust(4) + "".join(SHADES[-(-value * (len(SHADES) - 1) // most)] * 2 for value in map(int, row))
        for day, row in zip(days, hours, strict=True)
    )
    return (head.rstrip(), *(line.rstrip() for line in lines))


def _weight(share: float) -> float:
    """How dark, from nearly nothing to full; the root lets small values be seen."""
    return round(0.06 + 0.94 * float(max(share, 0) ** 0.6), 3)


def _rect(x: float, y: float, width: float, height: float, fill: str, weight: float = 1) -> str:
    faint = f' fill-opacity="{weight}"' if weight < 1 else ""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
    return f'<rect {place} fill="{fill}"{faint}/>'


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: float = 11, bold: bool = False, fill: str = INK
) -> str:
    weight = ' font-weight="700"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}"{weight}>'
        f"{escape(_plain(text))}</text>"
    )


def _drawing(title: str, alt: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f"aria-label={quoteattr(_plain(title))} font-family={quoteattr(FONT)}>"
        f"<title>{escape(_plain(title))}</title><desc>{escape(_plain(alt))}</desc>{''.join(parts)}</svg>"
    )


def _plain(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(sign for sign in text if sign.isprintable())


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"
