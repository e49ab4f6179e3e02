"""Images that were compressed too much."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 8  # of a block
# The quantisation of luminance in annex K of the JPEG standard.
TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


@register("jpeg")
class Jpeg(Corruption):
    """JPEG: blocks of 8 x 8 pixels quantised in frequency, as a JPEG file of low quality does.

    Each colour channel is quantised by the table of luminance; a file would keep colours more coarsely still.
    """

    strengths: Amounts = [7.0, 5.0, 4.0, 3.0, 2.0]
    """The quality, from 1 to 100, as libjpeg counts it."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """There and back through the discrete cosine transform."""
        import torch
        from torch.nn import functional

        height, width = images.shape[-2:]
        more = (-width % SIDE, -height % SIDE)
        padded = functional.pad(images, (0, more[0], 0, more[1]), mode="replicate") * 255 - 128
        batch, channels, tall, wide = padded.shape
        blocks = padded.view(batch, channels, tall // SIDE, SIDE, wide // SIDE, SIDE).transpose(3, 4)
        basis = _cosines().to(images)
        scale = 5000 / strength if strength < 50 else 200 - 2 * strength
        steps = ((torch.tensor(TABLE, dtype=images.dtype) * scale + 50) / 100).floor().clamp(1, 255).to(images.device)
        kept = torch.round(basis @ blocks @ basis.T / steps) * steps
        back = (basis.T @ kept @ basis).transpose(3, 4).reshape(batch, channels, tall, wide)
        found: Tensor = ((back.round() + 128) / 255).clamp(0, 1)[..., :height, :width]
        return found


def _cosines() -> Tensor:
    """The orthonormal cosine transform of eight numbers. [frequency, place]"""
    import torch

    place = torch.arange(SIDE, dtype=torch.float64)
    waves: Tensor = torch.cos(pi / SIDE * (place[None, :] + 0.5) * place[:, None]) * (2 / SIDE) ** 0.5
    waves[0] /= 2**0.5
    return waves
