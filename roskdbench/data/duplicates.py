"""Images that are there twice: the same bytes, and pictures that look the same in two parts of a split."""

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.decoding import digest

SIDE = 24  # of the small grey pictures that are compared
ALIKE = 0.99  # their correlation from which on they are one picture
CHUNK = 2048

Pair = tuple[int, int]


def same_bytes(paths: list[Path], threads: int = 4) -> list[Pair]:
    """Pairs of files with the same bytes; only files of one size are read."""
    by_size: dict[int, list[int]] = defaultdict(list)
    for row, path in enumerate(paths):
        if path.is_file():
            by_size[path.stat().st_size].append(row)
    rows = [row for members in by_size.values() if len(members) > 1 for row in members]
    with ThreadPoolExecutor(threads) as pool:
        digests = pool.map(lambda row: digest(paths[row].read_bytes()), rows)
        return _equal(zip(rows, digests, strict=True))


def same_pixels(images: NDArray[np.uint8]) -> list[Pair]:
    """Pairs of equal arrays."""
    return _equal((row, digest(np.ascontiguousarray(image))) for row, image in enumerate(images))


def _equal(digests: Iterable[tuple[int, bytes]]) -> list[Pair]:
    first: dict[bytes, int] = {}
    return [(before, row) for row, mark in digests if (before := first.setdefault(mark, row)) != row]


def look_alikes(
    images: NDArray[np.uint8], part: NDArray[np.int64], others: NDArray[np.int64], groups: NDArray[np.int64]
) -> list[Pair]:
    """Pairs of an image of a part and one of the others, of different groups, whose small grey pictures hardly differ:
    one picture, perhaps compressed, lit or cut a little otherwise. Every pair is compared.
    """
    found: list[Pair] = []
    theirs = [
        (others[start : start + CHUNK], _unit(images, others[start : start + CHUNK]))
        for start in range(0, len(others), CHUNK)
    ]
    for start in range(0, len(part), CHUNK):
        rows = part[start : start + CHUNK]
        own = _unit(images, rows)
        for columns, other in theirs:
            for i, j in np.argwhere(own @ other.T >= ALIKE).tolist():
                if groups[rows[i]] != groups[columns[j]]:
                    found.append((int(rows[i]), int(columns[j])))
    return sorted(found)


def _unit(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Small grey pictures as vectors of length 1 around their mean; zeros where a picture is of one grey. [n, SIDE²]"""
    grey = images[rows].mean(1, dtype=np.float32)
    starts = np.linspace(0, grey.shape[-1], SIDE, endpoint=False).astype(int)
    sizes = np.diff(np.append(starts, grey.shape[-1]))
    across = np.add.reduceat(grey, starts, axis=1) / sizes[None, :, None]
    small = (np.add.reduceat(across, starts, axis=2) / sizes[None, None, :]).reshape(len(rows), -1)
    centred = small - small.mean(1, keepdims=True)
    length = np.sqrt((centred**2).sum(1, keepdims=True))
    found: NDArray[np.float32] = np.where(length > 1.0, centred / np.maximum(length, 1.0), 0.0).astype(np.float32)
    return found
