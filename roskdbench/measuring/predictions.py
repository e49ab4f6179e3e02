"""Predictions for a validation and a test part, beside their labels: what most measures need and no more."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from roskdbench.data.problem import Labels, indicators
from roskdbench.measuring import ALL, Row, values_of
from roskdbench.measuring.scores import best_thresholds, chances, score_table
from roskdbench.measuring.tested import Logits, Tested
from roskdbench.suite.measure import Column
from roskdbench.suite.problems import Task
from roskdbench.values import CORRECTED, USUAL, Facts, MetricValue

Flags = NDArray[np.bool_]  # [n, C]


@dataclass(frozen=True)
class Predictions:
    """Logits of both parts and their labels. `threshold` and `average` are the protocol's."""

    tested: Tested
    logits: Logits
    threshold: Literal["tuned", "half"] = "tuned"
    average: str = "macro"

    def __len__(self) -> int:
        return len(self.logits["test"])

    @property
    def task(self) -> Task:
        """single-label or multi-label."""
        return self.tested.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.tested.classes

    @property
    def groups(self) -> NDArray[np.int64]:
        """The patient or lesion of each test sample."""
        return self.tested.test.groups

    @cached_property
    def known(self) -> Flags:
        """Which labels of the test part count. [n, C]"""
        known, shape = self.tested.known(), (len(self), len(self.classes))
        found: Flags = np.ones(shape, bool) if known is None else np.asarray(known["test"], dtype=bool)
        return found

    @cached_property
    def truth(self) -> Flags:
        """Which classes each test sample has, as far as that is known. [n, C]"""
        found: Flags = (indicators(self.tested.test.targets, len(self.classes)) == 1) & self.known
        return found

    @cached_property
    def probabilities(self) -> NDArray[np.floating]:
        """Of each class. [n, C]"""
        logits = self.logits["test"]
        return chances(self.task, logits) if self.task == "single-label" else expit(logits.astype(np.float64))

    @cached_property
    def decisions(self) -> Flags:
        """Which classes each test sample is given: the likeliest one, or those at or above their thresholds. [n, C]"""
        logits, found = self.logits["test"], self.known
        if self.task == "single-label":
            found = indicators(logits.argmax(-1), len(self.classes)) == 1
        elif self.threshold == "half":
            found = (expit(logits) >= 0.5) & self.known
        else:
            known = self.tested.known()
            tunable = None if known is None else np.asarray(known["validation"], dtype=bool)
            seen = indicators(self.tested.validation.targets, len(self.classes)) == 1
            found = (logits >= best_thresholds(seen, self.logits["validation"], tunable)) & self.known
        return found

    def score_rows(self) -> list[Row]:
        """Every score of the test part."""
        tested = self.tested
        return score_table(self.task, self.classes, tested.truth(), self.logits, tested.known())

    def under(self, chosen: NDArray[np.int64], logits: NDArray[np.float32]) -> "Predictions":
        """Other logits for some of the test samples. Thresholds stay those of validation."""
        test: Labels = self.tested.test.take(chosen)
        return replace(self, tested=replace(self.tested, test=test), logits={**self.logits, "test": logits})

    def corrected(self) -> list[MetricValue]:
        """Scores against better labels of those test samples that have such. Thresholds stay the problem's own."""
        if self.tested.test.corrected is None:
            return []
        better: NDArray[Any] = np.asarray(self.tested.test.corrected)
        listed = (better if better.ndim == 1 else better.max(1)) >= 0
        if not listed.any():
            return []
        targets = self.tested.test.targets
        truth = {**self.tested.truth(), "test": np.maximum(better[listed], 0).astype(targets.dtype)}
        both = {**self.logits, "test": self.logits["test"][listed]}
        known = None
        if better.ndim == 2:
            tunable = self.tested.known()
            everything = np.ones(self.tested.validation.targets.shape, bool)
            known = {"test": better[listed] >= 0, "validation": tunable["validation"] if tunable else everything}
        rows = score_table(self.task, self.classes, truth, both, known)
        return values_of(rows, Facts(labels=CORRECTED))

    def statistic(self, column: Column, facts: Facts = USUAL) -> Iterator[MetricValue]:
        """The values of a column that is a statistic: of each class and their mean, or of everything at once."""
        function = column.statistic
        if function is None:
            return
        if column.over == "samples":
            value = function(self.truth, self.probabilities, self.decisions)
            yield MetricValue(column.metric, value, len(self), ALL, facts)
            return
        values = []
        for c, name in enumerate(self.classes):
            rows = self.known[:, c]
            value = function(self.truth[rows, c], self.probabilities[rows, c], self.decisions[rows, c])
            yield MetricValue(column.metric, value, int(self.truth[:, c].sum()), name, facts)
            values += [] if value is None or np.isnan(value) else [value]
        yield MetricValue(column.metric, float(np.mean(values)) if values else None, len(self), ALL, facts)
