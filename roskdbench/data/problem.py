"""What a dataset is to everything downstream: arrays, and where they came from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from roskdbench.fingerprint import canonical_json

Task = Literal["single-label", "multi-label"]


@dataclass(frozen=True)
class Labels:
    """The labels of a problem without its pixels: all that splitting, noise and scoring need."""

    task: Task
    classes: tuple[str, ...]
    targets: NDArray[Any]  # int64 [N] for single-label, uint8 [N, C] for multi-label
    groups: NDArray[np.int64]  # [N], the patient or lesion of each sample
    noisy_targets: NDArray[Any] | None = None  # the problem's own noisy copy, where it has one

    def __post_init__(self) -> None:
        shape = (len(self.groups),) if self.task == "single-label" else (len(self.groups), len(self.classes))
        if self.targets.shape != shape:
            raise ValueError(f"targets of shape {self.targets.shape} where {shape} was due")

    def __len__(self) -> int:
        return len(self.groups)

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
        np.save(folder / "images.npy", self.images, allow_pickle=False)
        arrays: dict[str, NDArray[Any]] = {"targets": self.labels.targets, "groups": self.labels.groups}
        if self.labels.noisy_targets is not None:
            arrays["noisy_targets"] = self.labels.noisy_targets
        np.savez(folder / "labels.npz", allow_pickle=False, **arrays)
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
            labels = Labels(
                task=facts["task"],
                classes=tuple(facts["classes"]),
                targets=arrays["targets"],
                groups=arrays["groups"],
                noisy_targets=arrays["noisy_targets"] if "noisy_targets" in arrays.files else None,
            )
        images = np.load(folder / "images.npy", mmap_mode="c", allow_pickle=False)
        return Problem(facts["name"], images, labels, facts["licence"], facts["citation"], facts["note"])


def indicators(targets: NDArray[Any], classes: int) -> NDArray[np.uint8]:
    """Targets of either task as one 0/1 column a class. [N, C]"""
    if targets.ndim == 2:
        return targets.astype(np.uint8)
    columns: NDArray[np.uint8] = (targets[:, None] == np.arange(classes)[None, :]).astype(np.uint8)
    return columns
