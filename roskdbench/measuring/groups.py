"""Scores of groups of test samples: of men and women, by age, by site; the worst group, and how far groups lie apart.

Decisions are made by the same thresholds for everybody. Groups are compared over the classes that all of them have:
where no woman has a finding, nothing is known of how well it is found in women.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.calibration import confidences, expected_error
from roskdbench.measuring.predictions import Predictions
from roskdbench.measuring.scores import auc, chances, precision_recall_f1
from roskdbench.suite.measure import Column

GAP, WORST, PATIENTS = "-gap", "-worst", "patients"
HIGHER_IS_BETTER = {"auc": True, "f1": True, "recall": True, "ece": False}

Values = dict[str, NDArray[np.float64]]
"""Of each metric a value for every class [C], NaN where it is not defined; of `ece` one for all."""


@dataclass(frozen=True)
class Group:
    """Some of the test samples."""

    attribute: str
    value: str
    members: NDArray[np.bool_]
    patients: int
    small: bool
    """Whether it has too few patients to be compared."""

    @property
    def name(self) -> str:
        """What results call it."""
        return f"{self.attribute}: {self.value}"


def groups_of(predictions: Predictions, chosen: list[str] | None, smallest: int) -> dict[str, list[Group]]:
    """The groups of each chosen attribute, or of all."""
    attributes = predictions.tested.attributes
    if attributes is None:
        raise ValueError("predictions without attributes")
    found = {}
    for name in attributes.names if chosen is None else chosen:
        groups = []
        for value, members in attributes.members(name).items():
            patients = len(np.unique(predictions.groups[members]))
            groups.append(Group(name, value, members, patients, patients < smallest))
        found[name] = groups
    return found


def common_classes(predictions: Predictions, groups: list[Group]) -> NDArray[np.bool_]:
    """The classes of which every group has samples, and samples without; small groups count where there are not two
    others. [C]
    """
    found = np.ones(len(predictions.classes), bool)
    large = [group for group in groups if not group.small]
    for group in large if len(large) > 1 else groups:
        found &= predictions.told_apart(group.members)
    return found


def values_in(
    predictions: Predictions, members: NDArray[np.bool_], classes: NDArray[np.bool_], further: Sequence[Column] = ()
) -> Values:
    """The metrics of some samples, class by class, and further ones that are statistics; `classes` are common to all
    groups.
    """
    truth, known = predictions.truth[members], predictions.known[members]
    decided = predictions.decisions[members] & known
    _, recall, f1 = precision_recall_f1((truth & decided).sum(0), truth.sum(0), decided.sum(0))
    absent = ~truth.any(0)
    logits = predictions.logits["test"][members]
    ranked = chances(predictions.task, logits)
    areas = [auc(truth[rows][:, [c]], ranked[rows][:, [c]])[0] for c, rows in enumerate(known.T)]
    targets = predictions.tested.test.targets[members]
    confidence, right = confidences(
        predictions.task, targets, logits, known if predictions.task == "multi-label" else None
    )
    return {
        "auc": np.array(areas),
        "f1": np.where(absent, np.nan, f1),
        "recall": np.where(absent, np.nan, recall),
        "ece": np.array([expected_error(confidence, right) if len(confidence) else np.nan]),
        **{column.metric: np.array(list(_of_statistic(predictions, members, column, classes))) for column in further},
    }


def _of_statistic(
    predictions: Predictions, members: NDArray[np.bool_], column: Column, classes: NDArray[np.bool_]
) -> Iterator[float]:
    """Of each class, or of everything at once."""
    for truth, probabilities, decisions, rows in arrays_of(predictions, members, column, classes):
        value = column.statistic(truth, probabilities, decisions) if column.statistic and len(rows) else None
        yield np.nan if value is None else float(value)


def arrays_of(
    predictions: Predictions, members: NDArray[np.bool_], column: Column, classes: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.intp]]]:
    """Truth, probabilities and decisions that a statistic takes, of each class or of everything, and of which samples:
    none where no threshold is known. Of one label everything is the samples of the classes in common.
    """
    if column.over == "samples":
        alike = predictions.truth[:, classes].any(1) if predictions.task == "single-label" else True
        rows = np.flatnonzero(members & alike)
        yield predictions.truth[rows], predictions.probabilities[rows], predictions.decisions[rows], rows
        return
    for c, given in enumerate(predictions.decided(column)):
        rows = np.flatnonzero(members & predictions.known[:, c] & (given is not None))
        decided = predictions.decisions[rows, c] if given is None else given[rows]
        yield predictions.truth[rows, c], predictions.probabilities[rows, c], decided, rows


def mean_over(values: NDArray[np.float64], classes: NDArray[np.bool_]) -> float | None:
    """The mean over these classes of those that have a value; a number for all is itself."""
    counted = values if len(values) == 1 and len(classes) != 1 else values[classes]
    defined = counted[~np.isnan(counted)]
    return float(defined.mean()) if len(defined) else None


def extremes(values: Mapping[str, float | None], higher_is_better: bool) -> tuple[str, str] | None:
    """The worst and the best of the groups that have a value; None where there are not two."""
    known = {name: value for name, value in values.items() if value is not None}
    if len(known) < 2:
        return None
    ordered = sorted(known, key=lambda name: known[name], reverse=not higher_is_better)
    return ordered[0], ordered[-1]


def comparisons(
    means: Mapping[str, Mapping[str, float | None]], groups: list[Group], further: Sequence[Column] = ()
) -> Iterator[tuple[str, str, str, float, float]]:
    """Of each metric the worst and the best of the groups that are not small: metric, their names, their values."""
    directions = {each.metric: each.higher_is_better for each in further if each.higher_is_better is not None}
    for metric, higher_is_better in {**HIGHER_IS_BETTER, **directions}.items():
        candidates = {group.name: means[group.name][metric] for group in groups if not group.small}
        found = extremes(candidates, higher_is_better)
        if found is not None:
            worst, best = (means[name][metric] for name in found)
            assert worst is not None and best is not None
            yield metric, *found, worst, best
