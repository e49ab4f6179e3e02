"""Images of classes that are told apart by a pattern each: what generated releases hold where drawn films and lesions
would be of the wrong kind.
"""

import numpy as np
from numpy.typing import NDArray

CELL = 4  # pixels
STRENGTH, NOISE = 40.0, 20.0
BLOCK = 4096  # images


def patterns(flags: NDArray[np.integer], colours: int, size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """An image [N, H, W, C] for each row of `flags` [N, classes]: grey, with the pattern of every class that is marked,
    and noise.
    """
    cells = -(-size // CELL)
    of_class = random.normal(0.0, STRENGTH, (flags.shape[1], cells, cells, colours))
    images = np.empty((len(flags), size, size, colours), np.uint8)
    for start in range(0, len(flags), BLOCK):
        coarse = np.tensordot(flags[start : start + BLOCK].astype(float), of_class, 1)
        fine = coarse.repeat(CELL, axis=1).repeat(CELL, axis=2)[:, :size, :size]
        images[start : start + BLOCK] = np.clip(128 + fine + random.normal(0.0, NOISE, fine.shape), 0, 255)
    return images
