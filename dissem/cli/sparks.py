"""The course of a figure in one line of signs."""

import sys
from collections.abc import Sequence

BLOCKS, PLAIN = "▁▂▃▄▅▆▇█", "_.-:=+*#"
GAP = {BLOCKS: "·", PLAIN: " "}  # a moment of which nothing is known
LONGEST = 24  # signs


def spark(values: Sequence[int | None], *, signs: str | None = None) -> str:
    """*values* as signs, the lowest for 0 or less and the highest for the largest; the newest `LONGEST` of them. Plain
    ones where the terminal does not speak UTF-8."""
    signs = signs or (BLOCKS if _speaks_utf8() else PLAIN)
    shown = list(values)[-LONGEST:]
    largest = max((value for value in shown if value is not None), default=0)
    return "".join(GAP[signs] if value is None else _sign(value, largest, signs) for value in shown)


def _sign(value: int, largest: int, signs: str) -> str:
    if value <= 0 or largest <= 0:
        return signs[0]
    return signs[value * (len(signs) - 1) // largest]


def _speaks_utf8() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
