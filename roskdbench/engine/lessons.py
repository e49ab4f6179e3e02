"""What each epoch of a training learns from: which samples in which order, their views, their labels, and what teachers
say of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roskdbench.engine.epoch_views import EpochViews, as_shares
from roskdbench.engine.examples import Examples, balanced_order, epoch_order, rarities
from roskdbench.engine.method_results import refuse_selection
from roskdbench.engine.recipe import Recipe, Seeds
from roskdbench.errors import UserError
from roskdbench.fingerprint import seed_for
from roskdbench.method import Selection
from roskdbench.suite.problems import Task


@dataclass(frozen=True)
class Step:
    """Where a training stands, and which samples it meets there."""

    epoch: int
    number: int
    progress: float
    """The share of all steps that lie behind."""
    positions: Tensor


@dataclass(frozen=True)
class Lesson:
    """An epoch's."""

    order: Tensor
    """Positions among the examples, on the device."""
    views: EpochViews
    targets: Tensor  # [n] or [n, C]
    teacher_logits: Tensor  # [K, n, C]
    selected: float | None
    """The share of the samples that the method chose to learn from, where it chose."""


@dataclass(frozen=True)
class Lessons:
    """The lessons of a training, of which a share of samples may be held out."""

    examples: Examples
    bank: Sequence[NDArray[np.floating]]
    recipe: Recipe
    seeds: Seeds
    learning: Tensor
    """Positions that are learnt from, on the CPU."""
    held_out: Tensor

    @classmethod
    def of(
        cls, examples: Examples, bank: Sequence[NDArray[np.floating]], recipe: Recipe, seeds: Seeds, held_out: float
    ) -> "Lessons":
        """Lessons that leave a share of the samples aside, drawn for the training."""
        everything = torch.arange(len(examples))
        kept = max(1, round(held_out * len(everything))) if held_out else 0
        shuffled = epoch_order(len(everything), 0, seed_for("held out", seeds.method)) if kept else everything
        return cls(examples, bank, recipe, seeds, shuffled[kept:].sort().values, shuffled[:kept].sort().values)

    @property
    def labels(self) -> Tensor:
        """The labels of all examples as they are. [n] or [n, C]"""
        return self.examples.targets[self.examples.samples]

    def views(self, epoch: int) -> EpochViews:
        """What the examples look like in an epoch."""
        return EpochViews(self.examples, self.recipe, self.seeds.views, self.recipe.view_of(epoch))

    def order(self, epoch: int, learning: Tensor, labels: Tensor, task: Task, classes: int) -> Tensor:
        """Positions in the order in which an epoch learns from them, drawn as the recipe says. On the device."""
        if self.recipe.sampling == "class-balanced":
            rare = rarities(as_shares(labels, task, classes))[learning]
            order = balanced_order(rare, epoch, self.seeds.order)
        else:
            order = epoch_order(len(learning), epoch, self.seeds.order)
        return learning[order].to(self.examples.device)

    def lesson(self, epoch: int, chosen: Selection | None, task: Task, classes: int) -> Lesson:
        """An epoch's, of what a method chose, or of everything."""
        device = self.examples.device
        if chosen is not None:
            refuse_selection(chosen, len(self.labels), task, classes)
        labels = self.labels if chosen is None or chosen.targets is None else chosen.targets.to(device)
        learning, selected = self.learning, None
        if chosen is not None and chosen.positions is not None:
            among = torch.isin(self.learning, chosen.positions.cpu())
            learning, selected = self.learning[among], round(float(among.float().mean()), 6)
            if len(learning) < 2:
                raise UserError("the method's `before_epoch` chose fewer than two samples to learn from")
        order, views = self.order(epoch, learning, labels, task, classes), self.views(epoch)
        targets = views.targets(labels, task, classes)
        return Lesson(order, views, targets, self.teacher_logits(epoch), selected)

    def teacher_logits(self, epoch: int) -> Tensor:
        """What the teachers say of an epoch's views. [K, n, C]"""
        view, device = self.recipe.view_of(epoch), self.examples.device
        if not self.bank:
            return torch.zeros(0, len(self.examples), 1, device=device)
        rows = np.stack([teacher[view] for teacher in self.bank])
        return torch.from_numpy(rows).to(device).float()

    def held_out_positions(self, epoch: int, step: int) -> Tensor:
        """A batch of those that are not learnt from, drawn for a step."""
        generator = torch.Generator().manual_seed(seed_for("held out", self.seeds.method, epoch, step))
        chosen = self.held_out[torch.randint(len(self.held_out), (self.recipe.batch,), generator=generator)]
        return chosen.to(self.examples.device, non_blocking=True)
