"""Width ÷ height: whether a platform takes it, and the nearest size that it takes. Numbers only, no pictures.

What becomes of a picture that is too wide or too tall is a word of `dissem.models.release.Shape`, here a plain "pad"
(kept whole, with bars at two sides), "crop" (cut at two sides, the middle stays) or "refuse": the child process that
draws knows no tables.
"""

import math

Ratio = tuple[float, float]  # least and most of width ÷ height

NEAR = 0.01  # so little beside the ratio is a matter of rounding: cut away, and nobody is told


def outside(width: int, height: int, ratio: Ratio | None) -> bool:
    """Whether a platform that takes *ratio* refuses *width* × *height*."""
    if ratio is None:
        return False
    least, most = ratio
    return not least * (1 - NEAR) <= width / height <= most * (1 + NEAR)


def padded(width: int, height: int, ratio: Ratio) -> tuple[int, int]:
    """The smallest size within *ratio* that holds all of *width* × *height*."""
    least, most = ratio
    if width / height > most:
        return width, math.ceil(width / most)
    return max(width, math.ceil(height * least)), height


def cut(width: int, height: int, ratio: Ratio) -> tuple[int, int]:
    """The largest size within *ratio* that *width* × *height* holds."""
    least, most = ratio
    if width / height > most:
        return max(1, math.floor(height * most)), height
    return width, min(height, max(1, math.floor(width / least)))


def fitting(width: int, height: int, ratio: Ratio | None, shape: str) -> tuple[int, int]:
    """The size that *width* × *height* is brought to; the same size where *ratio* has nothing against it."""
    if ratio is None:
        return width, height
    bars = shape == "pad" and outside(width, height, ratio)
    return padded(width, height, ratio) if bars else cut(width, height, ratio)
