"""What bootstrap draws say of a row's runs: how far their test images move each of them, and how far their mean."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class DrawnRuns:
    """A number of a row, or its difference from another's, in every draw of each run."""

    whole: NDArray[np.float64]
    """[R, D]"""
    common: NDArray[np.float64] | None = None
    """The part of it that comes from images on which all runs are tested. [R, D]; None where there are none."""
    shared: float = 0.0
    """The size of the runs' own test parts over that of their training parts; 0 where they have none of their own."""

    def __sub__(self, other: "DrawnRuns") -> "DrawnRuns":
        common = None if self.common is None or other.common is None else self.common - other.common
        return DrawnRuns(self.whole - other.whole, common, self.shared)

    @property
    def of_common_images(self) -> float:
        """The variance that these give the mean over runs: more runs do not make it less."""
        return 0.0 if self.common is None else float(np.nanvar(self.common.mean(0)))

    @property
    def of_own_images(self) -> float:
        """The variance that its own test part gives a run. That part is drawn apart from what all have in common."""
        common = 0.0 if self.common is None else float(np.nanvar(self.common, axis=1).mean())
        return max(0.0, float(np.nanvar(self.whole, axis=1).mean()) - common)

    @property
    def is_share(self) -> bool:
        """Whether it is a score from 0 to 1, as far as draws tell."""
        return bool(np.nanmin(self.whole) >= 0 and np.nanmax(self.whole) <= 1)
