"""Specificity: of the samples without a class, the share that is not given it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.weighted_counts import confusion_of_class, share
from roskdbench.suite.metric import metric


@metric("specificity", heading="Spec")
def specificity(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """TN / (TN + FP); not defined where every sample has the class."""
    found = confusion_of_class(truth, decisions, weights)
    return share(found.rejections, found.rejections + found.false_alarms)
