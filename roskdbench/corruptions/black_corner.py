"""The round opening of a dermatoscope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.corruptions._drawing import pixel_places
from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("black-corner")
class BlackCorner(Corruption):
    """Black corner: nothing is seen outside a circle, as through a dermatoscope."""

    strengths: Amounts = [1.26, 1.17, 1.11, 1.06, 1.01]
    """The radius of the circle; at 1 it touches the image's edges."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """The circle's middle is the image's; pixels that it crosses are dimmed in part."""
        import torch

        columns, rows = pixel_places(images)
        inside = (strength / 2 - torch.hypot(columns - 0.5, rows - 0.5)) * images.shape[-1] + 0.5
        return images * inside.clamp(0, 1)[:, None]
