"""Pixels that are dead or hot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.plugins import register
from roskdbench.suite.corruption import Corruption, Shares, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("impulse")
class Impulse(Corruption):
    """Impulse: some pixels black and as many white, like salt and pepper."""

    strengths: Shares = [0.014, 0.021, 0.03, 0.037, 0.044]
    """The share of pixels, in each channel."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """What is black or white at one severity is so at all higher ones."""
        chance = uniforms(images[0].numel()).view_as(images)
        return images.masked_fill(chance < strength / 2, 0.0).masked_fill(chance >= 1 - strength / 2, 1.0)
