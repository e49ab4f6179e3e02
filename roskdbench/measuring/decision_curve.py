"""Net benefit: what a model is worth to a doctor who acts from some probability on (Vickers and Elkin 2006).

Who acts at a probability of t takes one found patient for worth (1 - t) / t false alarms. Net benefit is the share of
patients who are rightly acted on, less the share who are wrongly, each of these counting t / (1 - t). Acting on nobody
has 0; the most that can be had is the prevalence, by a model that is never wrong.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.weighted_counts import confusion_of_class, share
from roskdbench.suite.weighted import Weighted

CURVE = tuple(percent / 100 for percent in range(1, 51))
"""The probabilities that a curve goes through."""


def benefit_at(threshold: float) -> Weighted:
    """The net benefit of acting on a class where its probability is the threshold or more, as a statistic."""
    return Weighted(partial(net_benefit, threshold=threshold))


def benefit_of_all_at(threshold: float) -> Weighted:
    """The net benefit of acting on everybody, as a statistic."""
    return Weighted(partial(net_benefit_of_all, threshold=threshold))


def net_benefit(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any], threshold: float
) -> NDArray[np.float64]:
    """Of each draw [b], from samples [n] and weights [b, n]. The protocol's decisions play no part."""
    found = confusion_of_class(truth, probabilities >= threshold, weights)
    return share(found.hits - found.false_alarms * threshold / (1 - threshold), weights.sum(1))


def net_benefit_of_all(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any], threshold: float
) -> NDArray[np.float64]:
    """As `net_benefit`, of acting on everybody."""
    return net_benefit(truth, np.ones(len(truth)), decisions, weights, threshold)
