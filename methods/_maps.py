"""Feature maps of networks whose stages differ in size and width."""

from collections.abc import Sequence

from roskdbench import Module, Tensor


def resized(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Maps [B, C, h, w] at another size: means over areas where it is smaller, linear in between where it is larger.

    By products of matrices: on a GPU, the gradient of torch's own pooling differs from run to run.
    """
    if maps.shape[2:] == tuple(size):
        return maps
    rows, columns = (_along(maps, old, new) for old, new in zip(maps.shape[2:], size, strict=True))
    return rows.mT @ maps @ columns


def smaller_size(one: Tensor, other: Tensor) -> tuple[int, int]:
    """The size that both of two maps can be pooled to."""
    return min(one.shape[2], other.shape[2]), min(one.shape[3], other.shape[3])


def new_regressor(channels: int, wanted: int) -> Module:
    """From a student's feature map to one like a teacher's: a 1x1 convolution and BatchNorm. Without the ReLU of other
    code: of some of timm's networks, maps are taken before it, and half of what they say is negative.
    """
    from torch import nn

    return nn.Sequential(nn.Conv2d(channels, wanted, 1), nn.BatchNorm2d(wanted))


def _along(maps: Tensor, old: int, new: int) -> Tensor:
    """What each of `new` pixels takes of each of `old` ones in a row, [old, new]."""
    import torch
    from torch.nn import functional

    pixels = torch.eye(old, dtype=maps.dtype, device=maps.device)[None]
    if new <= old:
        return functional.adaptive_avg_pool1d(pixels, new)[0]
    return functional.interpolate(pixels, size=new, mode="linear")[0]
