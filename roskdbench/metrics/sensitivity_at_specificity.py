"""Sensitivity at a fixed specificity: what a screening finds that may call so many of the healthy in.

The threshold is chosen on validation, as it would be at a hospital, and not on the test part, where the model would be
given the best one afterwards. On the test part specificity may therefore come out a little otherwise.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.operating_points import at_specificity
from roskdbench.measuring.weighted_counts import confusion_of_class, share
from roskdbench.suite.metric import metric

NOTE = "Sens@Spec{0}: each class at the threshold that gives it {0} % specificity on validation."


@metric("sensitivity@spec95", "Sens@Spec95", decided_by=at_specificity(0.95), note=NOTE.format(95))
@metric("sensitivity@spec90", "Sens@Spec90", decided_by=at_specificity(0.9), note=NOTE.format(90))
def sensitivity_at_specificity(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """The share of a class's samples that is given it, at the threshold that has this specificity on validation. It is
    not defined where the test part has no sample of the class, or validation has none, or only such.
    """
    found = confusion_of_class(truth, decisions, weights)
    return share(found.hits, found.hits + found.misses)
