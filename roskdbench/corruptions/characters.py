"""Text that a device or an archive wrote into images."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from roskdbench.corruptions._drawing import painted
from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor

LETTERS = 5  # of a word
TALL, WIDE = 7, 6  # dots of a letter, the gap behind it included
HEIGHT = 0.1  # of a word, as a share of the image's side
# Each letter from the top, a row a number whose bits are dots.
GLYPHS = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    "A": (14, 17, 17, 31, 17, 17, 17),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "M": (17, 27, 21, 21, 17, 17, 17),
    "P": (30, 17, 17, 30, 16, 16, 16),
    "R": (30, 17, 17, 30, 20, 18, 17),
    "X": (17, 17, 10, 4, 10, 17, 17),
}


@register("characters")
class Characters(Corruption):
    """Characters: words of digits and letters at random places, black or white."""

    strengths: Amounts = [0.6, 1.0, 1.4, 2.0, 2.8]
    """How many words of five letters there are; the last one has fewer where the number is not whole."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """Dots cover pixels in part, so that words are the same at every size of the image."""
        import torch

        height, width = images.shape[-2:]
        font = _font().to(images)  # [letter, TALL, WIDE]
        chance = uniforms((3 + LETTERS) * ceil(strength)).to(images)
        dot = HEIGHT / TALL
        for number in range(ceil(strength)):
            drawn = chance[:, (3 + LETTERS) * number :][:, : 3 + LETTERS]
            word = font[(drawn[:, 3:] * len(GLYPHS)).long()]  # [B, LETTERS, TALL, WIDE]
            kept = torch.arange(LETTERS, device=images.device) < round((strength - number) * LETTERS)
            word = (word * kept[:, None, None]).transpose(1, 2).flatten(2)  # [B, TALL, LETTERS * WIDE]
            down = _overlaps(drawn[:, 0] * (1 - HEIGHT), dot, TALL, height)
            across = _overlaps(drawn[:, 1] * (1 - dot * LETTERS * WIDE), dot, LETTERS * WIDE, width)
            white = (drawn[:, 2:3] < 0.5).to(images.dtype).expand(-1, 3)
            images = painted(images, down @ word @ across.mT, white)
        return images


def _font() -> Tensor:
    """Ones where dots are. [letter, TALL, WIDE]"""
    import torch

    rows = 2 * torch.tensor(list(GLYPHS.values()))  # the gap is a last bit that is never set
    return (rows[:, :, None] >> torch.arange(WIDE - 1, -1, -1)) & 1


def _overlaps(start: Tensor, dot: float, dots: int, pixels: int) -> Tensor:
    """The share of each pixel in a line that each dot covers; the first dot starts at `start`. [B, pixels, dots]"""
    import torch

    places = torch.arange(pixels, device=start.device, dtype=start.dtype)[:, None]
    first = (start[:, None, None] + dot * torch.arange(dots, device=start.device, dtype=start.dtype)) * pixels
    return ((first + dot * pixels).minimum(places + 1) - first.maximum(places)).clamp(0, 1)
