"""Balanced accuracy: the mean of sensitivity and specificity, class by class."""

from typing import Any

from numpy.typing import NDArray

from roskdbench.suite.metric import metric


@metric("balanced-accuracy", heading="BAcc")
def balanced_accuracy(truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any]) -> float | None:
    """Of one class against the rest; None where it has no positive or no negative sample."""
    if truth.all() or not truth.any():
        return None
    return float((decisions[truth].mean() + (~decisions[~truth]).mean()) / 2)
