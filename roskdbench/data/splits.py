"""Train, validation and test: disjoint by group, stratified by class as far as groups allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.allocation import allocate
from roskdbench.data.problem import TEST, TRAIN, TRAIN_OR_VALIDATION, VALIDATION, Labels
from roskdbench.fingerprint import seed_for


@dataclass(frozen=True)
class Split:
    """Sample indices of the three parts, each sorted."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split_by(spec: Mapping[str, Any], labels: Labels) -> Split:
    """The split that a job's spec says."""
    if spec["folds"] > 1:
        return fold(labels, spec["folds"], spec["fold"], spec["validation"], spec["seed"])
    if spec.get("official"):
        return official(labels, spec["validation"], spec["seed"])
    return holdout(labels, spec["train"], spec["validation"], spec["test"], spec["seed"])


def holdout(labels: Labels, train: float, validation: float, test: float, seed: int) -> Split:
    """One split with the given shares."""
    part = allocate(labels.indicators, labels.groups, [train, validation, test], seed_for("holdout", seed))
    return Split(*(np.flatnonzero(part == p) for p in range(3)))


def official(labels: Labels, validation: float, seed: int) -> Split:
    """The split that the data come with. Where it has no validation part, a share of its training part becomes that."""
    if labels.parts is None:
        raise ValueError("the data come without a split")
    train, held = (np.flatnonzero(labels.parts == part) for part in (TRAIN, VALIDATION))
    open_ones = np.flatnonzero(labels.parts == TRAIN_OR_VALIDATION)
    if not len(held) and not len(open_ones):
        train, open_ones = train[:0], train
    strata, groups = labels.indicators[open_ones], labels.groups[open_ones]
    part = allocate(strata, groups, [1 - validation, validation], seed_for("official", seed))
    return Split(
        train=np.union1d(train, open_ones[part == 0]),
        validation=np.union1d(held, open_ones[part == 1]),
        test=np.flatnonzero(labels.parts == TEST),
    )


def fold(labels: Labels, folds: int, number: int, validation: float, seed: int) -> Split:
    """Fold `number` of a k-fold cross-validation: its k-th as test, and of the rest so much for validation that it
    is the given share of all samples.
    """
    strata, groups = labels.indicators, labels.groups
    part = allocate(strata, groups, [1 / folds] * folds, seed_for("folds", seed))
    rest = np.flatnonzero(part != number)
    held = validation * folds / (folds - 1)
    inner = allocate(strata[rest], groups[rest], [1 - held, held], seed_for("fold", seed, number))
    return Split(train=rest[inner == 0], validation=rest[inner == 1], test=np.flatnonzero(part == number))
