"""What a dataset is to everything downstream: arrays, and where they came from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.fingerprint import canonical_json
from roskdbench.suite.problems import Task

IMAGES = "images.npy"
# The parts of a split that data come with.
NOWHERE, TRAIN, VALIDATION, TEST, TRAIN_OR_VALIDATION = -1, 0, 1, 2, 3
OPTIONAL = ("noisy_targets", "corrected", "uncertain", "parts", "votes")


@dataclass(frozen=True)
class Labels:
    """The labels of a problem without its pixels: all that splitting, noise and scoring need."""

    task: Task
    classes: tuple[str, ...]
    targets: NDArray[Any]  # int64 [N] for single-label, uint8 [N, C] for multi-label
    groups: NDArray[np.int64]  # [N], the patient or lesion of each sample
    noisy_targets: NDArray[Any] | None = None  # the problem's own noisy copy, where it has one
    corrected: NDArray[Any] | None = None  # a second, better label set; -1 where it says nothing
    uncertain: NDArray[np.uint8] | None = None  # [N, C], 1 where a label of a multi-label problem is not known
    parts: NDArray[np.int8] | None = None  # [N], of the split that the data come with
    votes: NDArray[np.int8] | None = None  # [N, R] or [N, R, C], what each annotator said; -1 where nothing

    def __post_init__(self) -> None:
        shape = (len(self.groups),) if self.task == "single-label" else (len(self.groups), len(self.classes))
        if self.targets.shape != shape:
            raise ValueError(f"targets of shape {self.targets.shape} where {shape} was due")

    def __len__(self) -> int:
        return len(self.groups)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays that there are, by name."""
        optional = {name: getattr(self, name) for name in OPTIONAL if getattr(self, name) is not None}
        return {"targets": self.targets, "groups": self.groups, **optional}

    def take(self, rows: NDArray[np.int64]) -> "Labels":
        """The labels of some samples."""
        return Labels(self.task, self.classes, **{name: array[rows] for name, array in self.arrays().items()})

    @property
    def known_targets(self) -> NDArray[Any]:
        """The targets; of several findings as numbers, NaN where a label is not known."""
        if self.uncertain is None:
            return self.targets
        marked: NDArray[np.float32] = np.where(self.uncertain == 1, np.nan, self.targets).astype(np.float32)
        return marked

    @property
    def indicators(self) -> NDArray[np.uint8]:
        """One column a class, whatever the task. [N, C]"""
        return indicators(self.targets, len(self.classes))


@dataclass(frozen=True)
class Problem:
    """Images and labels, with the terms they come under."""

    name: str
    images: NDArray[np.uint8]  # [N, C, H, W]
    labels: Labels
    licence: str
    citation: str
    note: str = ""

    def save(self, folder: Path) -> None:
        """Write the arrays and a description into `folder`."""
        np.save(folder / IMAGES, self.images, allow_pickle=False)
        self.save_description(folder)

    def save_description(self, folder: Path) -> None:
        """Write all but the images."""
        np.savez(folder / "labels.npz", allow_pickle=False, **self.labels.arrays())
        facts = {
            "name": self.name,
            "task": self.labels.task,
            "classes": list(self.labels.classes),
            "licence": self.licence,
            "citation": self.citation,
            "note": self.note,
        }
        (folder / "problem.json").write_text(canonical_json(facts), "utf-8")

    @staticmethod
    def load(folder: Path) -> "Problem":
        """The problem that `save` wrote, its images memory-mapped (writes to them stay in memory)."""
        facts = json.loads((folder / "problem.json").read_text("utf-8"))
        with np.load(folder / "labels.npz", allow_pickle=False) as arrays:
            labels = Labels(facts["task"], tuple(facts["classes"]), **{name: arrays[name] for name in arrays.files})
        images = np.load(folder / IMAGES, mmap_mode="c", allow_pickle=False)
        return Problem(facts["name"], images, labels, facts["licence"], facts["citation"], facts["note"])


def indicators(targets: NDArray[Any], classes: int) -> NDArray[np.uint8]:
    """Targets of either task as one 0/1 column a class; what is not known (NaN, -1) is 0. [N, C]"""
    if targets.ndim == 2:
        return (targets > 0.5).astype(np.uint8)
    columns: NDArray[np.uint8] = (targets[:, None] == np.arange(classes)[None, :]).astype(np.uint8)
    return columns
