"""Labels of a validation and a test part: what predictions are held against."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.attributes import Attributes
from roskdbench.data.problem import Labels
from roskdbench.foreign import arrays_of
from roskdbench.measuring.scores import mean_auc
from roskdbench.suite.problems import Task

PARTS = ("validation", "test")

Logits = Mapping[str, NDArray[np.float32]]
"""Of both parts, rows in their order."""


def logits_in(path: Path) -> dict[str, NDArray[np.float32]]:
    """The logits [n, C] of both parts that a file keeps; a ValueError or KeyError where it does not."""
    kept = arrays_of(path)
    found = {part: kept[part] for part in PARTS}
    if any(each.ndim != 2 or each.dtype.kind != "f" or not np.isfinite(each).all() for each in found.values()):
        raise ValueError("it does not hold numbers, a row a sample and a column a class")
    return found


@dataclass(frozen=True)
class Tested:
    """What is known of both parts' samples."""

    task: Task
    classes: tuple[str, ...]
    validation: Labels
    test: Labels
    attributes: Attributes | None = None
    """Of the test part, where somebody asked for them."""

    @classmethod
    def of(
        cls, labels: Labels, split: Mapping[str, NDArray[np.int64]], attributes: Attributes | None = None
    ) -> "Tested":
        """The parts of a problem."""
        known = None if attributes is None else attributes.take(split["test"])
        validation, test = (labels.take(split[part]) for part in PARTS)
        return cls(labels.task, labels.classes, validation, test, known)

    def validation_auc(self, logits: NDArray[np.float32]) -> float | None:
        """The mean AUC of validation, which asks for no threshold; None where no class has one."""
        known = self.known()
        truth = self.validation.indicators == 1
        counted = None if known is None else np.asarray(known["validation"], dtype=bool)
        return mean_auc(self.task, self.classes, truth, logits, counted)

    def truth(self) -> dict[str, NDArray[Any]]:
        """The targets of both parts."""
        return {"validation": self.validation.targets, "test": self.test.targets}

    def known(self) -> dict[str, NDArray[Any]] | None:
        """Which labels of both parts count; None where all do."""
        marks = {"validation": self.validation, "test": self.test}
        if all(part.uncertain is None for part in marks.values()):
            return None
        return {
            name: np.ones_like(part.targets) if part.uncertain is None else 1 - part.uncertain
            for name, part in marks.items()
        }
