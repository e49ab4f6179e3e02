"""A look at a problem's labels before a run: how much of each class every part has, and what will come of that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.catalogue import is_nothing
from roskdbench.data.problem import Labels
from roskdbench.data.splits import Split, fold, holdout, official
from roskdbench.suite.problems import Dataset, RealProblem
from roskdbench.suite.protocol import SplitProtocol

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Inspection:
    """A problem's labels, and which of its samples are in which part."""

    labels: Labels
    parts: Mapping[str, NDArray[np.int64]]
    grouped_by: str | None
    blank: NDArray[np.uint8] | None = None
    """1 where a label was left empty and counts as absent, where there are such. [N, C]"""
    folds: int = 1
    fewest: NDArray[np.int64] | None = None
    """How many of each class the fold with the fewest has in its test part, where there are folds. [C]"""

    def counts(self, part: str) -> NDArray[np.int64]:
        """How many samples of each class a part has. [C]"""
        found: NDArray[np.int64] = self.positive[self.parts[part]].sum(0)
        return found

    @cached_property
    def positive(self) -> NDArray[np.bool_]:
        """Which classes each sample surely has. [N, C]"""
        flags: NDArray[np.bool_] = self.labels.indicators == 1
        return flags if self.labels.uncertain is None else flags & (self.labels.uncertain == 0)

    @cached_property
    def marks(self) -> dict[str, NDArray[np.integer] | NDArray[np.bool_]]:
        """What each sample has where it does not surely have a class: nothing known, the class not, and of these an
        empty cell; only what there is. [N, C] each
        """
        unsure = self.labels.uncertain
        known = np.ones_like(self.positive) if unsure is None else unsure == 0
        return (
            ({} if unsure is None or not unsure.any() else {"uncertain": unsure})
            | {"without": known & ~self.positive}
            | ({} if self.blank is None else {"of these blank": self.blank})
        )

    def groups(self, part: str) -> int:
        """How many patients or lesions a part has."""
        return len(np.unique(self.labels.groups[self.parts[part]]))

    def other_labels(self) -> list[str]:
        """How many labels of a noisy copy, and of a second set, differ; and of how many test samples the latter is."""
        labels, lines = self.labels, []
        if labels.noisy_targets is not None:
            differ, known = _differing(labels.noisy_targets, labels.targets)
            lines.append(f"noisy labels: {differ:,} of {known:,} differ ({differ / max(known, 1):.1%})")
        if labels.corrected is not None:
            unsure = np.zeros_like(labels.targets, bool) if labels.uncertain is None else labels.uncertain == 1
            differ, known = _differing(np.where(unsure, -1, labels.corrected), labels.targets)
            decided = int((labels.corrected[unsure] >= 0).sum())
            rows = self.parts["test"]
            tested, test = int((labels.corrected[rows] >= 0).reshape(len(rows), -1).any(1).sum()), len(rows)
            lines.append(
                f"second labels: {differ:,} of {known:,} differ ({differ / max(known, 1):.1%}); "
                + f"{decided:,} decide what is uncertain; " * bool(decided)
                + f"{tested:,} of {test:,} test images have some"
            )
        return lines

    def warnings(self) -> list[str]:
        """What a user should know before a run."""
        return [
            *self._alike(),
            *self._nameless(),
            *self._empty(),
            *self._absent(),
            *self._of_folds(),
            *self._ungrouped(),
        ]

    def _alike(self) -> Iterable[str]:
        known: dict[str, str] = {}
        for name in self.labels.classes:
            before = known.setdefault(name.strip().casefold(), name)
            if before != name:
                yield f"the classes '{before}' and '{name}' differ in their letters' case alone: are they one?"

    def _nameless(self) -> Iterable[str]:
        for name in self.labels.classes:
            if is_nothing(name):
                yield f"the class '{name}' is what programs write for a missing label: is it one?"

    def _empty(self) -> Iterable[str]:
        for part in PARTS:
            if not len(self.parts[part]):
                yield f"the {part} part has no image; a run needs some in each"

    def _absent(self) -> Iterable[str]:
        for part in PARTS:
            absent = [name for name, n in zip(self.labels.classes, self.counts(part), strict=True) if not n]
            if not absent or not len(self.parts[part]):
                continue
            yield f"the {part} part has no sample of {', '.join(absent)}: {self._lack(part, len(absent))}"

    def _lack(self, part: str, absent: int) -> str:
        """What comes of classes that a part has no sample of."""
        if part == "train":
            return "nobody can learn them"
        if part == "validation":
            return (
                "no threshold is tuned for them" if self.labels.task == "multi-label" else "nothing is chosen by them"
            )
        best = 1 - absent / len(self.labels.classes)
        return f"their F1 and recall count as 0, macro F1 is {best:.3f} at best, and they have no AUC"

    def _of_folds(self) -> Iterable[str]:
        if self.fewest is not None and (
            absent := [name for name, n in zip(self.labels.classes, self.fewest, strict=True) if not n]
        ):
            yield f"of {self.folds} folds, one or more test parts have no sample of {', '.join(absent)}"

    def _ungrouped(self) -> Iterable[str]:
        if self.grouped_by is None:
            yield (
                "images, not patients: nothing is known of who they are of, so images of one person may stand in "
                "several parts, and intervals take every image for one by itself"
            )


def inspected(
    spec: Dataset, labels: Labels, shares: SplitProtocol, folds: int = 1, blank: NDArray[np.uint8] | None = None
) -> Inspection:
    """The parts as a run would make them, of its first seed."""
    if isinstance(spec, RealProblem) and spec.split == "official":
        parts = official(labels, shares.validation / (shares.train + shares.validation), shares.seed)
    else:
        parts = holdout(labels, shares.train, shares.validation, shares.test, shares.seed)
    fewest = None
    if folds > 1:
        tests = [fold(labels, folds, number, shares.validation, shares.seed).test for number in range(folds)]
        fewest = np.stack([labels.indicators[rows].sum(0, dtype=np.int64) for rows in tests]).min(0)
    return Inspection(labels, _by_name(parts), spec.grouped_by, blank, folds, fewest)


def _differing(others: NDArray[Any], own: NDArray[Any]) -> tuple[int, int]:
    """How many of the labels that are known differ, and how many are known."""
    known = others >= 0  # neither -1 nor NaN
    return int((others != own)[known].sum()), int(known.sum())


def _by_name(split: Split) -> dict[str, NDArray[np.int64]]:
    return {part: getattr(split, part) for part in PARTS}
