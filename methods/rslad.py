"""Robust soft label adversarial distillation. Zi, Zhao, Ma, Jiang: Revisiting Adversarial Robustness Distillation:
Robust Soft Labels Make Student Better, ICCV 2021 (arXiv 2108.07969).

a KL(teacher(x) || student(x')) + (1 - a) KL(teacher(x) || student(x)), with a = 5/6, no temperature, and x' by ascent
of KL(teacher(x) || student(x')) from x + .001 N(0, 1). Labels come in through the teacher alone.

What is adaptation: radius and steps (see `_inner_attack.py`); the teacher is not robust, as the paper's is. The
authors' code has the mean over classes where the formula, and this file, have the sum. For several findings
divergences are those of Bernoulli variables. A temperature other than 1 divides logits, and the loss is multiplied by
its square.
"""

from typing import Annotated

from pydantic import Field, PositiveFloat

from roskdbench import Batch, Single, Tensor, register

from ._inner_attack import NEARBY, AdversarialMethod, attacked, divergence_from_teachers


@register("rslad")
class RobustSoftLabels(AdversarialMethod):
    """RSLAD: the teacher's soft labels in place of labels, also for the attack."""

    teachers = Single()
    temperature: PositiveFloat = 1.0
    """Divides logits before they are compared."""
    adversarial_share: Annotated[float, Field(ge=0, le=1)] = 5 / 6
    """The share of the changed images in the loss."""

    def loss(self, batch: Batch) -> Tensor:
        """The divergences of changed and of clean images."""
        divergence = divergence_from_teachers(self, batch)
        changed = attacked(self, batch, lambda images: divergence(batch.student(images)), NEARBY)
        loss = self.adversarial_share * divergence(batch.ask(changed).logits)
        if self.adversarial_share < 1:
            loss = loss + (1 - self.adversarial_share) * divergence(batch.student_logits)
        return self.soft_loss.divisor(self.temperature) ** 2 * loss

    @property
    def passes(self) -> float:
        """The clean images take one more, if they count."""
        return super().passes + (self.adversarial_share < 1)
