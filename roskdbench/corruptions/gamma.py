"""Another tone curve, as of another scanner or display."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("gamma")
class Gamma(Corruption):
    """Gamma: pixels to a power above or below 1, as another tone curve gives them."""

    strengths: Amounts = [1.17, 1.32, 1.41, 1.51, 1.62]

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """To the power for half of the images, to one over it for the others."""
        darker = uniforms(1)[:, :, None, None] < 0.5
        return (images**strength).where(darker, images ** (1 / strength))
