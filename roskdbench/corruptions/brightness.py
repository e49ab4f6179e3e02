"""Light that is too bright or too dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.plugins import register
from roskdbench.suite.corruption import Corruption, Shares, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("brightness")
class Brightness(Corruption):
    """Brightness: the same added to every pixel, or taken from it."""

    strengths: Shares = [0.1, 0.14, 0.17, 0.19, 0.22]

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """Brighter for half of the images, darker for the others."""
        sign = (uniforms(1) < 0.5).to(images.dtype) * 2 - 1
        return (images + strength * sign[:, :, None, None]).clamp(0, 1)
