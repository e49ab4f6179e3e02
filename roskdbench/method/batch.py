"""What a method's loss gets to see of one training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from roskdbench.errors import UserError
from roskdbench.fingerprint import seed_for
from roskdbench.method.soft_loss import BernoulliMean, SoftLoss
from roskdbench.suite.problems import Task

if TYPE_CHECKING:
    import torch

    from roskdbench.method.weighting import Weigher


@dataclass
class Batch:
    """One training step: B examples, C classes, K teachers.

    `student` gives logits of the student as it stands for other images, without gradient; `held_out` images and
    targets the student does not learn from, where the weighting asked for such.
    """

    task: Task
    images: torch.Tensor  # [B, channels, H, W] in [0, 1]
    targets: torch.Tensor  # [B] class numbers; or [B, C] of 0 and 1, or of probabilities with NaN for unknown
    student_logits: torch.Tensor  # [B, C]
    teacher_logits: torch.Tensor  # [K, B, C]
    samples: torch.Tensor  # [B], index of each example in the problem
    epoch: int
    step: int
    seed: int
    weigher: Weigher
    student: Callable[[torch.Tensor], torch.Tensor]
    soft_loss: SoftLoss = field(default_factory=BernoulliMean)
    soft_scale: float = 1.0  # what `soft_loss` asks the soft part to be multiplied by
    pooled_features: torch.Tensor | None = None  # [B, F]
    held_out: Callable[[], tuple[torch.Tensor, torch.Tensor]] | None = None

    @property
    def features(self) -> torch.Tensor:
        """The student's pooled features [B, F], for methods with `uses_features = True`."""
        if self.pooled_features is None:
            raise UserError("batch.features: say `uses_features = True` in the method to have features computed")
        return self.pooled_features

    @cached_property
    def weights(self) -> torch.Tensor:
        """The teachers' weights in this step, [K, 1] or [K, B]."""
        return self.weigher.weights(self)

    @property
    def weights_given(self) -> torch.Tensor | None:
        """The weights, if the loss asked for them."""
        return self.__dict__.get("weights")

    @cached_property
    def generator(self) -> torch.Generator:
        """Random numbers of this step: the same whenever the step is run again."""
        return _generator(self.seed, "step", self.epoch, self.step)

    @property
    def epoch_generator(self) -> torch.Generator:
        """Random numbers of this epoch, from their beginning."""
        return _generator(self.seed, "epoch", self.epoch)

    def hard_loss(self) -> torch.Tensor:
        """Cross-entropy with the labels: softmax for single-label, binary ones for multi-label, taken together as the
        suite's soft loss says.
        """
        return self.soft_loss.hard(self.task, self.student_logits, self.targets).mean()

    def divergences(self, temperature: float) -> torch.Tensor:
        """KL(q_m || p) of the student p from each teacher q_m for each example, [K, B]."""
        divisor = self.soft_loss.divisor(temperature)
        return self.soft_loss.divergences(self.task, self.teacher_logits, self.student_logits, divisor)

    def mixture_divergence(self, temperature: float) -> torch.Tensor:
        """KL(sum_m w_m q_m || p) for each example, [B]."""
        divisor = self.soft_loss.divisor(temperature)
        return self.soft_loss.mixture_divergence(
            self.task, self.teacher_logits, self.weights, self.student_logits, divisor
        )


def _generator(*purpose: int | str) -> torch.Generator:
    import torch

    return torch.Generator().manual_seed(seed_for(*purpose))
