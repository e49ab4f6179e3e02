"""Images with too little contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.plugins import register
from roskdbench.suite.corruption import Corruption, Shares, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("contrast")
class Contrast(Corruption):
    """Contrast: pixels drawn towards the mean of their image."""

    strengths: Shares = [0.79, 0.65, 0.59, 0.54, 0.49]
    """What is left of the distance from the mean."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """The mean is each channel's."""
        mean = images.mean((2, 3), keepdim=True)
        return mean + strength * (images - mean)
