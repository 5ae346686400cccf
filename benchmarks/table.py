"""The table of goals: what was wanted, what was measured, and whether that is met."""

from collections.abc import Iterable
from dataclasses import dataclass

_WIDTHS = (64, 12, 14)


@dataclass(frozen=True)
class Figure:
    """A measured value with its goal; without a goal it is only told."""

    name: str
    measured: str
    goal: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        cells = zip((self.name, self.goal, self.measured), _WIDTHS, strict=True)
        return "".join(f"{cell:{width}}" for cell, width in cells) + verdict


def at_most(name: str, value: float, most: float, form: str = "{:.2f}") -> Figure:
    """A figure that should not be above *most*. *form* says how both are written."""
    return Figure(name, form.format(value), f"≤ {form.format(most)}", value <= most)


def at_least(name: str, value: float, least: float, form: str = "{:.2f}") -> Figure:
    """A figure that should not be below *least*."""
    return Figure(name, form.format(value), f"≥ {form.format(least)}", value >= least)


def none(name: str, count: int) -> Figure:
    """Something that should never happen."""
    return Figure(name, str(count), "0", count == 0)


def told(name: str, value: float, form: str = "{:.2f}") -> Figure:
    """A figure without a goal."""
    return Figure(name, form.format(value))


def header() -> str:
    return str(Figure("", "measured", "goal"))


def summary(figures: Iterable[Figure]) -> str:
    """How many goals are met, and which are not."""
    judged = [figure for figure in figures if figure.met is not None]
    missed = [figure.name for figure in judged if not figure.met]
    return f"{len(judged) - len(missed)} of {len(judged)} goals met" + "".join(f"\n  missed: {name}" for name in missed)
