"""Working points: from validation to the threshold of a class, for metrics that say at which one they are measured.

A threshold lies midway between the last score that is given the class and the first that is not, so that no sample of
validation is on the edge.
"""

from functools import partial
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.errors import UserError
from roskdbench.suite.measure import Decider

ROUNDING = 1e-9  # of a number of samples


def at_specificity(share: float) -> Decider:
    """The lowest threshold at which at least this share of validation's samples without the class is not given it. None
    where validation has no sample with the class, or none without.
    """
    return partial(threshold_at_specificity, share=_inside("at_specificity", share))


def at_sensitivity(share: float) -> Decider:
    """The highest threshold at which at least this share of validation's samples with the class is given it. None where
    validation has no sample with the class, or none without.
    """
    return partial(threshold_at_sensitivity, share=_inside("at_sensitivity", share))


def threshold_at_specificity(truth: NDArray[Any], scores: NDArray[Any], share: float) -> float | None:
    """From truth and scores [n] of validation."""
    without = np.sort(scores[~truth].astype(np.float64))
    if not len(without) or not truth.any():
        return None
    return _above(without[_needed(share, len(without)) - 1], scores)


def threshold_at_sensitivity(truth: NDArray[Any], scores: NDArray[Any], share: float) -> float | None:
    """From truth and scores [n] of validation."""
    having = np.sort(scores[truth].astype(np.float64))[::-1]
    if not len(having) or truth.all():
        return None
    lowest = having[_needed(share, len(having)) - 1]
    others = scores[scores < lowest].astype(np.float64)
    return float(lowest) if not len(others) else _between(others.max(), lowest)


def _above(highest: float, scores: NDArray[Any]) -> float:
    """A threshold that this score does not reach, and the next one does."""
    others = scores[scores > highest].astype(np.float64)
    return float(np.nextafter(highest, np.inf)) if not len(others) else _between(highest, others.min())


def _between(low: float, high: float) -> float:
    """Midway; the higher one where no number lies between."""
    middle = low + (high - low) / 2
    return float(middle if middle > low else high)


def _needed(share: float, count: int) -> int:
    """How many samples are at least this share of so many."""
    return max(1, ceil(share * count - ROUNDING))


def _inside(name: str, share: float) -> float:
    if not 0 < share < 1:
        raise UserError(f"{name}({share:g}): write the share as a number between 0 and 1, such as {name}(0.9)")
    return share
