"""Lines of a grid against scattered radiation."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

from roskdbench.corruptions._drawing import pixel_places
from roskdbench.plugins import register
from roskdbench.suite.corruption import Corruption, Shares, Uniforms

if TYPE_CHECKING:
    from torch import Tensor

FEWEST, MOST = 20, 40  # lines across the image
FINEST = 2.5  # pixels a line
TILT = 0.15  # radians


@register("grid")
class Grid(Corruption):
    """Grid: fine straight lines, of the strips of lead that keep scattered radiation from a film."""

    strengths: Shares = [0.29, 0.36, 0.4, 0.44, 0.49]
    """How much of the radiation a strip keeps back."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """20 to 40 lines, or as many as the pixels can show; upright for half of the images, lying for the others, and
        a little tilted. What passes, 1 - pixel, is less by strength (1 + cos) / 2.
        """
        columns, rows = pixel_places(images)
        which, number, tilt, phase = uniforms(4).to(images)[:, :, None, None].unbind(1)  # [B, 1, 1] each
        lines = (FEWEST + (MOST - FEWEST) * number).clamp(max=images.shape[-1] / FINEST)
        angle = TILT * (2 * tilt - 1) + (which < 0.5).to(images.dtype) * (pi / 2)
        wave = (2 * pi * (lines * (columns * angle.cos() + rows * angle.sin()) + phase)).cos()  # [B, H, W]
        return 1 - (1 - images) * (1 - strength * (1 + wave[:, None]) / 2)
