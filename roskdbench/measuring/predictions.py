"""Predictions for a validation and a test part, beside their labels: what most measures need and no more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from roskdbench.data.problem import Labels, indicators
from roskdbench.measuring import ALL, Row, values_of
from roskdbench.measuring.scores import best_thresholds, chances, score_table
from roskdbench.measuring.tested import Logits, Tested
from roskdbench.suite.measure import Column, Decider
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
    kept: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """What the measure keeps beside its numbers, once it has been computed."""

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

    def told_apart(self, samples: Flags | slice = slice(None)) -> NDArray[np.bool_]:
        """The classes of which it is known of some test samples that they have them, and of others that they do not.
        [C]
        """
        truth, known = self.truth[samples], self.known[samples]
        return np.asarray(truth.any(0) & (~truth & known).any(0))

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
        found = self.on_corrected()
        return [] if found is None else values_of(found.score_rows(), Facts(labels=CORRECTED))

    def on_corrected(self) -> "Predictions | None":
        """The predictions for the test samples that have better labels, beside these; None where there are none."""
        tested = self.tested
        better = tested.test.corrected
        if better is None:
            return None
        listed = (better if better.ndim == 1 else better.max(1)) >= 0
        if not listed.any():
            return None
        rows = np.flatnonzero(listed)
        targets: NDArray[Any] = np.maximum(better[rows], 0).astype(tested.test.targets.dtype)
        unknown = (better[rows] < 0).astype(np.uint8) if better.ndim == 2 else None
        test = Labels(tested.task, tested.classes, targets, tested.test.groups[rows], uncertain=unknown)
        logits = {**self.logits, "test": self.logits["test"][rows]}
        return replace(self, tested=replace(tested, test=test, attributes=None), logits=logits)

    def thresholds(self, decided_by: Decider) -> list[float | None]:
        """For each class the score at or above which it is given: chosen on validation, whatever the test part is. None
        where validation does not tell. Scores are what classes are ranked by.
        """
        seen = indicators(self.tested.validation.targets, len(self.classes)) == 1
        scores = chances(self.task, self.logits["validation"])
        known = self.tested.known()
        counted = np.ones_like(seen) if known is None else np.asarray(known["validation"], dtype=bool)
        return [decided_by(seen[rows, c], scores[rows, c]) for c, rows in enumerate(counted.T)]

    def decided(self, column: Column) -> list[NDArray[np.bool_] | None]:
        """For each class which test samples are given it, as a column has it decided; None where that is not told."""
        if column.decided_by is None:
            return list(self.decisions.T)
        scores = chances(self.task, self.logits["test"]).astype(np.float64)
        return [
            None if threshold is None else (scores[:, c] >= threshold) & self.known[:, c]
            for c, threshold in enumerate(self.thresholds(column.decided_by))
        ]

    def statistic(self, column: Column, facts: Facts = USUAL) -> Iterator[MetricValue]:
        """The values of a column that is a statistic: of each class and of all, which is their mean, or everything at
        once.
        """
        function = column.statistic
        if function is None:
            return
        everything = (self.truth, self.probabilities, self.decisions)
        if column.over == "samples":
            yield MetricValue(column.metric, function(*everything), len(self), ALL, facts)
            return
        values = []
        for c, (name, decided) in enumerate(zip(self.classes, self.decided(column), strict=True)):
            rows, value = self.known[:, c], None
            if decided is not None:
                value = function(self.truth[rows, c], self.probabilities[rows, c], decided[rows])
            yield MetricValue(column.metric, value, int(self.truth[:, c].sum()), name, facts)
            values += [] if value is None or np.isnan(value) else [value]
        whole = float(np.mean(values)) if values else None
        if column.whole is not None and self.task == "single-label":
            whole = column.whole(*everything)
        yield MetricValue(column.metric, whole, len(self), ALL, facts)
