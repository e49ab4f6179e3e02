"""Memorisation: of the training labels that noise flipped, how many a model reproduces and how many it corrects.

Single-label: the largest logit is the wrong label that training saw ("memorised"), the right one ("corrected"), or
neither. Multi-label: each flipped label is one decision at 0.5, so the two shares sum to 1.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring import ALL, Row
from roskdbench.suite.problems import Task

MEMORISED, CORRECTED = "memorised", "corrected"


def memorisation_rows(
    task: Task,
    classes: Sequence[str],
    truth: NDArray[Any],
    seen: NDArray[Any],
    flipped: NDArray[np.uint8],
    logits: NDArray[np.float32],
) -> list[Row]:
    """The two shares over all flipped labels, and for each true class. None where nothing was flipped."""
    if task == "single-label":
        decisions = logits.argmax(-1) if len(logits) else np.zeros(0, np.int64)
        true_class, counted = truth, flipped.astype(bool)
        right, wrong = decisions == truth, decisions == seen
        members = [counted & (true_class == c) for c in range(len(classes))]
    else:
        decisions = logits >= 0 if len(logits) else np.zeros(truth.shape, bool)
        counted = flipped.astype(bool)
        right, wrong = decisions == (truth > 0.5), decisions == (seen > 0.5)
        members = [counted & (np.arange(len(classes)) == c) for c in range(len(classes))]
    rows: list[Row] = []
    for name, chosen in ((ALL, counted), *zip(classes, members, strict=True)):
        number = int(chosen.sum())
        for metric, flags in ((MEMORISED, wrong), (CORRECTED, right)):
            rows.append((metric, name, float(flags[chosen].mean()) if number else None, number))
    return rows
