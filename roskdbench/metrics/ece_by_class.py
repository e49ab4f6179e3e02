"""The expected calibration error of each class against the rest; the mean over classes is the class-wise error.

It has no interval: a sample that is in a draw twice agrees with itself, so that draws of the error lie above it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring import BINS
from roskdbench.measuring.weighted_counts import share
from roskdbench.suite.metric import metric


@metric("ece-by-class", heading="ECE by class", higher_is_better=False, resampled=False)
def ece_by_class(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """How far a class's probability is from how often it is there: the mean over 15 equal bins of probability, each by
    its share of samples.
    """
    number = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    excess = probabilities - truth
    apart = np.zeros(len(weights))
    for each in np.unique(number):
        inside = number == each
        apart += np.abs((weights[:, inside] * excess[inside]).sum(1))
    return share(apart, weights.sum(1))
