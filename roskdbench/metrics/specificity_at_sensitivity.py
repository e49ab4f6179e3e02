"""Specificity at a fixed sensitivity: how many of the healthy are left in peace by a test that must find so many of the
ill.

The threshold is chosen on validation, as it would be at a hospital, and not on the test part. There sensitivity may
therefore come out a little otherwise.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.operating_points import at_sensitivity
from roskdbench.measuring.weighted_counts import confusion_of_class, share
from roskdbench.suite.metric import metric

NOTE = "Spec@Sens{0}: each class at the threshold that gives it {0} % sensitivity on validation."


@metric("specificity@sens95", "Spec@Sens95", decided_by=at_sensitivity(0.95), note=NOTE.format(95))
@metric("specificity@sens90", "Spec@Sens90", decided_by=at_sensitivity(0.9), note=NOTE.format(90))
def specificity_at_sensitivity(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """The share of the samples without a class that is not given it, at the threshold that has this sensitivity on
    validation. It is not defined where all of the test part has the class, or validation has none of it, or only it.
    """
    found = confusion_of_class(truth, decisions, weights)
    return share(found.rejections, found.rejections + found.false_alarms)
