"""PGD, in both norms: many small steps along the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveInt

from roskdbench.plugins import register
from roskdbench.suite.attack import STEPS, Attack, Loss, Radius

if TYPE_CHECKING:
    from torch import Tensor

    from roskdbench.measuring.attacks.attacking import Victim


@register("pgd")
class Pgd(Attack):
    """PGD: steps along the gradient from a random start, each cut back to the ball; the worst image found is kept."""

    loss: Loss = "ce"
    """`ce` is the cross-entropy (binary ones, summed, for multi-label); `margin` does not know the logits' scale."""
    steps: PositiveInt = STEPS
    step: Radius | None = None
    """The length of a step; a quarter of the radius if left out."""
    restarts: PositiveInt = 1

    @property
    def step_length(self) -> float:
        """In pixels' units."""
        return self.step or self.radius / 4

    def steps_taken(self) -> int:
        """In each restart."""
        return self.steps

    def perturb(self, victim: Victim, images: Tensor, labels: Tensor) -> Tensor:
        """The worst images on the way."""
        from roskdbench.measuring.attacks.attacking import pgd

        changed: Tensor = pgd(victim.target, self, victim.generator)(images, labels)
        return changed
