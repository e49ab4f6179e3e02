"""FGSM, in both norms: one step along the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from roskdbench.plugins import register
from roskdbench.suite.attack import Attack, Loss

if TYPE_CHECKING:
    from torch import Tensor

    from roskdbench.measuring.attacks.attacking import Victim


@register("fgsm")
class Fgsm(Attack):
    """FGSM: one step along the gradient, as long as the radius."""

    shares_gradient: ClassVar[bool] = True

    loss: Loss = "ce"
    """`ce` is the cross-entropy (binary ones, summed, for multi-label); `margin` does not know the logits' scale."""

    def perturb(self, victim: Victim, images: Tensor, labels: Tensor) -> Tensor:
        """The step."""
        from roskdbench.measuring.attacks.gradient import fgsm_step

        return fgsm_step(images, victim.gradient(images, labels, self.loss), self.norm, self.radius)
