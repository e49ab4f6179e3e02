"""`phantom-chest`: drawn chest films with eight findings, as rare and as mixed as in ChestX-ray14.

A patient has one to six films; what was found once tends to be found again. Findings are structure: the width of the
heart, the level of an effusion, bands, patches, spots, an airless rim. Exposure, pose and ribs vary freely.
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

CLASSES = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
)
# Of the 112,120 images of ChestX-ray14's label file; 58.4 % carry none of the eight.
PREVALENCE = np.array([11559, 2776, 13317, 19894, 5782, 6331, 1431, 5302]) / 112120
WITHOUT_FINDING = 0.584
FILMS = 6  # of a patient, at most
PERSISTENCE = 0.7  # the chance that a patient's next film shows what the last one did


def draw_chest(samples: int, size: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Images [N, 1, size, size], findings [N, 8] and patients [N]."""
    random = np.random.default_rng(seed)
    patient = groups_by_lot(random, samples, FILMS)
    findings = _findings(random, patient)
    images = np.empty((samples, 1, size, size), dtype=np.uint8)
    for rows in stacks(samples, size):
        images[rows, 0] = _expose(random, findings[rows].astype(np.float32), size)
    return images, findings, patient


def _findings(random: np.random.Generator, patient: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Findings [N, 8]: fresh draws from NIH's prevalences, or the patient's last film again."""
    samples = len(patient)
    ill = random.random(samples) > WITHOUT_FINDING
    chance = _chance_given_ill(PREVALENCE / (1 - WITHOUT_FINDING))
    fresh = random.random((samples, len(CLASSES))) < chance
    empty = ill & ~fresh.any(axis=1)
    while empty.any():
        fresh[empty] = random.random((int(empty.sum()), len(CLASSES))) < chance
        empty = ill & ~fresh.any(axis=1)
    fresh &= ill[:, None]
    findings = fresh.astype(np.uint8)
    repeats = (random.random(samples) < PERSISTENCE) & (np.diff(patient, prepend=-1) == 0)
    for row in np.flatnonzero(repeats):
        findings[row] = findings[row - 1]
    return findings


def _chance_given_ill(wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Independent chances whose draws, kept only where something was found, have the wanted prevalences."""
    chance = wanted.copy()
    for _ in range(200):
        chance = wanted * (1 - np.prod(1 - chance))
    return chance


def _expose(random: np.random.Generator, findings: Field, size: int) -> NDArray[np.uint8]:
    """One film for each row of findings. [n, size, size]"""
    count = len(findings)
    has = {name: column(findings[:, number]) for number, name in enumerate(CLASSES)}
    x, y = coordinates(
        size,
        shift=random.uniform(-0.2, 0.2, (count, 2)),
        angle=random.normal(0, 0.12, count),
        zoom=random.uniform(0.75, 1.15, count),
    )
    side = column(random.choice([-1.0, 1.0], count))  # the lung that is ill

    def somewhere(low: float, high: float) -> Field:
        return column(random.uniform(low, high, count))

    collapse = has["Atelectasis"] * somewhere(0.15, 0.3)
    ill_lung = blob(x * side - 0.45, y + 0.05 + collapse, 0.36, 0.72 - collapse)
    other_lung = blob(-x * side - 0.45, y + 0.05, 0.36, 0.72)
    lungs = np.maximum(ill_lung, other_lung)
    ribs = 0.07 * np.sin(16 * (y + 0.25 * x * x)) + 0.03 * np.sin(31 * (y + 0.2 * x * x))
    film = 0.72 - 0.5 * lungs + ribs * (0.4 + 0.6 * lungs) + 0.16 * blob(x, y, 0.14, 1.2)

    heart = somewhere(0.30, 0.40) + has["Cardiomegaly"] * somewhere(0.18, 0.3)
    film = film + 0.34 * blob(x - 0.1, y - 0.32, heart, 0.36)

    level = somewhere(0.10, 0.45)
    fluid = step(y - level - 0.25 * (x * side - 0.45) ** 2, 0.04) * step(x * side - 0.05, 0.05)
    film = film + has["Effusion"] * 0.42 * fluid * step(0.75 - y, 0.1) * blob(x * side - 0.45, y, 0.42, 0.95)

    patches = step(cloud(random, count, size, 9) - 0.35, 0.35)
    region = blob(x * side - 0.45, y - somewhere(-0.4, 0.3), 0.4, 0.42, 0.4)
    film = film + has["Infiltration"] * 0.45 * patches * region * lungs

    band = step(0.05 - np.abs(y - 0.15 + 0.5 * (x * side - 0.4) * somewhere(-1, 1)), 0.03)
    film = film + has["Atelectasis"] * 0.35 * band * ill_lung

    place_x, place_y = somewhere(0.3, 0.6), somewhere(-0.45, 0.25)
    film = film + has["Mass"] * 0.45 * blob(x * side - place_x, y - place_y, 0.17, 0.17)
    for _ in range(2):
        spot = blob(x * side - somewhere(0.25, 0.65), y - somewhere(-0.5, 0.35), 0.09, 0.09, 0.3)
        film = film + has["Nodule"] * 0.5 * spot
    lobe = blob(x * side - 0.45, y - somewhere(-0.35, 0.2), 0.33, 0.24, 0.3)
    film = film + has["Pneumonia"] * 0.36 * lobe * (0.85 + 0.2 * cloud(random, count, size, 6))

    rim = ill_lung * step(x * side - somewhere(0.5, 0.62), 0.03)
    line = step(0.025 - np.abs(x * side - 0.55 - 0.1 * y * y), 0.015) * ill_lung
    film = film - has["Pneumothorax"] * (0.2 * rim + ribs * rim) + has["Pneumothorax"] * 0.35 * line

    contrast, exposure = somewhere(0.6, 1.2), somewhere(-0.2, 0.2)
    film = 0.5 + contrast * (film - 0.5) + exposure + column(random.normal(0, 0.06, count)) * x
    return to_uint8(film + 0.035 * grain(random, film))
