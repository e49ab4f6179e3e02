"""Calibration: whether a model's probabilities are what happens, before and after its logits are divided by a
temperature that validation chose.

Single-label: the confidence of the largest class against being right. Multi-label: the probability of each finding
against its being there, all findings as one. Brier scores of single-label problems sum over classes: from 0 to 2.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, log_softmax

from roskdbench.measuring import ALL, BINS, Row
from roskdbench.suite.problems import Task

COLDEST, HOTTEST = 0.05, 20.0

Logits = NDArray[np.floating]


def calibration_rows(
    task: Task, truth: NDArray[Any], logits: Logits, known: NDArray[np.bool_] | None, suffix: str
) -> list[Row]:
    """Expected calibration error, Brier score and negative log-likelihood, and the reliability diagram behind the
    first: for each bin of confidence its mean ("confidence"), how often it was right ("right"), and how many it holds.
    """
    confidence, right = confidences(task, truth, logits, known)
    rows: list[Row] = [
        (f"ece{suffix}", ALL, expected_error(confidence, right), len(truth)),
        (f"brier{suffix}", ALL, brier(task, truth, logits, known), len(truth)),
        (f"nll{suffix}", ALL, negative_log_likelihood(task, truth, logits, known), len(truth)),
    ]
    for number, (mean, share, count) in enumerate(reliability(confidence, right)):
        rows.append((f"confidence{suffix}", f"bin {number + 1}", mean, count))
        rows.append((f"right{suffix}", f"bin {number + 1}", share, count))
    return rows


def temperature(task: Task, truth: NDArray[Any], logits: Logits, known: NDArray[np.bool_] | None = None) -> float:
    """The divisor of the logits that makes what was seen most likely."""

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(task, truth, logits / np.exp(log_temperature), known)

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def confidences(
    task: Task, truth: NDArray[Any], logits: Logits, known: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What was said with which probability, and whether it was so; one entry a decision."""
    exact = logits.astype(np.float64)
    if task == "single-label":
        return np.exp(log_softmax(exact, -1).max(-1)), exact.argmax(-1) == truth
    counted = np.ones(truth.shape, bool) if known is None else known.astype(bool)
    return expit(exact)[counted], (truth > 0.5)[counted]


def reliability(
    confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> list[tuple[float | None, float | None, int]]:
    """For each of the equal bins from 0 to 1: mean confidence, share of right decisions, and their number."""
    number = np.minimum((confidence * BINS).astype(int), BINS - 1)
    found: list[tuple[float | None, float | None, int]] = []
    for each in range(BINS):
        inside = number == each
        count = int(inside.sum())
        found.append(
            (float(confidence[inside].mean()), float(right[inside].mean()), count) if count else (None, None, 0)
        )
    return found


def expected_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The mean distance of confidence from truth over the bins, each by its share of decisions."""
    bins = reliability(confidence, right)
    total = max(len(confidence), 1)
    return float(
        sum(count * abs(mean - share) for mean, share, count in bins if mean is not None and share is not None) / total
    )


def brier(task: Task, truth: NDArray[Any], logits: Logits, known: NDArray[np.bool_] | None) -> float:
    """The mean squared distance of probabilities from what was the case."""
    exact = logits.astype(np.float64)
    if task == "single-label":
        chance = np.exp(log_softmax(exact, -1))
        return float(((chance - np.eye(exact.shape[1])[truth]) ** 2).sum(-1).mean())
    squares = (expit(exact) - truth) ** 2
    return float(squares.mean() if known is None else squares[known.astype(bool)].mean())


def negative_log_likelihood(task: Task, truth: NDArray[Any], logits: Logits, known: NDArray[np.bool_] | None) -> float:
    """The mean negative logarithm of the probability of what was the case."""
    exact = logits.astype(np.float64)
    if task == "single-label":
        return float(-log_softmax(exact, -1)[np.arange(len(truth)), truth].mean())
    each = -np.where(truth > 0.5, log_expit(exact), log_expit(-exact))
    return float(each.mean() if known is None else each[known.astype(bool)].mean())
