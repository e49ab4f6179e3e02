"""Many methods over many blocks (problem and noise): mean ranks, and how far apart two must be to differ."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FEWEST = 6  # blocks
LEAST = 3  # methods
LEVEL = 0.05


class Ranks(NamedTuple):
    """Mean ranks, 1 the best; Friedman's p-value; and Nemenyi's critical difference."""

    mean: NDArray[np.float64]  # [methods]
    p: float
    critical: float


def ranks(values: NDArray[np.floating]) -> Ranks | None:
    """Of values [blocks, methods], higher better. None where blocks or methods are too few to say anything."""
    from scipy import stats

    blocks, methods = values.shape
    if blocks < FEWEST or methods < LEAST:
        return None
    each = stats.rankdata(-values, axis=1)
    p = float(stats.friedmanchisquare(*values.T).pvalue) if np.ptp(each) > 0 else 1.0
    studentised = float(stats.studentized_range.ppf(1 - LEVEL, methods, np.inf)) / 2**0.5
    critical = studentised * (methods * (methods + 1) / (6 * blocks)) ** 0.5
    return Ranks(each.mean(0), p, critical)


def cliques(mean: NDArray[np.float64], critical: float) -> list[tuple[int, int]]:
    """Runs of methods, in the order of their ranks, that do not differ: (first, last) of each longest run."""
    order = np.sort(mean)
    found: list[tuple[int, int]] = []
    for first in range(len(order)):
        last = int(np.searchsorted(order, order[first] + critical, side="right")) - 1
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found
