"""Balanced accuracy: a rare class counts as much as a frequent one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.weighted_counts import confusion_of_all, confusion_of_class, share, undefined
from roskdbench.suite.metric import metric


def mean_recall(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """Over the classes that there are samples of; what ISIC ranks by and scikit-learn calls balanced accuracy."""
    counts = confusion_of_all(truth, decisions, weights)  # [b, C, C]
    if counts is None:
        return undefined(weights)
    of = counts.sum(2)
    recalls = np.divide(np.diagonal(counts, axis1=1, axis2=2), of, out=np.zeros_like(of), where=of > 0)
    return share(recalls.sum(1), (of > 0).sum(1))


@metric("balanced-accuracy", heading="BAcc", whole=mean_recall, revision=2)
def balanced_accuracy(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """Of one class against the rest the mean of sensitivity and specificity; not defined where it has no positive or no
    negative sample. Of all classes the mean recall where there is one label, else the mean over classes.
    """
    hits, misses, false_alarms, rejections = confusion_of_class(truth, decisions, weights)
    return (share(hits, hits + misses) + share(rejections, rejections + false_alarms)) / 2
