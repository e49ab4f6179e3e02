"""Labels of a validation and a test part, and every number that predictions for them come to. No model is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.problem import Labels
from roskdbench.measures import BEFORE, CALIBRATION, CLEAN, CORRECTED, Number
from roskdbench.measures.calibration import calibration_rows, temperature
from roskdbench.measures.scores import mean_auc, score_table
from roskdbench.suite.problems import Task

PARTS = ("validation", "test")

Logits = Mapping[str, NDArray[np.float32]]
"""Of both parts, rows in their order."""


@dataclass(frozen=True)
class Tested:
    """What is known of both parts' samples."""

    task: Task
    classes: tuple[str, ...]
    validation: Labels
    test: Labels

    @classmethod
    def of(cls, labels: Labels, split: Mapping[str, NDArray[np.int64]]) -> "Tested":
        """The parts of a problem."""
        return cls(labels.task, labels.classes, *(labels.take(split[part]) for part in PARTS))

    def clean(self, logits: Logits) -> list[Number]:
        """Scores against the problem's labels, and against its better ones where it has such."""
        rows = self._rows(CLEAN, self.test, logits, self._known(self.test))
        return rows + (self._against_corrected(logits) if self.test.corrected is not None else [])

    def attacked(
        self, clean: Logits, chosen: NDArray[np.int64], attacked: Mapping[str, NDArray[np.float32]]
    ) -> list[Number]:
        """Scores of the chosen test samples before and after attacks. Thresholds are tuned on clean images."""
        some = self.test.take(chosen)
        rows: list[Number] = []
        for condition, logits in {BEFORE: clean["test"][chosen], **attacked}.items():
            both = {"validation": clean["validation"], "test": logits}
            rows += self._rows(condition, some, both, self._known(some))
        return rows

    def calibration(self, logits: Logits) -> list[Number]:
        """Before and after a temperature that is chosen on validation; metrics after it end in "@scaled"."""
        known = self._known(self.test)
        flags = {part: None if known is None else known[part] == 1 for part in PARTS}
        chosen = temperature(self.task, self.validation.targets, logits["validation"], flags["validation"])
        rows = calibration_rows(self.task, self.test.targets, logits["test"], flags["test"], "")
        rows += calibration_rows(self.task, self.test.targets, logits["test"] / chosen, flags["test"], "@scaled")
        rows.append(("temperature", "", chosen, len(self.validation)))
        return [(CALIBRATION, *row) for row in rows]

    def validation_auc(self, logits: NDArray[np.float32]) -> float | None:
        """The mean AUC of validation, which asks for no threshold; None where no class has one."""
        known = self._known(self.test)
        truth = self.validation.indicators == 1
        counted = None if known is None else np.asarray(known["validation"], dtype=bool)
        return mean_auc(self.task, self.classes, truth, logits, counted)

    def truth(self) -> dict[str, NDArray[Any]]:
        """The targets of both parts."""
        return {"validation": self.validation.targets, "test": self.test.targets}

    def known(self) -> dict[str, NDArray[Any]] | None:
        """Which labels of both parts count; None where all do."""
        return self._known(self.test)

    def _known(self, test: Labels) -> dict[str, NDArray[Any]] | None:
        if test.uncertain is None or self.validation.uncertain is None:
            return None
        return {"validation": 1 - self.validation.uncertain, "test": 1 - test.uncertain}

    def _rows(
        self, condition: str, test: Labels, logits: Logits, known: dict[str, NDArray[Any]] | None
    ) -> list[Number]:
        truth = {"validation": self.validation.targets, "test": test.targets}
        return [(condition, *row) for row in score_table(self.task, self.classes, truth, logits, known)]

    def _against_corrected(self, logits: Logits) -> list[Number]:
        """The test samples that have better labels. Thresholds stay those of the problem's labels."""
        better: NDArray[Any] = np.asarray(self.test.corrected)
        listed = (better if better.ndim == 1 else better.max(1)) >= 0
        if not listed.any():
            return []
        truth = {**self.truth(), "test": np.maximum(better[listed], 0).astype(self.test.targets.dtype)}
        both = {**logits, "test": logits["test"][listed]}
        known = None
        if better.ndim == 2:
            tunable = self._known(self.test)
            everything = np.ones(self.validation.targets.shape, bool)
            known = {"test": better[listed] >= 0, "validation": tunable["validation"] if tunable else everything}
        return [(CORRECTED, *row) for row in score_table(self.task, self.classes, truth, both, known)]
