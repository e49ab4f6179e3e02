"""How the loss from teachers is read where a paper leaves it open: over several findings, and by its temperature.

For one label a divergence is KL of softmax(z / t), whatever the kind. For several findings at once a softmax has no
meaning of its own, and papers differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from roskdbench.method.parts import Part
from roskdbench.suite.problems import Task

if TYPE_CHECKING:
    from torch import Tensor


class SoftLoss(Part):
    """A family of parts: the hard and the soft loss of an example, for several findings at once."""

    source: ClassVar[str] = ""
    """Whose reading it is."""

    temperature: Literal["divides", "multiplies"] = "divides"
    """Whether logits are divided by the temperature t, or multiplied by it (1/t, as some write it)."""
    balanced: bool = False
    """Whether hard and soft loss are scaled so that their gradients at the logits start equally long, whatever the
    temperature and the number of classes. `alpha` then says nothing.
    """

    def divisor(self, temperature: float) -> float:
        """What logits are divided by."""
        return temperature if self.temperature == "divides" else 1 / temperature

    def hard(self, task: Task, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss from labels, [..., B]."""
        raise NotImplementedError

    def over_findings(self, each: Tensor, known: Tensor | None = None) -> Tensor:
        """A term of each finding, [..., C], taken together as the hard loss is: the mean over those that are known."""
        from roskdbench.method import losses

        total, count = losses.over_known(each, known)
        return total / (count if isinstance(count, int) else count.clamp(min=1))

    def parts(self, task: Task, classes: int) -> int:
        """How many losses the hard loss of an example adds up: one, if it is their mean."""
        return 1

    def divergences(self, task: Task, teachers: Tensor, student: Tensor, divisor: float) -> Tensor:
        """KL(q_m || p) for each teacher and example, [K, B]."""
        raise NotImplementedError

    def mixture_divergence(
        self, task: Task, teachers: Tensor, weights: Tensor, student: Tensor, divisor: float
    ) -> Tensor:
        """KL(sum_m w_m q_m || p) for each example, [B]."""
        raise NotImplementedError

    def declaration(self) -> dict[str, Any]:
        """The part as a suite would write it, without what is as usual."""
        return {"kind": self.kind, **self.model_dump(mode="json", exclude_defaults=True)}

    def balance(self, task: Task, teachers: Tensor, targets: Tensor, divisor: float) -> float:
        """What the soft loss is to be multiplied by so that its gradient at logits of zero, where a training starts, is
        as long as the hard loss's: in the root mean square over examples, for the equal mixture of the teachers.
        """
        import torch

        start = torch.zeros_like(teachers[0], requires_grad=True)
        weights = torch.full((len(teachers), 1), 1 / len(teachers), device=teachers.device, dtype=teachers.dtype)
        with torch.enable_grad():
            losses = (
                self.hard(task, start, targets),
                self.mixture_divergence(task, teachers, weights, start, divisor),
            )
            lengths = [float(torch.autograd.grad(loss.sum(), start)[0].norm()) for loss in losses]
        return lengths[0] / max(lengths[1], 1e-12)


class BernoulliMean(SoftLoss):
    """Findings are apart: Bernoulli divergences and binary cross-entropies, their mean over findings."""

    source: ClassVar[str] = "Jaiswal et al. 2022, whose loss for one label this carries over to several findings"

    def hard(self, task: Task, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean over findings."""
        from roskdbench.method import losses

        return losses.hard_losses(task, logits, targets)

    def divergences(self, task: Task, teachers: Tensor, student: Tensor, divisor: float) -> Tensor:
        """The mean over findings."""
        from roskdbench.method import losses

        return losses.divergences(task, teachers, student, divisor)

    def mixture_divergence(
        self, task: Task, teachers: Tensor, weights: Tensor, student: Tensor, divisor: float
    ) -> Tensor:
        """The mean over findings."""
        from roskdbench.method import losses

        return losses.mixture_divergence(task, teachers, weights, student, divisor)


class BernoulliSum(BernoulliMean):
    """Findings are apart: Bernoulli divergences and binary cross-entropies, summed over findings."""

    source: ClassVar[str] = "Yang et al., Multi-Label Knowledge Distillation, ICCV 2023 (L2D)"

    def hard(self, task: Task, logits: Tensor, targets: Tensor) -> Tensor:
        """The sum over the findings that are known."""
        found = super().hard(task, logits, targets)
        if task == "single-label":
            return found
        return found * ((~targets.isnan()).sum(-1) if targets.is_floating_point() else targets.shape[-1])

    def over_findings(self, each: Tensor, known: Tensor | None = None) -> Tensor:
        """The sum over the findings that are known."""
        from roskdbench.method import losses

        return losses.over_known(each, known)[0]

    def parts(self, task: Task, classes: int) -> int:
        """One for each finding."""
        return classes if task == "multi-label" else 1

    def divergences(self, task: Task, teachers: Tensor, student: Tensor, divisor: float) -> Tensor:
        """The sum over findings."""
        return super().divergences(task, teachers, student, divisor) * self.parts(task, student.shape[-1])

    def mixture_divergence(
        self, task: Task, teachers: Tensor, weights: Tensor, student: Tensor, divisor: float
    ) -> Tensor:
        """The sum over findings."""
        found = super().mixture_divergence(task, teachers, weights, student, divisor)
        return found * self.parts(task, student.shape[-1])


class Softmax(BernoulliMean):
    """The soft loss takes findings for classes of one softmax; the hard loss is the mean of binary cross-entropies."""

    source: ClassVar[str] = "code for X-rays that takes over the loss for one label as it is"

    def divergences(self, task: Task, teachers: Tensor, student: Tensor, divisor: float) -> Tensor:
        """As for one label."""
        return super().divergences("single-label", teachers, student, divisor)

    def mixture_divergence(
        self, task: Task, teachers: Tensor, weights: Tensor, student: Tensor, divisor: float
    ) -> Tensor:
        """As for one label."""
        return super().mixture_divergence("single-label", teachers, weights, student, divisor)
