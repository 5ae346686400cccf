"""Drawings of the report as SVG of our own: for screen and paper, readable without colour, said in words inside.

Every drawing is about 360 units wide, a phone's width, so that its letters keep their size there; darkness and
position carry the meaning, never hue alone. No style sheet, no script, nothing from elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

WIDTH = 360
FONT = "system-ui, 'Noto Sans', 'Segoe UI', Roboto, 'Liberation Sans', Arial, 'Libertinus Serif', sans-serif"
INK, SOFT, LINE = "#1d2b33", "#56666f", "#d9e1e5"
DARK, PALE, BAND = "#0f4c56", "#9dbcc2", "#e9eff1"
STEPS = "▁▂▃▄▅▆▇█"
SHADES = " ░▒▓█"


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
    top, floor, left = 22, 150, 6
    highest = max([*(bar.value for bar in bars), band.high if band else 0, 1])
    step = (WIDTH - 2 * left) / len(bars)

    def y(value: float) -> float:
        return floor - (floor - top) * max(value, 0) / highest

    parts = []
    if band:
        parts.append(_rect(0, y(band.high), WIDTH, max(y(band.low) - y(band.high), 1.5), BAND))
        parts.append(
            f'<line x1="0" x2="{WIDTH}" y1="{y(band.usual):.1f}" y2="{y(band.usual):.1f}" '
            f'stroke="{SOFT}" stroke-width="1" stroke-dasharray="3 3"/>'
        )
    for place, bar in enumerate(bars):
        x, last = left + place * step, place == len(bars) - 1
        middle = x + step / 2
        parts.append(_rect(x + step * 0.17, y(bar.value), step * 0.66, floor - y(bar.value), DARK if last else PALE))
        parts.append(_text(middle, y(bar.value) - 5, bar.figure, anchor="middle", size=9.5, bold=last))
        parts.append(
            _text(middle, floor + 14, bar.label, anchor="middle", size=10, bold=last, fill=INK if last else SOFT)
        )
    parts.append(f'<line x1="0" x2="{WIDTH}" y1="{floor}" y2="{floor}" stroke="{INK}" stroke-width="1"/>')
    return _drawing(title, alt, floor + 22, parts)


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
        parts.extend(_rect(left + hour * side, y, side - 1, 18, _shade(value / most)) for hour, value in enumerate(row))
    bottom = top + 7 * 19 + 8
    parts.append(_text(left, bottom + 10, "0", size=9.5, fill=SOFT))
    for place in range(12):
        parts.append(_rect(left + 12 + place * 9, bottom + 2, 9, 9, _shade(place / 11)))
    parts.append(_text(left + 12 + 12 * 9 + 5, bottom + 10, f"{most}", size=9.5, fill=SOFT))
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


def _shade(share: float) -> str:
    """From nearly white to dark; the root lets small values be seen."""
    pale, dark = (240, 244, 245), (11, 66, 76)
    weight = max(share, 0) ** 0.6
    return "#" + "".join(f"{round(a + (b - a) * weight):02x}" for a, b in zip(pale, dark, strict=True))


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" fill="{fill}"/>'


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: float = 11, bold: bool = False, fill: str = INK
) -> str:
    """Letters with a white rim, so that no line behind them makes them hard to read."""
    weight = ' font-weight="700"' if bold else ""
    rim = ' stroke="#fff" stroke-width="3" stroke-linejoin="round" paint-order="stroke"'
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}"{weight}{rim}>'
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
