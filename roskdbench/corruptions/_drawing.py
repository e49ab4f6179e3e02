"""What corruptions that draw something over images have in common. Places are shares of the image's side."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def pixel_places(images: Tensor) -> tuple[Tensor, Tensor]:
    """Where the middles of pixels are, from 0 to 1: columns [1, 1, W] and rows [1, H, 1]."""
    import torch

    height, width = images.shape[-2:]
    columns = (torch.arange(width, device=images.device, dtype=images.dtype) + 0.5) / width
    rows = (torch.arange(height, device=images.device, dtype=images.dtype) + 0.5) / height
    return columns[None, None, :], rows[None, :, None]


def stroke_cover(distance: Tensor, width: Tensor) -> Tensor:
    """The share of a pixel that a stroke covers whose middle line is `distance` away. In pixels, and right for strokes
    that are thinner than a pixel, too.
    """
    near = (distance - 0.5).maximum(-width / 2)
    return ((distance + 0.5).minimum(width / 2) - near).clamp(0, 1)


def colour_for(images: Tensor, colour: Tensor) -> Tensor:
    """RGB colours [B, 3] as the images have them, grey where they are grey. [B, channels, 1, 1]"""
    fitting = colour if images.shape[1] == 3 else colour.mean(1, keepdim=True)
    return fitting[:, :, None, None].to(images)


def painted(images: Tensor, cover: Tensor, colour: Tensor) -> Tensor:
    """The images under an opaque colour [B, 3], as far as it covers each pixel [B, H, W]."""
    share = cover[:, None]
    return images * (1 - share) + colour_for(images, colour) * share
