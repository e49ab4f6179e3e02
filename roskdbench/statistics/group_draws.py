"""Bootstrap draws of the scores of groups of test samples, all from the same draws of the test part's patients, so that
what two groups differ by is drawn, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from roskdbench.measuring.groups import GAP, WORST, Group, arrays_of, common_classes, comparisons, mean_over, values_in
from roskdbench.measuring.predictions import Predictions
from roskdbench.measuring.scores import chances, precision_recall_f1
from roskdbench.statistics.bootstrap import Draws, auc_draws, draws_of_statistic, mean_of_defined, weights_of_groups
from roskdbench.statistics.intervals import DRAWS
from roskdbench.suite.measure import Column


def draw_name(metric: str, group: str) -> str:
    """Under which the draws of a metric in a group are kept."""
    return f"{metric}@{group}"


def group_draws(
    predictions: Predictions,
    groups: dict[str, list[Group]],
    seed: int,
    draws: int = DRAWS,
    further: Sequence[Column] = (),
) -> Draws:
    """The mean over the classes in common, in each group; the worst group's, and its distance from the best one's.
    Which groups these are is decided once, on the test part as it is. Calibration errors are not drawn: of samples
    drawn again they are larger than of the samples themselves.
    """
    found: Draws = {}
    _, clusters = np.unique(predictions.groups, return_inverse=True)
    for attribute, members in groups.items():
        classes = common_classes(predictions, members)
        parts: dict[str, list[Draws]] = {group.name: [] for group in members}
        for weights in weights_of_groups(int(clusters.max()) + 1, draws, seed, len(predictions)):
            again = _DrawnAgain(predictions, classes, clusters, weights)
            for group in members:
                parts[group.name].append(again.metrics(group, further))
        drawn = {
            name: {metric: np.concatenate([each[metric] for each in chunks]) for metric in chunks[0]}
            for name, chunks in parts.items()
        }
        means = {
            group.name: {
                metric: mean_over(values, classes)
                for metric, values in values_in(predictions, group.members, classes, further).items()
            }
            for group in members
        }
        for name, metrics in drawn.items():
            found |= {draw_name(metric, name): values for metric, values in metrics.items()}
        for metric, worst, best, low, high in comparisons(means, members, further):
            if metric not in drawn[worst]:
                continue
            found[draw_name(f"{metric}{WORST}", attribute)] = drawn[worst][metric]
            gap = drawn[best][metric] - drawn[worst][metric]
            found[draw_name(f"{metric}{GAP}", attribute)] = gap if high >= low else -gap
    return {name: values.astype(np.float32) for name, values in found.items()}


@dataclass(frozen=True)
class _DrawnAgain:
    """Some draws of a test part's patients: how often each is in each draw [b, patients], whose each sample is, and
    over which classes means are taken.
    """

    predictions: Predictions
    classes: NDArray[np.bool_]
    clusters: NDArray[np.intp]
    weights: NDArray[np.float32]

    def metrics(self, group: Group, further: Sequence[Column]) -> Draws:
        """Draws of a group's metrics: its samples, weighed as their patients are."""
        predictions, classes = self.predictions, self.classes
        rows = np.flatnonzero(group.members)
        truth, known = predictions.truth[rows], predictions.known[rows]
        decided = predictions.decisions[rows] & known
        member = sparse.csr_matrix(
            (np.ones(len(rows), np.float32), (self.clusters[rows], np.arange(len(rows)))),
            (self.weights.shape[1], len(rows)),
        )
        counts = np.concatenate([truth & decided, truth, decided], axis=1).astype(np.float32)
        hits, wanted, given = np.split(self.weights @ (member @ counts), 3, axis=1)
        _, recall, f1 = precision_recall_f1(hits, wanted, given)
        ranked = chances(predictions.task, predictions.logits["test"][rows])
        areas = auc_draws(truth, ranked, known, self.weights[:, self.clusters[rows]])
        return {
            "auc": mean_of_defined(areas[:, classes]),
            "f1": mean_of_defined(np.where(wanted > 0, f1, np.nan)[:, classes]),
            "recall": mean_of_defined(np.where(wanted > 0, recall, np.nan)[:, classes]),
            **{column.metric: self._statistic(group, column) for column in further if column.resampled},
        }

    def _statistic(self, group: Group, column: Column) -> NDArray[np.float64]:
        """Draws of a metric that is a statistic: of everything at once, or its mean over classes."""
        assert column.statistic is not None
        values = [
            draws_of_statistic(
                column.statistic, (truth, said, decided), self.weights[:, self.clusters[rows]].astype(np.float64)
            )
            if len(rows)
            else np.full(len(self.weights), np.nan)
            for truth, said, decided, rows in arrays_of(self.predictions, group.members, column, self.classes)
        ]
        return values[0] if column.over == "samples" else mean_of_defined(np.stack(values, 1)[:, self.classes])
