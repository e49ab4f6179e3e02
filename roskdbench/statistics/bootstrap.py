"""The bootstrap by group: test sets as they might have been, had other patients come.

Whole groups are drawn with replacement, because images of one patient do not vote apart. Draws depend on the test set
alone, so those of two methods belong together, draw by draw: the draws of their difference are the differences.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from roskdbench.data.problem import indicators
from roskdbench.measures.scores import AVERAGED, averages, best_thresholds
from roskdbench.measures.tested import Tested
from roskdbench.statistics.intervals import DRAWS
from roskdbench.suite.problems import Task

CHUNK = 4_000_000  # weights of samples held at once

Draws = dict[str, NDArray[np.floating]]
"""[D] values of each metric; a class's are under "metric|class". NaN where a draw does not define it."""

Flags = NDArray[np.bool_]


def key(metric: str, label: str) -> str:
    """The name of a metric's draws."""
    return f"{metric}|{label}" if label else metric


def score_draws(
    task: Task,
    classes: Sequence[str],
    targets: Mapping[str, NDArray[Any]],
    logits: Mapping[str, NDArray[np.float32]],
    groups: NDArray[Any],
    seed: int,
    known: Mapping[str, NDArray[Any]] | None = None,
    average: str = "macro",
    draws: int = DRAWS,
) -> Draws:
    """Precision, recall and F1 by one of `score_table`'s averages, and the areas, over draws of the test part's groups.
    Thresholds stay as tuned.
    """
    truth = indicators(targets["test"], len(classes)) == 1
    counted = np.ones_like(truth) if known is None else np.asarray(known["test"], dtype=bool)
    truth = truth & counted
    if task == "single-label":
        decisions = {"": indicators(logits["test"].argmax(-1), len(classes)) == 1}
        ranked: NDArray[np.floating] = _softmax(logits["test"])
    else:
        seen = indicators(targets["validation"], len(classes)) == 1
        tunable = None if known is None else np.asarray(known["validation"], dtype=bool)
        thresholds = best_thresholds(seen, logits["validation"], tunable)
        decisions = {
            "@half": (expit(logits["test"]) >= 0.5) & counted,
            "@tuned": (logits["test"] >= thresholds) & counted,
        }
        ranked = logits["test"]
    parts: list[Draws] = []
    _, clusters = np.unique(groups, return_inverse=True)
    for weights in weights_of_groups(int(clusters.max()) + 1, draws, seed, len(truth)):
        found: Draws = {}
        for suffix, chosen in decisions.items():
            found |= _decision_draws(truth, chosen, f"{average}{suffix}", average, clusters, weights)
        areas = auc_draws(truth, ranked, counted, weights[:, clusters])
        found |= {key("auc", name): areas[:, c] for c, name in enumerate(classes)}
        found["auc-macro"] = _mean_of_defined(areas)
        parts.append(found)
    return {name: np.concatenate([part[name] for part in parts]).astype(np.float32) for name in parts[0]}


def draws_of(tested: Tested, logits: Mapping[str, NDArray[np.float32]], average: str, seed: int) -> Draws:
    """The draws of a tested part's scores."""
    groups = tested.test.groups
    return score_draws(tested.task, tested.classes, tested.truth(), logits, groups, seed, tested.known(), average)


def weights_of_groups(count: int, draws: int, seed: int, samples: int) -> Iterator[NDArray[np.float32]]:
    """How often each group is in each draw, in chunks of draws. [b, count]"""
    random = np.random.default_rng(seed)
    size = max(1, CHUNK // max(samples, count))
    for start in range(0, draws, size):
        rows = min(size, draws - start)
        yield random.multinomial(count, np.full(count, 1 / count), size=rows).astype(np.float32)


def _decision_draws(
    truth: Flags, chosen: Flags, name: str, average: str, clusters: NDArray[np.intp], weights: NDArray[Any]
) -> Draws:
    counts = np.concatenate([truth & chosen, truth, chosen], axis=1)
    member = sparse.csr_matrix(
        (np.ones(len(clusters), np.float32), (clusters, np.arange(len(clusters)))), (weights.shape[1], len(clusters))
    )
    hits, wanted, given = np.split(weights @ (member @ counts.astype(np.float32)), 3, axis=1)  # [b, C] each
    values = averages(hits, wanted, given)[average]
    return {f"{metric}-{name}": np.asarray(value) for metric, value in zip(AVERAGED, values, strict=True)}


def auc_draws(truth: Flags, scores: NDArray[Any], counted: Flags, weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """Each class's area under its ROC curve, samples counted by their weights. [b, C]"""
    found = np.full((len(weights), truth.shape[1]), np.nan)
    for c in range(truth.shape[1]):
        rows = np.flatnonzero(counted[:, c])
        order = rows[np.argsort(scores[rows, c], kind="stable")]
        ranked, positive = scores[order, c], truth[order, c]
        if not positive.any() or positive.all():
            continue
        weighed = weights[:, order]
        below = np.zeros(
            (len(weights), len(order) + 1), np.float32
        )  # negatives before each place; whole numbers, exact
        np.cumsum(weighed * ~positive, axis=1, out=below[:, 1:])
        first = np.searchsorted(ranked, ranked[positive], side="left")
        last = np.searchsorted(ranked, ranked[positive], side="right")
        own = weighed[:, positive].astype(np.float64)
        above = (own * (below[:, first] + below[:, last])).sum(1) / 2
        pairs = own.sum(1) * below[:, -1]
        with np.errstate(invalid="ignore", divide="ignore"):
            found[:, c] = np.where(pairs > 0, above / pairs, np.nan)
    return found


def _mean_of_defined(areas: NDArray[np.float64]) -> NDArray[np.float64]:
    defined = ~np.isnan(areas)
    count = defined.sum(1)
    total = np.where(defined, areas, 0.0).sum(1)
    mean: NDArray[np.float64] = np.divide(total, count, out=np.full(len(areas), np.nan), where=count > 0)
    return mean


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    chances: NDArray[np.float64] = shifted / shifted.sum(-1, keepdims=True)
    return chances
