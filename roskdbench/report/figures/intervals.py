"""Intervals as figures draw them: 95 % of them all, and said beside them."""

import math
from collections.abc import Sequence

SHADED, BARS = "shaded: 95 % intervals", "bars: 95 % intervals"
ROUNDING = 0.0005
"""As tables round."""


def means_over(labels: Sequence[str]) -> str:
    """What lines without intervals are: means over runs, and over what else rows of a method differ in."""
    others = " and ".join(
        ["runs", *({"noise": "noises", "student": "students"}.get(each, each) for each in labels[1:])]
    )
    return f"means over {others}; no intervals"


def drawn(between: tuple[float | None, float | None] | None) -> tuple[float, float]:
    """The ends of a share's interval. NaN, which draws nothing, where there is none, and where it says nothing because
    it reaches from 0 to 1.
    """
    low, high = between or (None, None)
    if low is None or high is None or (low < ROUNDING and high > 1 - ROUNDING):
        return math.nan, math.nan
    return low, high
