"""Two periods side by side, as plain values. A figure that is unavailable in one of them has no change."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from dissem.channels.adapter import COUNTS
from dissem.reports.figures import GLANCE, Report, Tally

ROWS = {
    "agencies": ("agency", "name"),
    "platforms": ("platform",),
    "kinds": ("kind",),
    "channels": ("channel", "platform", "agency"),
}  # what names a row of each table
FIGURES = ("published", "views", "interactions", "rate")  # of a row


@dataclass(frozen=True)
class Pair:
    """One figure in this period, and in the one it is compared with."""

    now: float | None
    then: float | None

    @property
    def change(self) -> float | None:
        return None if self.now is None or self.then is None else self.now - self.then


@dataclass(frozen=True)
class ComparedRow:
    """*named*: what the row is about, by the fields that name it. *figures*: by FIGURES."""

    named: Mapping[str, str]
    figures: Mapping[str, Pair]


@dataclass(frozen=True)
class Compared:
    """*now*, and the period *then* it is compared with; both as known on the same day."""

    now: Report
    then: Report

    @property
    def office(self) -> str:
        return self.now.office

    @property
    def printed(self) -> date:
        return self.now.printed

    @property
    def zone(self) -> ZoneInfo:
        return self.now.zone

    @property
    def label(self) -> str:
        """Names its files."""
        return f"{self.now.period.label}-{self.then.period.label}"

    @property
    def about(self) -> dict[str, Any]:
        """What it is about, for programs."""
        return {**self.now.about, "compared": self.then.period.label}

    @property
    def glance(self) -> dict[str, Pair]:
        """The figures of the glance, every count that one of the two has, and punctuality."""
        one, other = self.now, self.then
        found = {name: Pair(getattr(one.past[-1], name), getattr(other.past[-1], name)) for name in GLANCE}
        for name in COUNTS:
            pair = Pair(one.totals.gained[name], other.totals.gained[name])
            if name not in found and (pair.now, pair.then) != (None, None):
                found[name] = pair
        found["on_time"] = Pair(one.punctuality.on_time, other.punctuality.on_time)
        return found

    def rows(self, table: str) -> list[ComparedRow]:
        """Of one of the tables ROWS: what stands in either period, this one's order first."""
        key = _key(ROWS[table])
        now, then = _by(key, getattr(self.now, table)), _by(key, getattr(self.then, table))
        return [
            ComparedRow(
                dict(zip(ROWS[table], name, strict=True)),
                {figure: Pair(_of(now.get(name), figure), _of(then.get(name), figure)) for figure in FIGURES},
            )
            for name in [*now, *(name for name in then if name not in now)]
        ]


Key = Callable[[Any], tuple[str, ...]]


def _key(fields: Sequence[str]) -> Key:
    return lambda row: tuple(getattr(row, field) for field in fields)


def _by(key: Key, rows: Iterable[Tally]) -> dict[tuple[str, ...], Tally]:
    return {key(row): row for row in rows}


def _of(row: Tally | None, figure: str) -> float | None:
    """What is not there published nothing, and nobody read it."""
    if row is None:
        return 0 if figure == "published" else None
    return row.gained[figure] if figure in COUNTS else getattr(row, figure)
