"""Too few photons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.plugins import register
from roskdbench.suite.corruption import Corruption, Strengths, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("poisson")
class Poisson(Corruption):
    """Poisson noise: the fewer photons, the noisier, and bright pixels more than dark ones."""

    strengths: Strengths = [250.0, 100.0, 40.0, 20.0, 10.0]
    """How many photons a white pixel has in the mean."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """By the normal distribution of the same mean and variance, which is near from a few photons on."""
        import torch

        chance = uniforms(images[0].numel()).view_as(images).clamp(1e-6, 1 - 1e-6)
        normal = torch.erfinv(2 * chance - 1) * 2**0.5
        return (images + (images / strength).sqrt() * normal).clamp(0, 1)
