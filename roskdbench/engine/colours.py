"""Changing the colours of a batch of RGB images in [0, 1], each image by its own amount."""

import torch
from torch import Tensor

LUMA = (0.2989, 0.587, 0.114)  # ITU-R BT.601, as torchvision has it


def grey(images: Tensor) -> Tensor:
    """The luma of each pixel. [B, 1, H, W]"""
    return (images * torch.tensor(LUMA).to(images.device, non_blocking=True)[:, None, None]).sum(1, keepdim=True)


def brightened(images: Tensor, factor: Tensor) -> Tensor:
    """Every channel times the factor."""
    return (images * _wide(factor)).clamp(0, 1)


def contrasted(images: Tensor, factor: Tensor) -> Tensor:
    """Away from the image's mean luma, or towards it."""
    mean = grey(images).mean((1, 2, 3), keepdim=True)
    return (mean + _wide(factor) * (images - mean)).clamp(0, 1)


def saturated(images: Tensor, factor: Tensor) -> Tensor:
    """Away from each pixel's luma, or towards it."""
    luma = grey(images)
    return (luma + _wide(factor) * (images - luma)).clamp(0, 1)


def turned(images: Tensor, share: Tensor) -> Tensor:
    """The hue turned by a share of the circle: saturation and value (of HSV) stay."""
    high, low = images.amax(1), images.amin(1)
    spread = high - low
    red, green, blue = images.unbind(1)
    safe = torch.where(spread > 0, spread, torch.ones_like(spread))
    sector = torch.where(
        high == red,
        (green - blue) / safe,
        torch.where(high == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    sector = sector + 6 * share[:, None, None]
    # A channel is `high` for two sixths of the circle on each side of its own hue, then falls to `low`.
    channels = [(5 + sector) % 6, (3 + sector) % 6, (1 + sector) % 6]
    return torch.stack([high - spread * torch.minimum(each, 4 - each).clamp(0, 1) for each in channels], 1)


def _wide(factor: Tensor) -> Tensor:
    return factor[:, None, None, None]
