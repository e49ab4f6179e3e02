"""Intervals as figures draw them: 95 % of them all, and said beside them."""

import math

SHADED, BARS = "shaded: 95 % intervals", "bars: 95 % intervals"
MEANS = "means over runs; no intervals"
ROUNDING = 0.0005
"""As tables round."""


def drawn(between: tuple[float | None, float | None] | None) -> tuple[float, float]:
    """The ends of a share's interval. NaN, which draws nothing, where there is none, and where it says nothing because
    it reaches from 0 to 1.
    """
    low, high = between or (None, None)
    if low is None or high is None or (low < ROUNDING and high > 1 - ROUNDING):
        return math.nan, math.nan
    return low, high
