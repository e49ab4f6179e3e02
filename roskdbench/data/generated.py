"""What small releases are made of: drawn images under made-up names, in the layout of a dataset's official files.

A dataset's `generate` writes them with these, so that anybody can try it out before the data are there.
"""

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIZE = 64


@dataclass(frozen=True)
class Drawn:
    """Drawn images [N, C, SIZE, SIZE] and their labels: findings [N, 8] by ChestX-ray14's names, or classes [N]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.integer]
    groups: NDArray[np.int64]
    """The patient or lesion of each image, numbered in order."""
    sexes: list[str]
    """M or F, by patient."""
    ages: list[int]
    """In years, by patient."""


def films(patients: int, seed: int) -> Drawn:
    """Chest films, one to six of each patient."""
    from roskdbench.data.phantoms import draw_chest

    return _drawn(*draw_chest(6 * patients, SIZE, seed), patients, seed)


def lesions(count: int, seed: int) -> Drawn:
    """Skin lesions, one to four photographs of each."""
    from roskdbench.data.phantoms import draw_lesions

    return _drawn(*draw_lesions(4 * count, SIZE, seed), count, seed)


def _drawn(
    images: NDArray[np.uint8], labels: NDArray[np.integer], groups: NDArray[np.int64], count: int, seed: int
) -> Drawn:
    rows = groups < count
    random = np.random.default_rng([seed, 2])
    sexes = [("F", "M")[each] for each in random.integers(0, 2, count)]
    ages = [int(each) for each in random.integers(18, 95, count)]
    return Drawn(images[rows], labels[rows], groups[rows], sexes, ages)


def write_image(pixels: NDArray[np.unsignedinteger], path: Path) -> None:
    """An image [C, H, W] as a file of the kind that its name says."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)).save(path)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV, gzipped where its name ends in .gz; the same rows give the same bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
