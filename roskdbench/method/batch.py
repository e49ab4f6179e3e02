"""What a method's loss gets to see of one training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from roskdbench.errors import UserError
from roskdbench.fingerprint import seed_for
from roskdbench.method.output import Output
from roskdbench.method.soft_loss import BernoulliMean, SoftLoss
from roskdbench.suite.problems import Task

if TYPE_CHECKING:
    import torch
    from torch import nn

    from roskdbench.method.weighting import Weigher


class _Missing:
    """In place of a function that this batch does not have."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence

    def __call__(self, *_: Any) -> Any:
        raise UserError(self._sentence)


NO_OTHER_VIEW = _Missing("batch.view: this batch has one view")
NO_AVERAGED = _Missing(
    'batch.ask_averaged: declare an averaging that goes by steps, such as `averaging = ExponentialMean(every="step")`'
)
NO_TEACHERS = _Missing("batch.ask_teachers: say `asks_teachers = True` in the method to have its teachers at hand")


@dataclass
class Batch:
    """One training step: B examples, C classes, K teachers.

    What the student says of `images` is computed when it is first asked for: a method that learns from other images
    (`view`, mixtures, attacks) pays for no pass more. Every random number is to come from `generator`.
    """

    task: Task
    images: torch.Tensor  # [B, channels, H, W] in [0, 1]
    targets: torch.Tensor  # [B] class numbers, [B, C] shares of classes; or [B, C] of 0, 1, chances, or NaN for unknown
    teacher_logits: torch.Tensor  # [K, B, C]
    samples: torch.Tensor  # [B], index of each example in the problem
    epoch: int
    step: int
    seed: int
    weigher: Weigher
    ask: Callable[[torch.Tensor], Output]
    """What the student says of images, as it trains: with gradient, and BatchNorm by the statistics of these images."""
    student: Callable[[torch.Tensor], torch.Tensor]
    """The logits of the student as it would be used, for any images. Gradient reaches the images where they require
    one, as attacks need it, and never the student.
    """
    soft_loss: SoftLoss = field(default_factory=BernoulliMean)
    soft_scale: float = 1.0  # what `soft_loss` asks the soft part to be multiplied by
    label_smoothing: float = 0.0
    """The share of a label that the hard loss spreads evenly, as the protocol says."""
    held_out: Callable[[], tuple[torch.Tensor, torch.Tensor]] | None = None
    """Images and targets that the student does not learn from, where the weighting asked for such."""
    classes: int = 0
    """How many there are, known without a pass through the student; 0 where nobody said."""
    positions: torch.Tensor | None = None  # [B], index of each example among the n that are learnt from
    progress: float = 0.0
    """The share of the training's steps that lie behind."""
    state: nn.Module | None = None
    """What the method's `begin` returned."""
    view: Callable[[int], torch.Tensor] = NO_OTHER_VIEW
    """The k-th other view of the same samples, k from 1 on, mixed as `images` are where the protocol mixes; the same as
    `images` if nothing is augmented.
    """
    ask_averaged: Callable[[torch.Tensor], torch.Tensor] = NO_AVERAGED
    """The logits of the averaged student, without gradient, for methods whose averaging goes by steps."""
    ask_teachers: Callable[[torch.Tensor], tuple[Output, ...]] = NO_TEACHERS
    """What each teacher says of images, for methods with `asks_teachers = True`; gradient reaches the images only."""

    @cached_property
    def output(self) -> Output:
        """What the student says of the images."""
        return self.ask(self.images)

    @property
    def student_logits(self) -> torch.Tensor:
        """The student's logits [B, C]."""
        return self.output.logits

    @property
    def features(self) -> torch.Tensor:
        """The student's pooled features [B, F], for methods with `uses_features = True`."""
        return self.output.features

    @property
    def maps(self) -> tuple[torch.Tensor, ...]:
        """The student's feature maps after each of the last stages, for methods with `uses_maps = True`."""
        return self.output.maps

    @cached_property
    def teacher_outputs(self) -> tuple[Output, ...]:
        """What each teacher says of the images, for methods with `asks_teachers = True`. Where logits are enough,
        `teacher_logits` has them at no cost.
        """
        return self.ask_teachers(self.images)

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
        return self.hard_losses().mean()

    def hard_losses(self, logits: torch.Tensor | None = None) -> torch.Tensor:
        """The same of each example, [B]; of other logits than the student's for `images` if given."""
        targets = self.smoothed_targets if self.label_smoothing else self.targets
        return self.soft_loss.hard(self.task, self.student_logits if logits is None else logits, targets)

    def over_findings(self, each: torch.Tensor, known: torch.Tensor | None = None) -> torch.Tensor:
        """A term of each finding, [B, C], as one of each example, [B]: taken together over the findings that are known
        as the hard loss is, their mean or their sum.
        """
        return self.soft_loss.over_findings(each, known)

    @property
    def hard_parts(self) -> int:
        """How many losses the hard loss of an example adds up: the findings where the suite's soft loss sums over them,
        else 1. Multiply by it what is of no finding, such as hints, so that it keeps its weight beside the labels.
        """
        return self.soft_loss.parts(self.task, self._width)

    @cached_property
    def label_shares(self) -> torch.Tensor:
        """The labels as shares of classes, or as chances of findings, NaN where unknown, [B, C]: one form for all."""
        import torch

        if self.task == "single-label" and not self.targets.is_floating_point():
            return torch.nn.functional.one_hot(self.targets, self._width).float()
        return self.targets if self.targets.is_floating_point() else self.targets.float()

    @property
    def _width(self) -> int:
        return self.classes or self.student_logits.shape[-1]

    @property
    def smoothed_targets(self) -> torch.Tensor:
        """The labels with `label_smoothing` of them spread over all classes, or over presence and absence."""
        from roskdbench.method import losses

        return losses.smoothed(self.task, self.label_shares, self.label_smoothing)

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
