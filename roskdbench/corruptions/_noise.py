"""Random numbers of noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from roskdbench.suite.corruption import Uniforms


def normal_numbers(images: Tensor, uniforms: Uniforms) -> Tensor:
    """A number from the standard normal distribution for each channel of each pixel. [B, channels, H, W]"""
    import torch

    chance = uniforms(images[0].numel()).view_as(images).clamp(1e-6, 1 - 1e-6)
    return torch.erfinv(2 * chance - 1) * 2**0.5
