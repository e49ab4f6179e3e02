"""A model of one problem on the test images of another: what it scores there, and how much is lost on the way.

Both sides are scored over the classes they share. For one label a sample counts where its class is shared, and the
likeliest of the shared classes is chosen; for several findings thresholds are those that validation at home chose.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.decoding import digest
from roskdbench.data.problem import Labels
from roskdbench.measuring import ALL, Row
from roskdbench.measuring.calibration import confidences, expected_error
from roskdbench.measuring.predictions import Predictions
from roskdbench.measuring.tested import Tested
from roskdbench.suite.elsewhere import LOST
from roskdbench.suite.measure import Column

Pairs = Sequence[tuple[int, int]]
"""The places of each shared class at home and away."""

KEPT = ("targets", "groups", "uncertain")


def kept_labels(labels: Labels) -> dict[str, NDArray[Any]]:
    """What is kept of another problem's labels: groups as mere numbers."""
    arrays = labels.arrays()
    arrays["groups"] = np.unique(labels.groups, return_inverse=True)[1].astype(np.int64)
    return {name: arrays[name] for name in KEPT if name in arrays}


def seen_before(
    home: NDArray[np.uint8], learnt: NDArray[np.int64], away: NDArray[np.uint8], tested: NDArray[np.int64]
) -> int:
    """How many of the images that are tested on elsewhere have the pixels of one that was learnt from at home."""
    if home.shape[1:] != away.shape[1:]:
        return 0
    known = {digest(np.ascontiguousarray(home[row])) for row in learnt.tolist()}
    return sum(digest(np.ascontiguousarray(away[row])) in known for row in tested.tolist())


def at_home(predictions: Predictions, pairs: Pairs) -> Predictions:
    """The predictions for the problem's own parts, over the classes that are shared."""
    own, tested = [home for home, _ in pairs], predictions.tested
    names = tuple(tested.classes[c] for c in own)
    validation, first = _over(names, tested.validation, own, predictions.logits["validation"], own)
    test, second = _over(names, tested.test, own, predictions.logits["test"], own)
    logits = {"validation": first, "test": second}
    return replace(predictions, tested=Tested(tested.task, names, validation, test), logits=logits)


def elsewhere(
    predictions: Predictions, pairs: Pairs, arrays: Mapping[str, NDArray[Any]], logits: NDArray[np.float32]
) -> Predictions:
    """The predictions for another problem's images, whose labels `arrays` hold, decided as at home."""
    home, task = at_home(predictions, pairs), predictions.task
    columns = 1 + int(arrays["targets"].max()) if task == "single-label" else arrays["targets"].shape[1]
    labels = Labels(task, tuple(map(str, range(columns))), **arrays)
    own, theirs = [each for each, _ in pairs], [each for _, each in pairs]
    test, there = _over(home.classes, labels, theirs, logits, own)
    return replace(home, tested=replace(home.tested, test=test), logits={**home.logits, "test": there})


def _over(
    names: tuple[str, ...], labels: Labels, columns: list[int], logits: NDArray[np.float32], places: list[int]
) -> tuple[Labels, NDArray[np.float32]]:
    """Labels and logits of some classes: of one label, of the samples that have one of these."""
    if labels.task == "single-label":
        rows = np.flatnonzero(np.isin(labels.targets, columns))
        number = {column: c for c, column in enumerate(columns)}
        targets = np.array([number[each] for each in labels.targets[rows].tolist()], dtype=np.int64)
        return Labels(labels.task, names, targets, labels.groups[rows]), logits[rows][:, places]
    uncertain = None if labels.uncertain is None else labels.uncertain[:, columns]
    shared = Labels(labels.task, names, labels.targets[:, columns], labels.groups, uncertain=uncertain)
    return shared, logits[:, places]


def score_rows(predictions: Predictions) -> list[Row]:
    """Every score of the test part, and its calibration error."""
    task = predictions.task
    known = predictions.known if task == "multi-label" else None
    said = confidences(task, predictions.tested.test.targets, predictions.logits["test"], known)
    rows = [row for row in predictions.score_rows() if row[0] != "threshold"]
    return [*rows, ("ece", ALL, expected_error(*said), len(predictions))]


def statistic_rows(predictions: Predictions, columns: Sequence[Column]) -> list[Row]:
    """Metrics of the test part, decided as at home."""
    found = (value for column in columns for value in predictions.statistic(column))
    return [(each.metric, each.label, each.value, each.samples) for each in found]


def lost_rows(home: Sequence[Row], away: Sequence[Row], lower_is_better: Collection[str]) -> list[Row]:
    """How much worse the scores over all classes are away."""
    there = {metric: (value, count) for metric, label, value, count in away if label == ALL}
    found: list[Row] = []
    for metric, label, value, _ in home:
        if label == ALL and metric in there:
            other, count = there[metric]
            lost = None if value is None or other is None else value - other
            if lost is not None and metric in lower_is_better:
                lost = -lost
            found.append((f"{metric}{LOST}", ALL, lost, count))
    return found
