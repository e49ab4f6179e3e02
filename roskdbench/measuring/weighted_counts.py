"""Confusion counts of one class, or of all, where each sample counts by its weight: as often as it is in a draw.

Counts are whole numbers in float64, so that they are exact in whatever order they are summed.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]


class Confusion(NamedTuple):
    """Of one class against the rest, a number a draw. [b] each"""

    hits: Counts
    misses: Counts
    false_alarms: Counts
    rejections: Counts
    """Samples without the class that are not given it."""


def confusion_of_class(truth: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]) -> Confusion:
    """From truth and decisions [n] and weights [b, n]."""
    cells = (truth & decisions, truth & ~decisions, ~truth & decisions, ~truth & ~decisions)
    counts = weights.astype(np.float64, copy=False) @ np.stack(cells, axis=1).astype(np.float64)  # [b, 4]
    return Confusion(*counts.T)


def confusion_of_all(truth: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]) -> Counts | None:
    """How often each class is given to samples of each, [b, C, C], from truth and decisions [n, C]. None where a sample
    has more or less than one class, as with several findings.
    """
    if not ((truth.sum(1) == 1).all() and (decisions.sum(1) == 1).all()):
        return None
    classes = truth.shape[1]
    pairs = truth.argmax(1) * classes + decisions.argmax(1)
    cells = pairs[:, None] == np.arange(classes * classes)  # [n, C * C]
    counts: Counts = weights.astype(np.float64, copy=False) @ cells.astype(np.float64)
    return counts.reshape(len(weights), classes, classes)


def share(part: NDArray[Any], of: NDArray[Any]) -> NDArray[np.float64]:
    """The quotient, NaN where it is 0/0."""
    found: NDArray[np.float64] = np.divide(part, of, out=np.full(np.shape(part), np.nan), where=of > 0)
    return found


def undefined(weights: NDArray[Any]) -> NDArray[np.float64]:
    """NaN for every draw. [b]"""
    return np.full(len(weights), np.nan)
