"""Whether one method differs from another: paired bootstrap, corrected t over folds, corrections for many questions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roskdbench.statistics.intervals import interval

SMALL = 0.05


class Difference(NamedTuple):
    """How far one method is from another."""

    value: float
    low: float
    high: float
    p: float
    """In tables, after the correction for how many rows are compared."""

    @property
    def sure(self) -> bool:
        """Whether it may be called better or worse: the interval leaves zero out, and p is small. Of many questions an
        interval may ask for finer tails than there are draws; p knows how many there were.
        """
        return (self.low > 0 or self.high < 0) and self.p <= SMALL


def paired(value: float, draws: NDArray[np.floating], level: float) -> Difference:
    """From draws of the difference. The p-value is twice the smaller share on one side of zero, never quite 0."""
    defined = draws[~np.isnan(draws)]
    low, high = interval(defined, level)
    below, above = (defined <= 0).sum(), (defined >= 0).sum()
    p = min(1.0, 2 * (min(below, above) + 1) / (len(defined) + 1))
    return Difference(value, low, high, float(p))


def over_folds(differences: Sequence[float], test_share: float, level: float) -> Difference:
    """Nadeau and Bengio's t: folds share training data, so their variance is raised by test over training size."""
    values = np.asarray(differences, dtype=float)
    count = len(values)
    variance = values.var(ddof=1) * (1 / count + test_share)
    return _by_t(float(values.mean()), float(variance**0.5), count - 1, level)


def over_seeds(differences: Sequence[float], level: float) -> Difference:
    """The paired t over trainings from different seeds; of values themselves, the t interval of their mean."""
    values = np.asarray(differences, dtype=float)
    return _by_t(float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5), len(values) - 1, level)


def _by_t(mean: float, error: float, freedom: int, level: float) -> Difference:
    from scipy import special  # quicker to import than scipy.stats

    if error == 0:
        return Difference(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    reach = float(special.stdtrit(freedom, (1 + level) / 2)) * error
    return Difference(mean, mean - reach, mean + reach, float(2 * special.stdtr(freedom, -abs(mean) / error)))


def agreed(one: Difference, other: Difference) -> Difference:
    """What two ways say of one difference where both have to hold: the outer ends of their intervals, the larger p."""
    return Difference(one.value, min(one.low, other.low), max(one.high, other.high), max(one.p, other.p))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that keep the chance of any false finding (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    adjusted, highest = np.empty(len(order)), 0.0
    for place, each in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - place) * p_values[each]))
        adjusted[each] = highest
    return [float(value) for value in adjusted]


def holm_levels(p_values: Sequence[float], level: float) -> list[float]:
    """The level of each interval that goes with Holm's steps: the smallest p-value has the widest interval. From the
    first step that fails on they get no narrower, so that nothing is sure behind it.
    """
    order = np.argsort(p_values, kind="stable")
    levels, held = np.empty(len(order)), 0
    for place, each in enumerate(order):
        levels[each] = 1 - (1 - level) / (len(order) - held)
        if p_values[each] <= (1 - level) / (len(order) - held):
            held = min(place + 1, len(order) - 1)
    return [float(value) for value in levels]


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that keep the share of false findings (Benjamini and Hochberg 1995)."""
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")[::-1]
    count = len(values)
    steps = values[order] * count / np.arange(count, 0, -1)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(steps))
    return [float(value) for value in adjusted]


def false_discovery_levels(p_values: Sequence[float], level: float) -> list[float]:
    """The level of the intervals that go with `false_discovery`: those that leave zero out are the findings, and at
    most 1 - level of them miss what they are to hold (Benjamini and Yekutieli 2005).
    """
    found = sum(each <= 1 - level for each in false_discovery(p_values))
    return [1 - (1 - level) * max(found, 1) / len(p_values)] * len(p_values)


def delong(
    truth: NDArray[np.bool_], one: NDArray[np.floating], other: NDArray[np.floating], level: float
) -> Difference:
    """DeLong's test of two areas under ROC curves on the same independent samples: a cross-check of the bootstrap."""
    from scipy import special

    areas, from_positives, from_negatives = zip(*(_placements(truth, scores) for scores in (one, other)), strict=True)
    covariance = np.cov(from_positives) / truth.sum() + np.cov(from_negatives) / (~truth).sum()
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    value, error = float(areas[0] - areas[1]), float(max(variance, 0.0) ** 0.5)
    if error == 0:
        return Difference(value, value, value, 1.0 if value == 0 else 0.0)
    reach = float(special.ndtri((1 + level) / 2)) * error
    return Difference(value, value - reach, value + reach, float(2 * special.ndtr(-abs(value) / error)))


def _placements(
    truth: NDArray[np.bool_], scores: NDArray[np.floating]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The area, the share of negatives below each positive, and of positives above each negative."""
    from scipy import stats

    positive, negative = scores[truth], scores[~truth]
    within_all = stats.rankdata(np.concatenate([positive, negative]))
    m, n = len(positive), len(negative)
    of_positives = (within_all[:m] - stats.rankdata(positive)) / n
    of_negatives = 1 - (within_all[m:] - stats.rankdata(negative)) / m
    return float(of_positives.mean()), of_positives, of_negatives
