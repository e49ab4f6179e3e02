"""Adaptive adversarial distillation. Huang, Chen, Wang, Lu, Cheng, Wang: Boosting Accuracy and Robustness of Student
Models via Adaptive Adversarial Distillation, CVPR 2023.

a KL(teacher(x') || student(x')) + (1 - a) KL(teacher(x) || student(x)), with a = 1 (the default of the authors' code),
no temperature, and x' by ascent of KL(teacher(x') || student(x')) from x + .001 N(0, 1), with gradient through both
networks: x' is where the two differ most.

What is adaptation: radius and steps (see `_inner_attack.py`); the teacher is not robust, as the paper's is. The
authors' code has the mean over classes for CIFAR-10 where the formula, this file, and their code for CIFAR-100 have the
sum; and it shows the student the clean images, too, for the statistics of BatchNorm, which is left out here. For
several findings divergences are those of Bernoulli variables. A temperature other than 1 divides logits, and the loss
is multiplied by its square.
"""

from typing import Annotated

from pydantic import Field, PositiveFloat

from roskdbench import Batch, Single, Tensor, register

from ._inner_attack import NEARBY, AdversarialMethod, attacked


@register("adaad")
class AdaptiveDistillation(AdversarialMethod):
    """AdaAD: the teacher's answer to the images at which student and teacher differ most."""

    asks_teachers = True
    uses_teacher_logits = False

    teachers = Single()
    temperature: PositiveFloat = 1.0
    """Divides logits before they are compared."""
    adversarial_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The share of the changed images in the loss."""

    def loss(self, batch: Batch) -> Tensor:
        """The divergences of changed and of clean images, each from what the teacher says of the same."""
        import torch

        divisor = self.soft_loss.divisor(self.temperature)

        def apart(images: Tensor, logits: Tensor) -> Tensor:
            teachers = torch.stack([each.logits for each in batch.ask_teachers(images)])
            return batch.soft_loss.divergences(batch.task, teachers, logits, divisor).mean()

        changed = attacked(self, batch, lambda images: apart(images, batch.student(images)), NEARBY)
        loss = self.adversarial_share * apart(changed, batch.ask(changed).logits)
        if self.adversarial_share < 1:
            loss = loss + (1 - self.adversarial_share) * apart(batch.images, batch.student_logits)
        return divisor**2 * loss

    @property
    def passes(self) -> float:
        """The clean images take one more, if they count."""
        return super().passes + (self.adversarial_share < 1)

    @property
    def teacher_passes(self) -> float:
        """Forward and backward to the images in each step of the ascent, and forward wherever the student learns."""
        return (2 * self.steps + 1 + (self.adversarial_share < 1)) / 3
