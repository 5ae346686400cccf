"""Showing: a sentence or a table for people, JSON for programs; nothing a terminal would obey."""

import json
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from dissem.cli.options import asked
from dissem.i18n import _

# Control characters but for tab and line feed, and signs that turn the direction of writing.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_GAP = "  "
_NARROWEST = 8  # letters of a column, however narrow the terminal
_WIDEST = 100  # letters of a column in a file or a pipe, which have no width of their own


def show(data: Any, text: str) -> None:
    """Answer with *data* if JSON is asked for, else with *text*."""
    answer = _as_json(data) if asked().as_json else visible(text)
    sys.stdout.write(answer + "\n")


def note(text: str) -> None:
    """Something beside the answer, on standard error; programs are not told."""
    if not asked().as_json:
        sys.stderr.write(visible(text) + "\n")


def visible(text: str) -> str:
    """*text* with what a terminal would obey as visible marks: a title may have come from anywhere."""
    return _OBEYED.sub(lambda sign: f"‹{ord(sign[0]):04X}›", text)


def _as_json(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, indent=2, default=_plain)
    return _OBEYED.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)


def fields(row: Any, zone: ZoneInfo, *, without: Iterable[str] = ()) -> dict[str, Any]:
    """The columns of a table's *row*, in the model's order, words as text and times in *zone*."""
    left_out = set(without)
    return {name: local(getattr(row, name), zone) for name in type(row).model_fields if name not in left_out}


def local(value: Any, zone: ZoneInfo) -> Any:
    """*value* as JSON has it: instants in *zone* with their offset, words as text."""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    return value.value if isinstance(value, Enum) else value


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "") -> str:
    """A table in plain text, cells that are too wide cut visibly; *empty* if there is no row."""
    cells = [[_one_line(cell) for cell in row] for row in rows]
    if not cells:
        return empty
    widths = [max(len(line[n]) for line in [list(headings), *cells]) for n in range(len(headings))]
    widths = _fitting(widths)
    lines = [headings, ["-" * width for width in widths], *cells]
    return "\n".join(_GAP.join(_cell(c, w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _one_line(cell: object) -> str:
    return " ".join(visible(str(cell if cell is not None else "")).split())


def _cell(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"


def _fitting(widths: list[int]) -> list[int]:
    """The widest columns give way on a terminal; in a file or a pipe only those that are out of measure."""
    if not sys.stdout.isatty():
        return [min(width, _WIDEST) for width in widths]
    room = shutil.get_terminal_size().columns - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def facts(lines: Mapping[str, object]) -> str:
    """ "Name: value", one a line, those without a value left out."""
    said = {name: str(value) for name, value in lines.items() if value not in (None, "", [])}
    width = max(map(len, said), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in said.items())


def indented(text: str, by: str = "    ") -> str:
    return "\n".join(by + line if line else "" for line in text.splitlines())


def word(value: Enum | str) -> str:
    """A word of the tables (a state, a kind, a role) as people say it."""
    text = value.value if isinstance(value, Enum) else value
    return _words().get(text, text)


def _words() -> dict[str, str]:
    return {
        "press_release": _("press release"),
        "photo": _("photo"),
        "infographic": _("infographic"),
        "video": _("video"),
        "draft": _("draft"),
        "submitted": _("submitted"),
        "approved": _("approved"),
        "rejected": _("rejected"),
        "proposed": _("proposed"),
        "waiting": _("waiting"),
        "preparing": _("preparing"),
        "publishing": _("publishing"),
        "processing": _("processing"),
        "unknown": _("unknown"),
        "held": _("held"),
        "published": _("published"),
        "refused": _("refused"),
        "missed": _("missed"),
        "cancelled": _("cancelled"),
        "active": _("active"),
        "paused": _("paused"),
        "twice": _("seems to be public twice"),
        "part": _("only partly public"),
        "handed": _("handed to a person"),
        "poison": _("stopped the daemon twice"),
        "author": _("author"),
        "approver": _("approver"),
        "coordinator": _("coordinator"),
        "admin": _("admin"),
        "views": _("views"),
        "reach": _("reach"),
        "likes": _("likes"),
        "comments": _("comments"),
        "shares": _("shares"),
        "saves": _("saves"),
        "clicks": _("clicks"),
        "watch_seconds": _("seconds watched"),
    }
