"""Whether one method differs from another: paired bootstrap, the t over runs, corrections for many questions."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roskdbench.statistics.intervals import interval

SMALL = 0.05
FEWEST_ROWS = 3
"""Of which variances say something of each other."""
FEWEST_RUNS = 3
"""Of which the t over runs says something of methods."""


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


class Prior(NamedTuple):
    """What the variances of several rows say of each: so many degrees of freedom more, around this variance."""

    freedom: float = 0.0
    variance: float = 0.0
    most: float = math.inf
    """Degrees of freedom that all rows have together."""


ALONE = Prior()


def prior_of(rows: Sequence[Sequence[float]] | NDArray[np.float64]) -> Prior:
    """From the values of several rows over as many runs each, by Smyth's empirical Bayes (2004, section 6.2): methods
    differ in how far their runs vary, but not beyond all measure. It takes three rows.

    Rows that are differences from one reference share what that varies by: their variances agree for that alone, and
    say less of each other the more the rows are correlated.
    """
    from scipy import special

    values = np.array([each for each in rows if np.ptp(each) > 0], dtype=float)
    if len(values) < FEWEST_ROWS:
        return ALONE
    known, freedom = values.var(1, ddof=1), values.shape[1] - 1
    logs = np.log(known) - special.digamma(freedom / 2) + math.log(freedom / 2)
    spread = float(logs.var(ddof=1) - special.polygamma(1, freedom / 2))
    most = freedom * len(known) / (1 + (len(known) - 1) * _mean_correlation(values) ** 2)
    if spread <= 0:  # they vary no more than chance has it: one variance for all
        return Prior(math.inf, float(np.exp(logs.mean())), most)
    own = 2 * _trigamma_inverse(spread)
    middle = float(logs.mean() + special.digamma(own / 2) - math.log(own / 2))
    return Prior(own, math.exp(middle), most)


def _mean_correlation(rows: NDArray[np.float64]) -> float:
    """Of each row with each other: the mean covariance over the mean variance, from 0 to 1."""
    own, together = float(rows.var(1, ddof=1).sum()), float(rows.sum(0).var(ddof=1))
    return min(1.0, max(0.0, (together - own) / own / (len(rows) - 1)))


def _trigamma_inverse(value: float) -> float:
    """By Newton's steps, which converge from below for any value."""
    from scipy import special

    found = 0.5 + 1 / value
    for _ in range(50):
        trigamma = special.polygamma(1, found)
        step = trigamma * (1 - trigamma / value) / special.polygamma(2, found)
        found += step
        if abs(step) < 1e-10 * found:
            break
    return float(found)


class OverRuns(NamedTuple):
    """A mean over runs, and what its t rests on."""

    mean: float
    runs: int
    variance: float
    """Of a run."""
    freedom_of_variance: float
    shared: float = 0.0
    """The size of the test part over that of the training part where runs have splits or folds of one data set: they
    share samples, so that their mean varies by more than their spread says (Nadeau and Bengio 2003).
    """
    fixed: float = 0.0
    """The variance that images on which all runs are tested give their mean."""

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return math.sqrt(self._trained + self.fixed)

    @property
    def freedom(self) -> float:
        """Degrees of freedom; by Satterthwaite where of the test part's share of the error much is known."""
        if self._trained > 0 and self.fixed > 0:
            return self.freedom_of_variance * ((self._trained + self.fixed) / self._trained) ** 2
        return self.freedom_of_variance

    @property
    def _trained(self) -> float:
        return self.variance * (1 / self.runs + self.shared)

    def of(self, runs: int) -> "OverRuns":
        """The same from another number of runs, as far as it can be foreseen."""
        return self._replace(runs=runs, freedom_of_variance=max(1.0, float(runs - 1)))

    def difference(self, level: float) -> Difference:
        """With its interval, and the p-value of its being 0."""
        from scipy import special  # quicker to import than scipy.stats

        mean, error = self.mean, self.error
        if error == 0:
            return Difference(mean, mean, mean, 1.0 if mean == 0 else 0.0)
        reach = float(special.stdtrit(self.freedom, (1 + level) / 2)) * error
        return Difference(mean, mean - reach, mean + reach, float(2 * special.stdtr(self.freedom, -abs(mean) / error)))

    def above(self, bound: float) -> float:
        """The p-value of the mean's being above a bound."""
        from scipy import special

        if self.error == 0:
            return 0.0 if self.mean > bound else 1.0
        return float(special.stdtr(self.freedom, -(self.mean - bound) / self.error))

    def below(self, bound: float) -> float:
        """The p-value of the mean's being below a bound."""
        return self._replace(mean=-self.mean).above(-bound)


def over_runs(
    values: Sequence[float], shared: float = 0.0, fixed: float = 0.0, least: float = 0.0, prior: Prior = ALONE
) -> OverRuns:
    """Of differences, or of values themselves. `least` is what the variance of a run is not taken to be under: what its
    test part alone gives it. `prior` is what other rows say of it.
    """
    found = np.asarray(values, dtype=float)
    freedom, variance = float(len(found) - 1), float(found.var(ddof=1))
    if math.isinf(prior.freedom):
        freedom, variance = prior.most, prior.variance
    elif prior.freedom:
        variance = (prior.freedom * prior.variance + freedom * variance) / (prior.freedom + freedom)
        freedom = min(prior.freedom + freedom, prior.most)
    return OverRuns(float(found.mean()), len(found), max(variance, least), freedom, shared, fixed)


def over_trainings(
    values: Sequence[float],
    level: float,
    shared: float = 0.0,
    fixed: float = 0.0,
    least: float = 0.0,
    prior: Prior = ALONE,
) -> Difference:
    """The t over runs, of differences or of values themselves, as `over_runs` has it."""
    return over_runs(values, shared, fixed, least, prior).difference(level)


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
