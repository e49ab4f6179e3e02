"""The device that phantoms are taken with, and who was before it.

Scanner `a` gives images as they are drawn. Scanner `b` is another make: coarser optics, another tone curve, a darker
rim, and for colours another white. It changes what a model meets and nothing of what is shown. Sex and age are drawn by
lot and have no effect on images at all: groups by them differ by chance alone.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.phantoms.canvas import groups_by_lot, stacks

Scanner = Literal["a", "b", "both"]
GAMMA = 0.7
RIM = 0.35  # how much darker a corner is
WHITE = (1.0, 0.92, 0.8)  # what white is to it


def second_scanner(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images [N, C, S, S] as scanner `b` would have taken them, each a function of itself alone."""
    found = np.empty_like(images)
    channels, size = images.shape[1], images.shape[-1]
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    light = 1 - RIM * (axis[:, None] ** 2 + axis[None, :] ** 2) / 2
    white = np.array(WHITE if channels == 3 else (1.0,), np.float32)[:, None, None]
    for rows in stacks(len(images), size):
        soft = _blurred(images[rows].astype(np.float32) / 255)
        found[rows] = (np.clip(soft**GAMMA * light * white, 0, 1) * 255 + 0.5).astype(np.uint8)
    return found


def _blurred(images: NDArray[np.floating]) -> NDArray[np.floating]:
    """Each pixel with a quarter of its neighbours on both sides, along either axis."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    across = padded[..., :, :-2] / 4 + padded[..., :, 1:-1] / 2 + padded[..., :, 2:] / 4
    found: NDArray[np.floating] = across[..., :-2, :] / 4 + across[..., 1:-1, :] / 2 + across[..., 2:, :] / 4
    return found


def people(samples: int, most: int, seed: int, scanner: Scanner | None) -> dict[str, list[str]]:
    """Sex, age and scanner of each sample, the same for all samples of a group."""
    from roskdbench.data.attributes import age_band

    group = groups_by_lot(np.random.default_rng(seed), samples, most)
    random = np.random.default_rng([seed, 3])
    sexes, ages, devices = random.random(samples), random.integers(18, 95, samples), random.random(samples)
    by_lot = np.where(devices < 0.5, "a", "b")
    found = {
        "sex": np.where(sexes < 0.5, "female", "male")[group].tolist(),
        "age": [age_band(str(age)) for age in ages[group].tolist()],
    }
    return {**found, "scanner": by_lot[group].tolist()} if scanner == "both" else found


def taken_with(images: NDArray[np.uint8], scanner: Scanner | None, of: dict[str, list[str]]) -> NDArray[np.uint8]:
    """The images as the scanner, or of both each sample's own, gives them."""
    if scanner in (None, "a"):
        return images
    if scanner == "b":
        return second_scanner(images)
    other = np.array(of["scanner"]) == "b"
    return np.where(other[:, None, None, None], second_scanner(images), images)
