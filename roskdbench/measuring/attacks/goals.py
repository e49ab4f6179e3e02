"""What Auto-PGD climbs: a loss of logits, one number an image, and its direction in logits.

Directions count up to a positive factor for each image. A loss may be any growing function of the one it is named
after: which of two images is higher is all that is asked of it.
"""

from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional

from roskdbench.errors import UserError
from roskdbench.measuring.attacks.objective import attack_loss, direction
from roskdbench.suite.attack import Loss
from roskdbench.suite.problems import Task

TINY = 1e-12  # as its authors have it: no quotient is taken by zero


class Goal(Protocol):
    """Something to be raised, for some images."""

    def loss(self, logits: Tensor) -> Tensor:
        """How far each image is. [B, C] -> [B]"""
        ...

    def direction(self, logits: Tensor) -> Tensor:
        """Where logits should go. [B, C] -> [B, C]"""
        ...

    def of(self, rows: Tensor) -> Self:
        """The same for some of the images."""
        ...


@dataclass(frozen=True)
class AwayFromLabels:
    """The cross-entropy (binary ones, summed, for several findings), or the margin."""

    task: Task
    name: Loss
    labels: Tensor

    def loss(self, logits: Tensor) -> Tensor:
        """How far each image is. [B]"""
        return attack_loss(self.task, self.name, logits, self.labels)

    def direction(self, logits: Tensor) -> Tensor:
        """Where logits should go. [B, C]"""
        return direction(self.task, self.name, logits, self.labels)

    def of(self, rows: Tensor) -> Self:
        """The same for some of the images."""
        return replace(self, labels=self.labels[rows])


@dataclass(frozen=True)
class TowardsFindings:
    """Several findings: the summed binary cross-entropies to the findings that are wanted, to be made small."""

    wanted: Tensor  # [B, C], 1 for a finding that the model should name

    def loss(self, logits: Tensor) -> Tensor:
        """How far each image is. [B]"""
        return -attack_loss("multi-label", "ce", logits, self.wanted)

    def direction(self, logits: Tensor) -> Tensor:
        """Where logits should go. [B, C]"""
        return -direction("multi-label", "ce", logits, self.wanted)

    def of(self, rows: Tensor) -> Self:
        """The same for some of the images."""
        return replace(self, wanted=self.wanted[rows])


@dataclass(frozen=True)
class LogitsRatio:
    """One label: the difference of logits ratio (Croce and Hein 2020, equation 6), or its targeted form (equation 8).
    It knows neither shift nor scale of logits, and is above 0 where the decision is wrong.
    """

    labels: Tensor
    towards: Tensor | None = None  # [B], a class of each image; whichever is nearest if None

    def loss(self, logits: Tensor) -> Tensor:
        """How far each image is. [B]"""
        ranked = _ranked(logits, 3 if self.towards is None else 4)
        true = logits.gather(1, self.labels[:, None])[:, 0]
        if self.towards is None:
            other = logits.scatter(1, self.labels[:, None], -torch.inf).amax(1)
            return (other - true) / (ranked[:, 0] - ranked[:, 2] + TINY)
        other = logits.gather(1, self.towards[:, None])[:, 0]
        return (other - true) / (ranked[:, 0] - (ranked[:, 2] + ranked[:, 3]) / 2 + TINY)

    def direction(self, logits: Tensor) -> Tensor:
        """Where logits should go, the largest entry of each image of size 1. [B, C]"""
        with torch.enable_grad():
            logits = logits.detach().requires_grad_()
            found = torch.autograd.grad(self.loss(logits).sum(), logits)[0]
        largest = found.abs().amax(1, keepdim=True)
        return found / torch.where(largest > 0, largest, 1.0)

    def of(self, rows: Tensor) -> Self:
        """The same for some of the images."""
        return replace(self, labels=self.labels[rows], towards=None if self.towards is None else self.towards[rows])


def likeliest_others(logits: Tensor, labels: Tensor, count: int) -> list[Tensor]:
    """The `count` likeliest classes of each image but its label, or all others if there are fewer: [B] each."""
    others = logits.scatter(1, labels[:, None], -torch.inf).argsort(1, descending=True)
    return list(others[:, : min(count, logits.shape[1] - 1)].unbind(1))


def wanted_findings(task_labels: Tensor, named: list[int]) -> Tensor:
    """The same findings for every image, by their places. [B, C]"""
    places = torch.tensor(named, dtype=torch.long, device=task_labels.device)
    row = functional.one_hot(places, task_labels.shape[1]).sum(0).clamp(max=1)
    return row.expand(len(task_labels), -1)


def _ranked(logits: Tensor, needed: int) -> Tensor:
    """Logits from the largest down."""
    if logits.shape[1] < needed:
        raise UserError(f"the ratio of logits needs {needed} classes, and there are {logits.shape[1]}; use the loss ce")
    return logits.sort(1, descending=True).values
