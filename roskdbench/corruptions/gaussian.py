"""Noise of electronics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.corruptions._noise import normal_numbers
from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("gaussian")
class Gaussian(Corruption):
    """Gaussian: noise of one strength everywhere, as electronics add it."""

    strengths: Amounts = [0.062, 0.078, 0.089, 0.1, 0.113]
    """The standard deviation, of pixels from 0 to 1."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """Each channel of each pixel by itself."""
        return (images + strength * normal_numbers(images, uniforms)).clamp(0, 1)
