"""`scores`: the numbers of a set of predictions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.problem import Labels
from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.jobs.work import Work
from roskdbench.measures import CLEAN, CORRECTED, Number
from roskdbench.measures.scores import score_table
from roskdbench.statistics import DRAWS_FILE
from roskdbench.statistics.bootstrap import score_draws


def run(work: Work) -> None:
    """Write numbers.json: scores against the problem's labels, and against its better ones where it has such; and
    draws.npz: the former over draws of the test part's groups.
    """
    labels = work.problem().labels
    split = work.inputs["split"].arrays("split.npz")
    predictions = work.inputs["predictions"].arrays("predictions.npz")
    parts = ("validation", "test")
    truth = {part: labels.targets[split[part]] for part in parts}
    known = {part: 1 - labels.uncertain[split[part]] for part in parts} if labels.uncertain is not None else None
    rows: list[Number] = [(CLEAN, *row) for row in score_table(labels.task, labels.classes, truth, predictions, known)]
    if labels.corrected is not None:
        tunable = None if known is None else known["validation"]
        rows += _against_corrected(labels, labels.corrected, split["test"], truth, predictions, tunable)
    (work.folder / "numbers.json").write_text(canonical_json(rows), "utf-8")
    groups, seed = labels.groups[split["test"]], seed_for("bootstrap", work.job.inputs["split"])
    drawn = score_draws(labels.task, labels.classes, truth, predictions, groups, seed, known)
    np.savez_compressed(work.folder / DRAWS_FILE, allow_pickle=False, **drawn)


def _against_corrected(
    labels: Labels,
    corrected: NDArray[Any],
    test: NDArray[np.int64],
    truth: dict[str, NDArray[Any]],
    predictions: dict[str, NDArray[np.float32]],
    tunable: NDArray[Any] | None,
) -> list[Number]:
    """The same scores on the test samples that have better labels. Thresholds stay those of the problem's labels."""
    better = corrected[test]
    listed = (better if better.ndim == 1 else better.max(1)) >= 0
    if not listed.any():
        return []
    targets = {**truth, "test": np.maximum(better[listed], 0).astype(labels.targets.dtype)}
    logits = {**predictions, "test": predictions["test"][listed]}
    known = None
    if better.ndim == 2:
        everything = np.ones(truth["validation"].shape, bool)
        known = {"test": better[listed] >= 0, "validation": everything if tunable is None else tunable}
    return [(CORRECTED, *row) for row in score_table(labels.task, labels.classes, targets, logits, known)]
