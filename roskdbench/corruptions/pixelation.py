"""Images that were kept too small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.plugins import register
from roskdbench.suite.corruption import Corruption, Shares, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("pixelation")
class Pixelation(Corruption):
    """Pixelation: the image made smaller, and as large again as it was."""

    strengths: Shares = [0.32, 0.24, 0.2, 0.17, 0.15]
    """The side of the small image as a share of the large one's."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """Small pixels are means of large ones."""
        from torch.nn import functional

        side = images.shape[-1]
        small = functional.interpolate(images, size=max(1, round(strength * side)), mode="area")
        return functional.interpolate(small, size=side, mode="nearest")
