"""Cohen's kappa: how far decisions agree with the truth beyond what chance would give; 1 is full agreement."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.weighted_counts import confusion_of_all, confusion_of_class, share, undefined
from roskdbench.suite.metric import metric


def kappa_of_all(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """Of all classes of one label; NaN where all samples are of one class."""
    counts = confusion_of_all(truth, decisions, weights)
    return undefined(weights) if counts is None else cohens(counts, 1.0 - np.eye(truth.shape[1]))


@metric("kappa", heading="Kappa", whole=kappa_of_all)
def kappa(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """Cohen's kappa of each class against the rest; of all classes the multi-class kappa where there is one label, else
    the mean. It is not defined where a class has no positive or no negative sample.
    """
    hits, misses, false_alarms, rejections = confusion_of_class(truth, decisions, weights)
    counts = np.stack([np.stack([rejections, false_alarms], 1), np.stack([misses, hits], 1)], 1)  # [b, 2, 2]
    return cohens(counts, 1.0 - np.eye(2))


def cohens(counts: NDArray[np.float64], disagreement: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kappa of confusion matrices [b, C, C]; disagreement [C, C] says how bad it is to take one class for another. NaN
    where all samples are of one class.
    """
    of, given, total = counts.sum(2), counts.sum(1), counts.sum((1, 2))
    found = (counts * disagreement).sum((1, 2)) * total
    by_chance = ((of @ disagreement) * given).sum(1)
    varies = (of > 0).sum(1) > 1
    return np.where(varies, 1 - share(found, by_chance), np.nan)
