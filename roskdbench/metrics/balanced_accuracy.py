"""Balanced accuracy: the mean of sensitivity and specificity, class by class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.weighted_counts import confusion_of_class, share
from roskdbench.suite.metric import metric


@metric("balanced-accuracy", heading="BAcc")
def balanced_accuracy(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """Of one class against the rest; not defined where it has no positive or no negative sample."""
    hits, misses, false_alarms, rejections = confusion_of_class(truth, decisions, weights)
    return (share(hits, hits + misses) + share(rejections, rejections + false_alarms)) / 2
