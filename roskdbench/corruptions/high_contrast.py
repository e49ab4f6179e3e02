"""Images with too much contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("high-contrast")
class HighContrast(Corruption):
    """High contrast: pixels pushed away from the mean of their image, to black and white in the end."""

    strengths: Amounts = [1.33, 1.6, 1.9, 2.6, 4.2]
    """How often the distance from the mean is taken."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """The mean is each channel's."""
        mean = images.mean((2, 3), keepdim=True)
        return (mean + strength * (images - mean)).clamp(0, 1)
