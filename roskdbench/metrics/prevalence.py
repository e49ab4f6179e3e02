"""Prevalence: how frequent a class is in the test part; what scores that depend on it are to be read beside."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.weighted_counts import share
from roskdbench.suite.metric import metric


@metric("prevalence", heading="Prev", higher_is_better=None, compared=False)
def prevalence(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """The share of the samples that has the class: the average precision of a model that knows nothing."""
    return share(weights @ truth.astype(np.float64), weights.sum(1))
