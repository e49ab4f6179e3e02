"""Specificity: of the samples without a class, the share that is not given it."""

from typing import Any

from numpy.typing import NDArray

from roskdbench.suite.metric import metric


@metric("specificity", heading="Spec")
def specificity(truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any]) -> float | None:
    """TN / (TN + FP); None where every sample has the class."""
    without = ~truth
    return float((~decisions[without]).mean()) if without.any() else None
