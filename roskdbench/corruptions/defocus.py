"""A lens out of focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("defocus")
class Defocus(Corruption):
    """Defocus: every point spread evenly over a disk."""

    strengths: Amounts = [0.043, 0.057, 0.068, 0.078, 0.09]
    """The radius of the disk as a share of the image's side."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """A disk with soft edges, so that radii below a pixel count, too; edges of the image repeat."""
        import torch

        radius = strength * images.shape[-1]
        reach = int(radius) + 1
        steps = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
        distance = (steps[:, None] ** 2 + steps[None, :] ** 2).sqrt()
        disk = (radius + 0.5 - distance).clamp(0, 1)
        return _filtered(images, disk / disk.sum())


def _filtered(images: Tensor, kernel: Tensor) -> Tensor:
    """Each channel filtered by itself."""
    from torch.nn import functional

    channels, reach = images.shape[1], kernel.shape[0] // 2
    padded = functional.pad(images, (reach,) * 4, mode="replicate")
    return functional.conv2d(padded, kernel.expand(channels, 1, *kernel.shape), groups=channels)
