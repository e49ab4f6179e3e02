"""Too few photons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.corruptions._noise import normal_numbers
from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("poisson")
class Poisson(Corruption):
    """Poisson noise: the fewer photons, the noisier, and bright pixels more than dark ones."""

    strengths: Amounts = [110.0, 70.0, 54.0, 41.0, 32.0]
    """How many photons a white pixel has in the mean."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """By the normal distribution of the same mean and variance, which is near from a few photons on."""
        return (images + (images / strength).sqrt() * normal_numbers(images, uniforms)).clamp(0, 1)
