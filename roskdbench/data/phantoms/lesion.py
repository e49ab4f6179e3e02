"""`phantom-lesion`: eight kinds of drawn skin lesion, told apart by asymmetry, border, colour and texture.

Classes are as unbalanced as in ISIC 2019. A lesion is photographed one to four times: its shape stays, the pose, the
light and the skin around it change, so a model has to look at structure and not at pixels.
"""

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.phantoms.canvas import (
    Field,
    blob,
    cloud,
    column,
    coordinates,
    grain,
    groups_by_lot,
    stacks,
    step,
    to_uint8,
)

CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")
PREVALENCE = np.array([4522, 12875, 3323, 867, 2624, 239, 253, 628]) / 25331  # ISIC 2019's label file
# What makes a class: means of the traits, one column a class in the order above. Traits of single lesions scatter.
TRAITS = {
    "elongation": [0.42, 0.12, 0.22, 0.30, 0.25, 0.10, 0.15, 0.45],
    "raggedness": [0.26, 0.05, 0.10, 0.16, 0.08, 0.05, 0.05, 0.24],
    "darkness": [0.62, 0.48, 0.26, 0.22, 0.42, 0.34, 0.48, 0.34],
    "redness": [0.18, 0.16, 0.50, 0.66, 0.20, 0.32, 0.95, 0.62],
    "variegation": [0.85, 0.20, 0.30, 0.30, 0.35, 0.15, 0.20, 0.45],
    "network": [0.45, 0.50, 0.00, 0.05, 0.10, 0.25, 0.00, 0.05],
    "globules": [0.15, 0.08, 0.10, 0.05, 0.75, 0.05, 0.55, 0.10],
    "scale": [0.05, 0.03, 0.10, 0.75, 0.20, 0.08, 0.03, 0.70],
    "scar": [0.05, 0.00, 0.15, 0.05, 0.05, 0.80, 0.00, 0.40],
    "vessels": [0.05, 0.02, 0.80, 0.20, 0.03, 0.05, 0.10, 0.25],
}
SCATTER = 0.11  # of a trait between lesions of one class
SHOTS = 4  # of a lesion, at most
HARMONICS = 5  # of the border


def draw_lesions(samples: int, size: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Images [N, 3, size, size], classes [N] and lesions [N]."""
    random = np.random.default_rng(seed)
    lesion = groups_by_lot(random, samples, SHOTS)
    lesions = int(lesion[-1]) + 1
    kinds = _balanced_classes(random, lesions)
    traits = {
        name: np.clip(np.array(means)[kinds] + random.normal(0, SCATTER, lesions), 0, 1).astype(np.float32)
        for name, means in TRAITS.items()
    }
    shape = random.normal(0, 1, (lesions, HARMONICS, 2)).astype(np.float32)
    images = np.empty((samples, 3, size, size), dtype=np.uint8)
    for part in stacks(samples, size):
        rows = lesion[part]
        chosen = {name: values[rows] for name, values in traits.items()}
        images[part] = _photograph(random, chosen, shape[rows], size)
    return images, kinds[lesion], lesion


def _balanced_classes(random: np.random.Generator, lesions: int) -> NDArray[np.int64]:
    """A class for each lesion, in ISIC's shares as exactly as rounding allows and at least four of each where there
    is room: a class with fewer could not stand in every part of a split.
    """
    least = min(4, lesions // len(CLASSES))
    counts = np.maximum(np.floor(PREVALENCE * lesions), least).astype(int)
    counts[np.argmax(counts)] += lesions - counts.sum()
    return random.permutation(np.repeat(np.arange(len(CLASSES)), counts)).astype(np.int64)


def _photograph(random: np.random.Generator, traits: dict[str, Field], shape: Field, size: int) -> NDArray[np.uint8]:
    """One picture of each lesion described. [n, 3, size, size]"""
    count = len(shape)
    x, y = coordinates(
        size,
        shift=random.uniform(-0.35, 0.35, (count, 2)),
        angle=random.uniform(-np.pi, np.pi, count),
        zoom=random.uniform(0.55, 1.2, count),
    )
    trait = {name: column(values) for name, values in traits.items()}
    stretch = 1 + trait["elongation"]
    radius, turn = np.hypot(x / stretch, y * stretch), np.arctan2(y, x)
    border = np.full_like(radius, 0.55)
    for harmonic in range(HARMONICS):
        wave = np.cos((harmonic + 2) * turn + column(shape[:, harmonic, 0]) * np.pi)
        border += 0.55 * trait["raggedness"] * column(shape[:, harmonic, 1]) * wave
    inside = step(border - radius, 0.05)

    mottle = cloud(random, count, size, 4)
    second = step(cloud(random, count, size, 3) - 0.4, 0.3) * trait["variegation"]
    mesh = np.abs(np.sin(14 * x)) * np.abs(np.sin(14 * y))
    dots = step(np.sin(9 * x + 1) * np.sin(9 * y + 2) - 0.35, 0.1)
    flakes = step(cloud(random, count, size, max(size // 3, 4)) - 0.8, 0.3)
    scar = blob(x, y, 0.28, 0.28)
    vessel = step(0.09 - np.abs(y - 0.3 * np.sin(5 * x + column(shape[:, 0, 0]))), 0.04)
    vessel = np.maximum(vessel, step(0.07 - np.abs(x - 0.25 * np.sin(6 * y)), 0.04))

    dark = trait["darkness"] * (0.85 + 0.12 * mottle) + 0.35 * second - 0.25 * trait["network"] * mesh
    dark = dark + 0.3 * trait["globules"] * dots - 0.45 * trait["scar"] * scar - 0.45 * trait["scale"] * flakes
    red = trait["redness"] * (1 - 0.5 * trait["scar"] * scar) + 0.6 * trait["vessels"] * vessel
    blue = 0.5 * second

    tone = column(random.uniform(0.55, 0.95, count))
    light = column(random.uniform(0.75, 1.15, count))
    slope = column(random.normal(0, 0.12, count)) * x + column(random.normal(0, 0.12, count)) * y
    cast = random.normal(0, 0.05, (3, count))  # of the lamp
    skin = (tone, tone * 0.78, tone * 0.68)
    absorbed = (dark * 0.75 - 0.1 * red, dark * 0.95 + 0.3 * red, dark * 1.0 + 0.28 * red - 0.35 * blue)
    hair = _hair(random, x, y)
    channels = []
    for band, (base, loss) in enumerate(zip(skin, absorbed, strict=True)):
        value = base * (1 - inside * np.clip(loss, -0.1, 0.95)) * (light + slope)
        value = value + column(cast[band]) - 0.25 * hair * base
        channels.append(value + 0.03 * grain(random, value))
    return np.stack([to_uint8(channel) for channel in channels], axis=1)


def _hair(random: np.random.Generator, x: Field, y: Field) -> Field:
    """One dark curved line across about half of the images."""
    count = len(x)
    present = column((random.random(count) < 0.5).astype(np.float32))
    bend, place = column(random.normal(0, 0.5, count)), column(random.uniform(-0.8, 0.8, count))
    return present * step(0.03 - np.abs(y - place - bend * x * x), 0.02)
