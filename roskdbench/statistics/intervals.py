"""From draws to intervals. Kept apart from how draws are made, so that a report starts quickly."""

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000


def interval(draws: NDArray[np.floating], level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of draws; of those that are defined."""
    defined = draws[~np.isnan(draws)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
