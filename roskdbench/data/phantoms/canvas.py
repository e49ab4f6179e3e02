"""Brushes for drawing whole stacks of images at once. Coordinates run over [-1, 1]; every array is [n, H, W]."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

PIXELS_AT_ONCE = 1 << 17

Field = NDArray[np.floating]


def groups_by_lot(random: np.random.Generator, samples: int, most: int) -> NDArray[np.int64]:
    """Which patient or lesion each sample is of, in order: one to `most` samples each. [N]"""
    counts = random.integers(1, most + 1, samples)
    return np.repeat(np.arange(samples), counts)[:samples].astype(np.int64)


def column(values: NDArray[np.floating]) -> Field:
    """Per-image numbers [n] shaped to meet [n, H, W]."""
    return np.asarray(values, dtype=np.float32)[:, None, None]


def stacks(samples: int, size: int) -> Iterator[slice]:
    """Slices of the samples small enough to be drawn in the processor's cache."""
    height = max(1, PIXELS_AT_ONCE // (size * size))
    for start in range(0, samples, height):
        yield slice(start, min(start + height, samples))


def grain(random: np.random.Generator, like: Field) -> Field:
    """Independent unit noise for every pixel."""
    return random.standard_normal(like.shape, dtype=np.float32)


def coordinates(
    size: int, shift: NDArray[np.floating], angle: NDArray[np.floating], zoom: NDArray[np.floating]
) -> tuple[Field, Field]:
    """Object coordinates of every pixel, for images moved by shift [n, 2], turned by angle [n], scaled by zoom [n]."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    x = axis[None, None, :] - column(shift[:, 0])
    y = axis[None, :, None] - column(shift[:, 1])
    cosine, sine = column(np.cos(angle) / zoom), column(np.sin(angle) / zoom)
    return cosine * x + sine * y, cosine * y - sine * x


def step(value: Field, softness: float | Field) -> Field:
    """A soft edge: 0 where value is well below 0, 1 where well above."""
    result: Field = 0.5 + 0.5 * np.tanh(value / softness)
    return result


def blob(x: Field, y: Field, width: Field | float, height: Field | float, softness: float = 0.15) -> Field:
    """A soft-edged ellipse around the origin."""
    return step(1 - np.sqrt((x / width) ** 2 + (y / height) ** 2), softness)


def cloud(random: np.random.Generator, count: int, size: int, cells: int) -> Field:
    """Smooth random fields of about unit variance with `cells` bumps across. [n, H, W]"""
    nodes = random.standard_normal((count, cells + 1, cells + 1)).astype(np.float32)
    spread = _interpolation(size, cells)
    field: Field = np.matmul(np.matmul(spread, nodes), spread.T) * 1.5
    return field


def _interpolation(size: int, cells: int) -> Field:
    """The matrix [size, cells + 1] that stretches cells + 1 nodes smoothly over size pixels."""
    place = (np.arange(size) + 0.5) / size * cells
    left = np.minimum(place.astype(int), cells - 1)
    fraction = place - left
    weight = fraction * fraction * (3 - 2 * fraction)
    matrix = np.zeros((size, cells + 1), dtype=np.float32)
    matrix[np.arange(size), left] = 1 - weight
    matrix[np.arange(size), left + 1] = weight
    return matrix


def to_uint8(values: Field) -> NDArray[np.uint8]:
    """Grey values in [0, 1], clipped, as bytes."""
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
