"""Precision, recall, F1 and AUC from logits.

As in scikit-learn, a quotient 0/0 counts as 0: a class that is never predicted has precision 0, and a class absent from
the test part has recall and F1 0 and is part of the means. AUC is not defined where a class has no positive or no
negative sample: it is left out, and so it is from the mean. "f1-of-means" is the harmonic mean of macro precision and
macro recall, which the cardio rows of the paper's Table I obey.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import rankdata

from roskdbench.data.problem import indicators
from roskdbench.measuring import ALL, Row
from roskdbench.suite.problems import Task

Flags = NDArray[np.bool_]  # [n, C]
AVERAGED = ("precision", "recall", "f1")


def score_table(
    task: Task,
    classes: Sequence[str],
    targets: Mapping[str, NDArray[Any]],
    logits: Mapping[str, NDArray[np.float32]],
    known: Mapping[str, NDArray[Any]] | None = None,
) -> list[Row]:
    """Every score of the test part. Multi-label decisions are made twice: at 0.5 ("@half") and at the threshold that
    gives each class its best F1 on validation ("@tuned"). Single-label decisions are the largest logit. Multi-label
    targets that are not `known` count nowhere.
    """
    truth = indicators(targets["test"], len(classes)) == 1
    counted = np.ones_like(truth) if known is None else np.asarray(known["test"], dtype=bool)
    if task == "single-label":
        chosen = indicators(logits["test"].argmax(-1), len(classes)) == 1
        rows = decision_rows(truth, chosen, classes, "")
        rows.append(("accuracy", ALL, float((chosen & truth).any(-1).mean()), len(truth)))
    else:
        truth = truth & counted
        known_at_all = np.asarray(counted.any(0), dtype=bool)
        rows = decision_rows(truth, (expit(logits["test"]) >= 0.5) & counted, classes, "@half", known_at_all)
        seen = indicators(targets["validation"], len(classes)) == 1
        tunable = None if known is None else np.asarray(known["validation"], dtype=bool)
        thresholds = best_thresholds(seen, logits["validation"], tunable)
        rows += decision_rows(truth, (logits["test"] >= thresholds) & counted, classes, "@tuned", known_at_all)
        half_way = expit(thresholds)
        rows += [("threshold", name, float(half_way[c]), len(seen)) for c, name in enumerate(classes)]
    return rows + auc_rows(truth, chances(task, logits["test"]), classes, None if known is None else counted)


def decision_rows(
    truth: Flags, chosen: Flags, classes: Sequence[str], suffix: str, counted: NDArray[np.bool_] | bool = True
) -> list[Row]:
    """Precision, recall and F1 of each class, and their averages; means of classes are of those that are `counted`."""
    hits, wanted, given = (truth & chosen).sum(0), truth.sum(0), chosen.sum(0)
    rows: list[Row] = []
    for metric, values in zip(AVERAGED, precision_recall_f1(hits, wanted, given), strict=True):
        for c, name in enumerate(classes):
            rows.append((f"{metric}{suffix}", name, float(values[c]), int(wanted[c])))
    for average, values in averages(hits, wanted, given, counted).items():
        for metric, value in zip(AVERAGED, values, strict=True):
            rows.append((f"{metric}-{average}{suffix}", ALL, float(value), len(truth)))
    return rows


def averages(hits: Any, wanted: Any, given: Any, counted: Any = True) -> dict[str, tuple[Any, Any, Any]]:
    """Precision, recall and F1 over classes, from counts [..., C]. Means of classes are of those that are `counted`."""
    each = precision_recall_f1(hits, wanted, given)
    counted = np.broadcast_to(counted, wanted.shape)
    macro = tuple((values * counted).sum(-1) / np.maximum(counted.sum(-1), 1) for values in each)
    weight = wanted / np.maximum(wanted.sum(-1, keepdims=True), 1)
    return {
        "macro": macro,
        "micro": precision_recall_f1(hits.sum(-1), wanted.sum(-1), given.sum(-1)),
        "weighted": tuple((values * weight).sum(-1) for values in each),
        "f1-of-means": (macro[0], macro[1], _ratio(2 * macro[0] * macro[1], macro[0] + macro[1])),
    }


def auc_rows(
    truth: Flags, scores: NDArray[np.floating], classes: Sequence[str], known: Flags | None = None
) -> list[Row]:
    """The area under each class's ROC curve against the rest, and the mean of those that are defined."""
    areas = auc(truth, scores) if known is None else _auc_of_known(truth, scores, known)
    rows: list[Row] = []
    for c, name in enumerate(classes):
        value = None if np.isnan(areas[c]) else float(areas[c])
        rows.append(("auc", name, value, int(truth[:, c].sum())))
    defined = areas[~np.isnan(areas)]
    rows.append(("auc-macro", ALL, float(defined.mean()) if len(defined) else None, len(truth)))
    return rows


def mean_auc(
    task: Task, classes: Sequence[str], truth: Flags, logits: NDArray[np.float32], known: Flags | None = None
) -> float | None:
    """The mean of the classes' areas; None where no class has one."""
    return auc_rows(truth if known is None else truth & known, chances(task, logits), classes, known)[-1][2]


def auc(truth: Flags, scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mann-Whitney's statistic for each class, ties counted half; NaN where it is not defined. [C]"""
    positives = truth.sum(0)
    negatives = len(truth) - positives
    ranks = rankdata(scores, axis=0)
    above = (ranks * truth).sum(0) - positives * (positives + 1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        areas: NDArray[np.float64] = np.where(
            (positives > 0) & (negatives > 0), above / (positives * negatives), np.nan
        )
    return areas


def _auc_of_known(truth: Flags, scores: NDArray[np.floating], known: Flags) -> NDArray[np.float64]:
    """A class at a time, over the samples whose label is known."""
    columns = range(truth.shape[1])
    return np.array([auc(truth[known[:, c]][:, [c]], scores[known[:, c]][:, [c]])[0] for c in columns])


def best_thresholds(truth: Flags, logits: NDArray[np.float32], known: Flags | None = None) -> NDArray[np.float32]:
    """For each class the logit at or above which deciding "yes" gives the best F1; 0 where there is no positive. [C]"""
    found = np.zeros(truth.shape[1], dtype=np.float32)
    for c in range(truth.shape[1]):
        rows = np.arange(len(truth)) if known is None else np.flatnonzero(known[:, c])
        order = rows[np.argsort(-logits[rows, c], kind="stable")]
        sorted_logits, hits = logits[order, c], np.cumsum(truth[order, c])
        last_of_tie = np.append(sorted_logits[1:] != sorted_logits[:-1], True)
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + truth[order, c].sum())
        if truth[order, c].any():
            best = int(np.argmax(np.where(last_of_tie, f1, -1)))
            lowest = sorted_logits[best]
            between = (lowest + sorted_logits[best + 1]) / 2 if best + 1 < len(order) else lowest
            found[c] = between if best + 1 < len(order) and between > sorted_logits[best + 1] else lowest
    return found


def precision_recall_f1(hits: Any, wanted: Any, given: Any) -> tuple[Any, Any, Any]:
    """From how many were right, were to be found, and were named."""
    return _ratio(hits, given), _ratio(hits, wanted), _ratio(2 * hits, wanted + given)


def _ratio(above: Any, below: Any) -> Any:
    """The quotient, 0 where it is 0/0."""
    return np.divide(above, below, out=np.zeros_like(below, dtype=float), where=np.asarray(below) > 0)


def chances(task: Task, logits: NDArray[np.float32]) -> NDArray[np.floating]:
    """What each class is ranked by: of one label, its chance; of many, the logit, which ranks as its chance does."""
    if task == "multi-label":
        return logits
    shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    found: NDArray[np.float64] = shifted / shifted.sum(-1, keepdims=True)
    return found
