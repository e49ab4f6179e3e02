"""From draws to intervals. ArtifactInfo apart from how draws are made, so that a report starts quickly."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from roskdbench.fingerprint import seed_for

DRAWS = 2000


def interval(draws: NDArray[np.floating], level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of draws; of those that are defined."""
    defined = draws[~np.isnan(draws)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def over_runs(runs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Draws of the mean over runs [R, D], runs drawn with replacement too: chance in training and in the test set.

    One run less is drawn than there are: with few runs their spread would else be taken for smaller than it is. Which
    runs a draw has depends on their number alone, so that rows with the same runs stay paired.
    """
    count, draws = runs.shape
    if count == 1:
        return np.asarray(runs[0], dtype=np.float64)
    chosen = _runs_drawn(count, draws)
    exact = runs.astype(np.float64)
    if np.isnan(exact).any():
        exact = np.where(chosen > 0, exact, 0.0)  # what a draw leaves out need not be defined
    mean: NDArray[np.float64] = (exact * chosen).sum(0) / (count - 1)
    return mean


@cache
def _runs_drawn(count: int, draws: int) -> NDArray[np.float64]:
    """How often each run is in each draw. [R, D]"""
    random = np.random.default_rng(seed_for("runs", count, draws))
    return random.multinomial(count - 1, np.full(count, 1 / count), size=draws).T.astype(np.float64, order="C")
