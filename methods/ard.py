"""Adversarially robust distillation. Goldblum, Fowl, Feizi, Goldstein: Adversarially Robust Distillation, AAAI 2020
(arXiv 1905.09747).

alpha t^2 KL(teacher(x) || student(x')) + (1 - alpha) CE(student(x), y), with x' by ascent of CE(student(x'), y) from a
uniform start. alpha = 1 and t = 30 are the defaults of the authors' code, for CIFAR-10.

What is adaptation: radius and steps (see `_inner_attack.py`); the teacher was trained on the same noisy labels and not
against attacks, where the paper's is robust. At alpha = 1 the clean images are not passed through the student, which
there feeds BatchNorm's statistics and nothing else. The authors' code divides the divergence by the number of classes,
too; here it is the formula's. For several findings losses and divergences are Bernoulli ones.
"""

from typing import Annotated

from pydantic import Field, PositiveFloat

from roskdbench import Batch, Single, Tensor, register

from ._inner_attack import AdversarialMethod, asks_labels, attacked_labels, blend, divergence_from_teachers


@register("ard")
class RobustDistillation(AdversarialMethod):
    """ARD: the teacher's answer to clean images, on images changed against the labels."""

    teachers = Single()
    temperature: PositiveFloat = 30.0
    """Divides logits before they are compared."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The share of the teacher in the loss."""

    def loss(self, batch: Batch) -> Tensor:
        """The divergence of the changed images, and the labels' loss of the clean ones."""
        divergence = divergence_from_teachers(self, batch)
        changed = attacked_labels(self, batch)
        return blend(self, batch, divergence(batch.ask(changed).logits))

    @property
    def passes(self) -> float:
        """Labels take one more, if they count."""
        return super().passes + asks_labels(self)
