"""Hair over the skin."""

from __future__ import annotations

from math import ceil, pi
from typing import TYPE_CHECKING

from roskdbench.corruptions._drawing import painted, pixel_places, stroke_cover
from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor

DRAWS = 7  # random numbers of one hair
DARK, BROWN = (0.05, 0.04, 0.04), (0.26, 0.15, 0.09)


@register("hair")
class Hair(Corruption):
    """Hair: dark curved strokes that grow roughly one way, in another for each image."""

    strengths: Amounts = [7.0, 12.0, 16.0, 21.0, 26.0]
    """How many hairs there are; the last one is shorter where the number is not whole."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """A hair is the curve v = bend u^2 + twist u^3, u along it, and gets thinner towards its tip."""
        import torch

        columns, rows = pixel_places(images)
        side = images.shape[-1]
        chance = uniforms(2 + DRAWS * ceil(strength)).to(images)[:, :, None, None]  # [B, draws, 1, 1]
        shade = chance[:, 1, 0]
        colour = torch.lerp(torch.tensor(DARK).to(images), torch.tensor(BROWN).to(images), shade)  # [B, 3]
        bare = torch.ones_like(images[:, 0])
        for number in range(ceil(strength)):
            drawn = chance[:, 2 + DRAWS * number :][:, :DRAWS].unbind(1)
            angle = 2 * pi * chance[:, 0] + 1.2 * (drawn[0] - 0.5)
            across, down = columns - (1.2 * drawn[1] - 0.1), rows - (1.2 * drawn[2] - 0.1)
            along, beside = across * angle.cos() + down * angle.sin(), down * angle.cos() - across * angle.sin()
            length = 0.5 + 0.6 * drawn[3]
            bend, twist = 1.2 * (drawn[4] - 0.5), 1.2 * (drawn[5] - 0.5)
            slope = 2 * bend * along + 3 * twist * along**2
            distance = (beside - bend * along**2 - twist * along**3).abs() / (1 + slope**2).sqrt()
            from_root = along + length / 2
            thick = (0.008 + 0.008 * drawn[6]) * (1 - 0.6 * (from_root / length).clamp(0, 1))
            there = (from_root * side + 0.5).clamp(0, 1)
            there = there * ((length * min(1.0, strength - number) - from_root) * side + 0.5).clamp(0, 1)
            bare = bare * (1 - there * stroke_cover(distance * side, thick * side))
        return painted(images, 1 - bare, colour)
