"""Marks of a pen on the skin."""

from __future__ import annotations

from math import ceil, pi
from typing import TYPE_CHECKING

from roskdbench.corruptions._drawing import colour_for, pixel_places
from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor

DRAWS = 3  # random numbers of one mark
WIDTH = 0.04  # of a stroke, as a share of the image's side; dots are twice as wide
APART = 0.618  # of the circle, between one mark and the next: the golden ratio leaves the widest gaps
VIOLET, TEAL = (0.42, 0.22, 0.62), (0.18, 0.48, 0.58)  # how much of red, green and blue light passes


@register("ink")
class Ink(Corruption):
    """Ink: marks of a surgeon's pen at the rim, strokes on half of the images and dots on the others."""

    strengths: Amounts = [2.8, 4.2, 5.6, 7.4, 10.0]
    """How many marks there are; the last one is thinner where the number is not whole."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """Marks stand around the middle. Ink takes its share of the light, so that the skin is seen through it."""
        import torch

        columns, rows = pixel_places(images)
        side = images.shape[-1]
        chance = uniforms(3 + DRAWS * ceil(strength)).to(images)[:, :, None, None]  # [B, draws, 1, 1]
        dots = chance[:, 0] < 0.5
        width = WIDTH * (1 + dots.to(images.dtype))
        radius, turn = torch.hypot(columns - 0.5, rows - 0.5), torch.atan2(rows - 0.5, columns - 0.5)
        bare = torch.ones_like(images[:, 0])
        for number in range(ceil(strength)):
            place, far, long = chance[:, 3 + DRAWS * number :][:, :DRAWS].unbind(1)
            angle = 2 * pi * (chance[:, 1] + APART * number + 0.05 * place)
            reach = 0.34 + 0.18 * far
            half = (0.15 + 0.2 * long).where(~dots, torch.zeros_like(long))  # the angle that a stroke takes up, halved
            beyond = ((torch.remainder(turn - angle + pi, 2 * pi) - pi).abs() - half).clamp(min=0)
            distance = ((radius - reach) ** 2 + 2 * radius * reach * (1 - beyond.cos())).sqrt()
            thick = width * min(1.0, strength - number)
            bare = bare * (1 - ((thick / 2 - distance) * side + 0.5).clamp(0, 1))
        colour = torch.lerp(torch.tensor(VIOLET).to(images), torch.tensor(TEAL).to(images), chance[:, 2, 0])  # [B, 3]
        return images * (1 - (1 - bare)[:, None] * (1 - colour_for(images, colour)))
