"""Noise in proportion to the light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.corruptions._noise import normal_numbers
from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("speckle")
class Speckle(Corruption):
    """Speckle: noise in proportion to each pixel, so that black stays black."""

    strengths: Amounts = [0.12, 0.17, 0.19, 0.22, 0.24]
    """The standard deviation as a share of the pixel."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """Each channel of each pixel by itself."""
        return (images + images * strength * normal_numbers(images, uniforms)).clamp(0, 1)
