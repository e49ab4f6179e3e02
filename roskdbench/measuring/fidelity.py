"""Did it distil? How near a student is to its teachers' equal mixture, and whether its training had come to an end.

After Stanton et al., Does Knowledge Distillation Really Work?, NeurIPS 2021: agreement and divergence, on the very
views that the student learnt from and on the test part.
"""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax, xlogy

from roskdbench.measuring import ALL, Row
from roskdbench.suite.problems import Task

Logits = NDArray[np.floating]
TRAIN, TEST = "@train", "@test"
AGREEMENT, DIVERGENCE, TAKEN = "agreement", "divergence", "taken"
FELL_LATE = "fell-late"
LATE = 0.1  # of the epochs


def distributions(task: Task, logits: Logits) -> NDArray[np.float64]:
    """What a model says of each example, as distributions over outcomes: [n, 1, C] for one label, [n, C, 2] for
    several findings.
    """
    wide = logits.astype(np.float64)
    if task == "single-label":
        one: NDArray[np.float64] = softmax(wide, -1)[:, None, :]
        return one
    yes = expit(wide)
    return np.stack([yes, expit(-wide)], -1)


def mixture(task: Task, teachers: Sequence[Logits]) -> NDArray[np.float64]:
    """The mean of what several say."""
    found: NDArray[np.float64] = np.mean([distributions(task, each) for each in teachers], axis=0)
    return found


def agreement_rows(
    task: Task, classes: Sequence[str], teachers: NDArray[np.float64], student: Logits, part: str
) -> list[Row]:
    """Of the student against its teachers' mixture: how often the likeliest outcome is the same, the mean divergence KL
    from the mixture, summed over findings, and the share that it takes of what the teachers say.

    That share is 1 for a student that says the same as they of every example, and 0 for one that says of every
    example what they say in the mean. It is of all findings together, and of each.
    """
    own = distributions(task, student)
    same = teachers.argmax(-1) == own.argmax(-1)  # [n, 1] or [n, C]
    apart, told = _divergence(teachers, own), _divergence(teachers, teachers.mean(0, keepdims=True))
    count = len(student)
    rows: list[Row] = [
        (AGREEMENT + part, ALL, float(same.mean()), count),
        (DIVERGENCE + part, ALL, float(apart.sum(1).mean()), count),
        (TAKEN + part, ALL, _taken(apart, told), count),
    ]
    if task == "multi-label":
        rows += [(TAKEN + part, name, _taken(apart[:, c], told[:, c]), count) for c, name in enumerate(classes)]
    return rows


def _divergence(teachers: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    """KL(teachers || own) of each example and finding. [n, 1] or [n, C]"""
    tiny = np.finfo(np.float64).tiny
    found: NDArray[np.float64] = (xlogy(teachers, teachers) - xlogy(teachers, np.maximum(own, tiny))).sum(-1)
    return found


def _taken(apart: NDArray[np.float64], told: NDArray[np.float64]) -> float | None:
    """None where the teachers say the same of every example."""
    total = float(told.sum())
    return 1 - float(apart.sum()) / total if total > 1e-9 * told.size else None


def fell_late(losses: Sequence[float]) -> float | None:
    """Of all that the training loss fell by, the share that fell in the last tenth of the epochs. None for two epochs
    or less, and where it did not fall.
    """
    late = ceil(LATE * len(losses))
    if len(losses) < 3 or losses[0] <= losses[-1]:
        return None
    return (losses[-1 - late] - losses[-1]) / (losses[0] - losses[-1])


def share_closed(alone: float | None, own: float | None, together: float | None, least: float) -> float | None:
    """Of the gap from the student alone to the teachers' ensemble, the share that the student closes; None where the
    ensemble is not ahead by `least`: a share of next to nothing says nothing.
    """
    if alone is None or own is None or together is None or together - alone < least:
        return None
    return (own - alone) / (together - alone)
