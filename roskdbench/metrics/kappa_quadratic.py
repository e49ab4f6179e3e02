"""Quadratic-weighted kappa, for classes that have an order, such as grades: far mistakes count more than near ones."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.weighted_counts import confusion_of_all, undefined
from roskdbench.metrics.kappa import cohens
from roskdbench.suite.metric import metric


@metric("kappa-quadratic", heading="QWK", over="samples", note="QWK: classes count as ordered, as the data list them.")
def kappa_quadratic(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """Cohen's kappa with quadratic weights, for one label whose classes are ordered as the data list them. It is not
    defined for several findings, and where all samples are of one class.
    """
    counts = confusion_of_all(truth, decisions, weights)
    if counts is None:
        return undefined(weights)
    grades = np.arange(truth.shape[1], dtype=np.float64)
    return cohens(counts, (grades[:, None] - grades) ** 2)
