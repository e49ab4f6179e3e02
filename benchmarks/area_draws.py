"""What bootstrap draws of areas under ROC curves cost: all draws of a sample at once, against each draw by itself.

    python benchmarks/area_draws.py [IMAGES...]

Both give the same bytes, which is checked. Eight classes, 2,000 draws of images.
"""

import sys
import time

import numpy as np

from roskdbench.statistics.bootstrap import auc_draws, weights_of_groups

CLASSES, DRAWS, TURNS = 8, 2000, 5


def one_draw_after_the_other(truth, scores, counted, weights):
    """Weights in the order of scores, summed along each draw."""
    found = np.full((len(weights), truth.shape[1]), np.nan)
    for c in range(truth.shape[1]):
        rows = np.flatnonzero(counted[:, c])
        order = rows[np.argsort(scores[rows, c], kind="stable")]
        ranked, positive = scores[order, c], truth[order, c]
        if not positive.any() or positive.all():
            continue
        weighed = weights[:, order]
        below = np.zeros((len(weights), len(order) + 1), np.float32)
        np.cumsum(weighed * ~positive, axis=1, out=below[:, 1:])
        first, last = (np.searchsorted(ranked, ranked[positive], side=side) for side in ("left", "right"))
        own = weighed[:, positive].astype(np.float64)
        above = (own * (below[:, first] + below[:, last])).sum(1) / 2
        pairs = own.sum(1) * below[:, -1]
        with np.errstate(invalid="ignore", divide="ignore"):
            found[:, c] = np.where(pairs > 0, above / pairs, np.nan)
    return found


def seconds(function, *arguments):
    """The least of several turns, and what came out."""
    taken = []
    for _ in range(TURNS):
        started = time.perf_counter()
        found = function(*arguments)
        taken.append(time.perf_counter() - started)
    return min(taken), found


def main():
    """Print a line for each number of images."""
    for count in [int(each) for each in sys.argv[1:]] or [500, 2000, 20000]:
        random = np.random.default_rng(0)
        truth = random.random((count, CLASSES)) < random.random(CLASSES) * 0.2
        scores = np.round(random.normal(size=truth.shape) + truth, 2).astype(np.float32)
        counted = random.random(truth.shape) < 0.95
        weights = next(iter(weights_of_groups(count, DRAWS, 1, count)))
        before, wanted = seconds(one_draw_after_the_other, truth, scores, counted, weights)
        after, found = seconds(auc_draws, truth, scores, counted, weights)
        assert np.array_equal(found, wanted, equal_nan=True)
        print(f"{count:,} images, {len(weights):,} draws: {before:.3f} s and {after:.3f} s, {before / after:.1f} times")


if __name__ == "__main__":
    main()
