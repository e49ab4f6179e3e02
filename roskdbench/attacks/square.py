"""Random squares: an attack that asks for no gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from roskdbench.plugins import register
from roskdbench.suite.attack import Attack

if TYPE_CHECKING:
    from torch import Tensor

    from roskdbench.measuring.attacks.attacking import Victim

QUERIES_IN_A_STEP = 4.5  # what estimates reckon a gradient and a look at what it led to as


@register("square")
class Square(Attack):
    """Random squares: pixels are changed a square at a time and kept where the margin rises, without any gradient. In
    l2 the changes are those of the largest cube in the ball. After the l-infinity attack of Andriushchenko et al. 2020.
    """

    counts_passes: ClassVar[bool] = True

    queries: PositiveInt = 1000
    """How often the model is asked of an image, at most."""

    def steps_taken(self) -> int:
        """As many gradients as cost the same."""
        return max(1, round(self.queries / QUERIES_IN_A_STEP))

    def perturb(self, victim: Victim, images: Tensor, labels: Tensor) -> Tensor:
        """The worst images found."""
        from roskdbench.measuring.attacks.square import squares

        side = self.radius if self.norm == "linf" else self.radius / images[0].numel() ** 0.5
        return squares(victim.model, victim.task, images, labels, side, self.queries, victim.generator)
