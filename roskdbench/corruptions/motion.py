"""A hand or a patient that moved."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor

POINTS = 15  # of the path, at which the image is taken


@register("motion")
class Motion(Corruption):
    """Motion: the mean of the image along a straight path, in another direction for each image."""

    strengths: Amounts = [0.09, 0.13, 0.17, 0.22, 0.28]
    """The length of the path as a share of the image's side."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """Between pixels the image is interpolated; its edges repeat."""
        import torch
        from torch.nn import functional

        angle = pi * uniforms(1)[:, 0]
        direction = torch.stack([angle.cos(), angle.sin()], 1)  # [B, 2], from -1 to 1 across the image
        unmoved = torch.eye(2, 3, device=images.device, dtype=images.dtype).expand(len(images), 2, 3)
        total = torch.zeros_like(images)
        for place in torch.linspace(-strength, strength, POINTS).tolist():
            moved = unmoved.clone()
            moved[:, :, 2] = place * direction
            grid = functional.affine_grid(moved, list(images.shape), align_corners=False)
            total += functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
        return total / POINTS
