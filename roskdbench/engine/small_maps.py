"""Convolutions of maps of a few pixels as products of matrices, on a CPU whose library is slow at them.

Deep layers of usual networks see maps of one or two pixels where images have 28 or 32. With AVX2 and nothing wider,
the gradients of their weights take up to ten times as long as the product does, and are most of a step. Where every
pixel of the output sees every pixel that is met, the layer is one matrix, made of the kernel's taps.
"""

from types import MethodType

import torch
from torch import Tensor, nn
from torch.nn import functional

MOST_TAPS = 16
"""Pairs of pixels met and put out, up to which the product is faster."""
MOST_PIXELS = 16
"""Pixels put out, up to which a kernel of one pixel is a faster product than a convolution."""

Pair = tuple[int, int]


def multiply_small_maps(network: nn.Module) -> None:
    """Let convolutions of a network that is laid out with channels last be products where that is faster. Numbers
    differ by their rounding alone.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX2":
        return
    for layer in network.modules():
        if (
            type(layer) is nn.Conv2d
            and (layer.groups == 1 or layer.groups == layer.in_channels == layer.out_channels)
            and layer.dilation == (1, 1)
            and layer.padding_mode == "zeros"
            and not isinstance(layer.padding, str)
            and layer.weight.device.type == "cpu"
        ):
            vars(layer)["forward"] = MethodType(_forward, layer)  # a copy of the layer gets one of its own


def _forward(layer: nn.Conv2d, images: Tensor) -> Tensor:
    kernel, stride, padding = _pair(layer.kernel_size), _pair(layer.stride), _pair(layer.padding)
    height, width = images.shape[-2:]
    if layer.groups == 1 and kernel == (1, 1) and padding == (0, 0):
        met = images[:, :, :: stride[0], :: stride[1]]
        if met.shape[-2] * met.shape[-1] <= MOST_PIXELS:
            return functional.linear(met.permute(0, 2, 3, 1), layer.weight[:, :, 0, 0], layer.bias).permute(0, 3, 1, 2)
    elif height * width <= MOST_TAPS and (found := _taps((height, width), kernel, stride, padding)):
        taps, rows, columns, size = found
        met = images[:, :, :rows, :columns].permute(0, 2, 3, 1)
        multiply = _of_one_channel if layer.groups > 1 else _of_all_channels
        made = multiply(met, layer.weight, taps, size)
        return made if layer.bias is None else made + layer.bias[:, None, None]
    return nn.Conv2d.forward(layer, images)


def _of_all_channels(met: Tensor, weight: Tensor, taps: Tensor, size: Pair) -> Tensor:
    """Pixels [B, h, w, C] times the matrix of a dense kernel. [B, D, H, W]"""
    by_tap = weight.permute(0, 2, 3, 1).flatten(1, 2)
    matrix = by_tap.index_select(1, taps).view(len(weight) * size[0] * size[1], -1)
    made = functional.linear(met.flatten(1), matrix).view(len(met), len(weight), *size)
    return made.contiguous(memory_format=torch.channels_last)


def _of_one_channel(met: Tensor, weight: Tensor, taps: Tensor, size: Pair) -> Tensor:
    """Pixels [B, h, w, C] times the matrices of a depthwise kernel, one a channel. [B, C, H, W]"""
    matrices = weight.flatten(1).t().index_select(0, taps).view(size[0] * size[1], -1, len(weight))
    made: Tensor = (met.flatten(1, 2)[:, None] * matrices).sum(2)
    return made.view(len(met), *size, -1).permute(0, 3, 1, 2)


def _taps(shape: Pair, kernel: Pair, stride: Pair, padding: Pair) -> tuple[Tensor, int, int, Pair] | None:
    """Which tap of the kernel lies between each pixel that is put out and each that is met; how many rows and columns
    are met, from the first on; how many are put out. None where a pixel sees what another does not, or there are more
    taps than are worth it.
    """
    sides = [_side(*axis) for axis in zip(shape, kernel, stride, padding, strict=True)]
    if sides[0] is None or sides[1] is None:
        return None
    (down, rows, height), (along, columns, width) = sides[0], sides[1]
    if height * width * rows * columns > MOST_TAPS:
        return None
    taps = (down[:, None, :, None] * kernel[1] + along[None, :, None, :]).flatten()
    return taps, rows, columns, (height, width)


def _side(pixels: int, kernel: int, stride: int, padding: int) -> tuple[Tensor, int, int] | None:
    """The taps along one axis [out, met], how many pixels are met and how many put out."""
    out = (pixels + 2 * padding - kernel) // stride + 1
    seen = {(max(0, at - padding), min(pixels, at - padding + kernel)) for at in range(0, out * stride, stride)}
    if len(seen) != 1:
        return None
    first, end = seen.pop()
    if first or end <= 0:
        return None
    return torch.arange(end)[None, :] - torch.arange(0, out * stride, stride)[:, None] + padding, end, out


def _pair(values: object) -> Pair:
    assert isinstance(values, tuple)
    first, second = values
    return int(first), int(second)
