"""The bootstrap by group: test sets as they might have been, had other patients come.

Whole groups are drawn with replacement, because images of one patient do not vote apart. Draws depend on the test set
alone, so those of two methods belong together, draw by draw: the draws of their difference are the differences.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from roskdbench.data.problem import indicators
from roskdbench.measuring.predictions import Predictions
from roskdbench.measuring.scores import AVERAGED, averages, best_thresholds, chances
from roskdbench.statistics.intervals import DRAWS
from roskdbench.suite.measure import Column, Measure, Statistic
from roskdbench.suite.problems import Task
from roskdbench.suite.weighted import Weighted

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
    """Precision, recall and F1 by one of `score_table`'s averages, the areas and, for single-label, accuracy, over
    draws of the test part's groups. Thresholds stay as tuned. A class of which a draw holds no sample is left out of
    that draw's means: the draw says nothing of how well it is found.
    """
    truth = indicators(targets["test"], len(classes)) == 1
    counted = np.ones_like(truth) if known is None else np.asarray(known["test"], dtype=bool)
    truth = truth & counted
    if task == "single-label":
        decisions = {"": indicators(logits["test"].argmax(-1), len(classes)) == 1}
        ranked: NDArray[np.floating] = chances(task, logits["test"])
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
    known_at_all = np.asarray(counted.any(0))
    _, clusters = np.unique(groups, return_inverse=True)
    for weights in weights_of_groups(int(clusters.max()) + 1, draws, seed, len(truth)):
        found: Draws = {}
        for suffix, chosen in decisions.items():
            name = f"{average}{suffix}"
            found |= _decision_draws(truth, chosen, name, average, clusters, weights, known_at_all)
        drawn = weights[:, clusters]  # how often each sample is in each draw
        if task == "single-label":
            found["accuracy"] = drawn @ (decisions[""] & truth).any(-1) / drawn.sum(1)
        areas = auc_draws(truth, ranked, counted, drawn)
        found |= {key("auc", name): areas[:, c] for c, name in enumerate(classes)}
        found["auc-macro"] = mean_of_defined(areas)
        parts.append(found)
    return {name: np.concatenate([part[name] for part in parts]).astype(np.float32) for name in parts[0]}


def draws_of(predictions: Predictions, seed: int) -> Draws:
    """The draws of predictions' scores, by the protocol's average."""
    tested = predictions.tested
    return score_draws(
        tested.task,
        tested.classes,
        tested.truth(),
        predictions.logits,
        tested.test.groups,
        seed,
        tested.known(),
        predictions.average,
    )


def measure_draws(measure: Measure, predictions: Predictions, seed: int) -> Draws:
    """The draws of all that a measure has draws of."""
    return {**measure.draws(predictions, seed), **statistic_draws(measure.statistics(), predictions, seed)}


def statistic_draws(columns: Sequence[Column], predictions: Predictions, seed: int, draws: int = DRAWS) -> Draws:
    """The draws of columns that are statistics: each computed again on the samples of every draw. They are the draws
    that scores have, so rows and metrics stay paired. Thresholds that validation chose stay.
    """
    parts: dict[str, list[NDArray[np.float64]]] = {}
    again = [column for column in columns if column.statistic is not None and column.resampled]
    chosen = [(column, predictions.decided(column)) for column in again]
    if not chosen:
        return {}
    _, clusters = np.unique(predictions.groups, return_inverse=True)
    for weights in weights_of_groups(int(clusters.max()) + 1, draws, seed, len(predictions)):
        drawn = weights[:, clusters].astype(np.float64)  # how often each sample is in each draw
        for column, decided in chosen:
            for name, values in _drawn_values(column, decided, predictions, drawn):
                parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values).astype(np.float32) for name, values in parts.items()}


def _drawn_values(
    column: Column, decided: Sequence[NDArray[np.bool_] | None], predictions: Predictions, drawn: NDArray[np.float64]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    assert column.statistic is not None
    everything = (predictions.truth, predictions.probabilities, predictions.decisions)
    if column.over == "samples":
        yield column.metric, draws_of_statistic(column.statistic, everything, drawn)
        return
    values = np.full((len(drawn), len(predictions.classes)), np.nan)
    for c, (name, given) in enumerate(zip(predictions.classes, decided, strict=True)):
        rows = predictions.known[:, c]
        if given is not None and rows.any():
            arrays = (predictions.truth[rows, c], predictions.probabilities[rows, c], given[rows])
            values[:, c] = draws_of_statistic(column.statistic, arrays, drawn if rows.all() else drawn[:, rows])
        yield key(column.metric, name), values[:, c]
    if column.whole is not None and predictions.task == "single-label":
        yield column.metric, draws_of_statistic(column.whole, everything, drawn)
    else:
        yield column.metric, mean_of_defined(values)


def draws_of_statistic(
    statistic: Statistic, arrays: tuple[NDArray[Any], NDArray[Any], NDArray[Any]], drawn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of each draw, from truth, probabilities and decisions of all samples. [b]"""
    if isinstance(statistic, Weighted):
        return statistic.of_draws(*arrays, drawn)
    found = np.full(len(drawn), np.nan)
    for number, each in enumerate(drawn):
        rows = np.repeat(np.arange(len(each)), each.astype(np.int64))
        value = statistic(*(array[rows] for array in arrays)) if len(rows) else None
        found[number] = np.nan if value is None else value
    return found


def weights_of_groups(count: int, draws: int, seed: int, samples: int) -> Iterator[NDArray[np.float32]]:
    """How often each group is in each draw, in chunks of draws. [b, count]"""
    size = max(1, CHUNK // max(samples, count))
    if count * draws <= CHUNK:
        whole = _weights_kept(count, draws, seed)
        yield from (whole[start : start + size] for start in range(0, draws, size))
        return
    random = np.random.default_rng(seed)
    for start in range(0, draws, size):
        yield _weights(random, count, min(size, draws - start))


@lru_cache(maxsize=4)
def _weights_kept(count: int, draws: int, seed: int) -> NDArray[np.float32]:
    """All of a test part's draws: methods that are tested on it share them."""
    found = _weights(np.random.default_rng(seed), count, draws)
    found.flags.writeable = False
    return found


def _weights(random: np.random.Generator, count: int, draws: int) -> NDArray[np.float32]:
    return random.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float32)


def _decision_draws(
    truth: Flags,
    chosen: Flags,
    name: str,
    average: str,
    clusters: NDArray[np.intp],
    weights: NDArray[Any],
    known: NDArray[np.bool_],
) -> Draws:
    counts = np.concatenate([truth & chosen, truth, chosen], axis=1)
    member = sparse.csr_matrix(
        (np.ones(len(clusters), np.float32), (clusters, np.arange(len(clusters)))), (weights.shape[1], len(clusters))
    )
    hits, wanted, given = np.split(weights @ (member @ counts.astype(np.float32)), 3, axis=1)  # [b, C] each
    values = averages(hits, wanted, given, counted=((wanted > 0) | ~truth.any(0)) & known)[average]
    return {f"{metric}-{name}": np.asarray(value) for metric, value in zip(AVERAGED, values, strict=True)}


def auc_draws(truth: Flags, scores: NDArray[Any], counted: Flags, weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """Each class's area under its ROC curve, samples counted by their weights. [b, C]"""
    found = np.full((len(weights), truth.shape[1]), np.nan)
    by_sample = np.ascontiguousarray(weights.T)
    for c in range(truth.shape[1]):
        positives, negatives = (np.flatnonzero(counted[:, c] & (truth[:, c] == each)) for each in (True, False))
        if not len(positives) or not len(negatives):
            continue
        negatives = negatives[np.argsort(scores[negatives, c], kind="stable")]
        below = np.zeros(
            (len(negatives) + 1, len(weights)), np.float32
        )  # what each place has under it; whole, so exact
        for place, each in enumerate(negatives):
            np.add(below[place], by_sample[each], out=below[place + 1])
        ranked, own = scores[negatives, c], by_sample[positives].astype(np.float64)
        first, last = (np.searchsorted(ranked, scores[positives, c], side=side) for side in ("left", "right"))
        above = (own * (below[first] + below[last])).sum(0) / 2
        pairs = own.sum(0) * below[-1]
        with np.errstate(invalid="ignore", divide="ignore"):
            found[:, c] = np.where(pairs > 0, above / pairs, np.nan)
    return found


def mean_of_defined(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Over the classes that a draw defines. [b]"""
    defined = ~np.isnan(values)
    count = defined.sum(1)
    total = np.where(defined, values, 0.0).sum(1)
    mean: NDArray[np.float64] = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return mean
