"""The Brier score of each class against the rest, from 0 to 1; 0 is best."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.weighted_counts import share
from roskdbench.suite.metric import metric


@metric("brier-by-class", heading="Brier by class", higher_is_better=False)
def brier_by_class(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """The mean squared distance of a class's probability from whether it is there. Of a rare class it is small whatever
    a model says: knowing no more than the prevalence p gives p (1 - p).
    """
    squares = (probabilities - truth) ** 2
    return share((weights * squares).sum(1), weights.sum(1))
