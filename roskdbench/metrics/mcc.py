"""Matthews' correlation coefficient: how decisions go with the truth, from -1 to 1; 0 is chance."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.weighted_counts import confusion_of_all, confusion_of_class, undefined
from roskdbench.suite.metric import metric


def mcc_of_all(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """Of the whole confusion matrix of one label (Gorodkin 2004, R_K). NaN where all samples are of one class; 0 where
    all are given one.
    """
    counts = confusion_of_all(truth, decisions, weights)  # [b, C, C]
    if counts is None:
        return undefined(weights)
    right, of, given = np.trace(counts, axis1=1, axis2=2), counts.sum(2), counts.sum(1)
    total = of.sum(1)
    covariance = right * total - (of * given).sum(1)
    return correlation(covariance, total**2 - (of**2).sum(1), total**2 - (given**2).sum(1))


@metric("mcc", heading="MCC", whole=mcc_of_all)
def mcc(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """Matthews' correlation of each class against the rest; of all classes the multi-class coefficient where there is
    one label, else the mean. It is not defined where a class has no positive or no negative sample, and 0 where every
    sample, or none, is given it.
    """
    hits, misses, false_alarms, rejections = confusion_of_class(truth, decisions, weights)
    of_truth = (hits + misses) * (false_alarms + rejections)
    of_decisions = (hits + false_alarms) * (misses + rejections)
    return correlation(hits * rejections - misses * false_alarms, of_truth, of_decisions)


def correlation(covariance: NDArray[Any], of_truth: NDArray[Any], of_decisions: NDArray[Any]) -> NDArray[np.float64]:
    """From the covariance and both variances: NaN where the truth does not vary, 0 where only decisions do not."""
    spread = np.sqrt(of_truth) * np.sqrt(of_decisions)
    found = np.divide(covariance, spread, out=np.zeros(len(spread)), where=spread > 0)
    return np.where(of_truth > 0, found, np.nan)
