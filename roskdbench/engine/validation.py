"""What a network is scored on while it learns: samples that it does not learn from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ValidationSet:
    """Samples, the images they are among, and the score that logits [n, C] for them get; None where none is defined."""

    images: NDArray[np.uint8]
    samples: NDArray[np.int64]
    score: Callable[[NDArray[np.float32]], float | None]
