"""What a method may know of a training before it begins, and of an epoch before it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roskdbench.method.output import Widths
from roskdbench.suite.problems import Task

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class TrainingFacts:
    """A training of n samples and C classes, as `begin` meets it."""

    task: Task
    classes: int
    targets: torch.Tensor
    """The labels that are learnt from, [n] or [n, C], in the order of `batch.positions`."""
    epochs: int
    steps: int
    """In an epoch."""
    widths: Widths
    teacher_widths: tuple[Widths, ...]
    """Of the teachers, for methods with `asks_teachers = True`."""
    network: Callable[[str], nn.Module]
    """A fresh network like the student, with weights drawn for the purpose that is named; it gives logits."""
    device: torch.device
    teachers: int = 0
    """How many there are, asked themselves or not."""

    @property
    def samples(self) -> int:
        """How many there are to learn from."""
        return len(self.targets)

    @property
    def class_counts(self) -> torch.Tensor:
        """How often each class is among the labels, [C]; unknown ones are left out."""
        import torch

        if self.task == "single-label":
            return torch.bincount(self.targets, minlength=self.classes).float()
        return self.targets.float().nan_to_num(0.0).sum(0)


@dataclass(frozen=True)
class Epoch:
    """An epoch that is about to begin, as `before_epoch` meets it."""

    number: int
    epochs: int
    state: nn.Module | None
    targets: torch.Tensor
    """The labels, [n] or [n, C]."""
    generator: torch.Generator
    """Random numbers of this epoch."""
    logits: Callable[..., torch.Tensor]
    """What the student, or a network of the state that is given, says of every sample as it is, without augmentation:
    [n, C], in eval mode, without gradient.
    """


@dataclass(frozen=True)
class Selection:
    """What an epoch learns from: positions among the n samples, and other labels for all n of them if given."""

    positions: torch.Tensor | None = None
    targets: torch.Tensor | None = None
    """[n] class numbers, [n, C] shares of classes, or [n, C] chances of findings."""
