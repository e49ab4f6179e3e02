"""A camera that moved towards the skin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor

POINTS = 11  # of the way, at which the image is taken


@register("zoom")
class Zoom(Corruption):
    """Zoom: the mean of the image at growing scales, which is sharp in the middle alone."""

    strengths: Amounts = [0.4, 0.7, 1.0, 1.4, 2.0]
    """How much larger the image is in the end."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """Between pixels the image is interpolated."""
        import torch
        from torch.nn import functional

        unmoved = torch.eye(2, 3, device=images.device, dtype=images.dtype).expand(len(images), 2, 3)
        total = torch.zeros_like(images)
        for scale in torch.linspace(1, 1 + strength, POINTS).tolist():
            grid = functional.affine_grid(unmoved / scale, list(images.shape), align_corners=False)
            total += functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
        return total / POINTS
