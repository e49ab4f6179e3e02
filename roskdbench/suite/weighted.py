"""Statistics that count each sample by a weight, so that all draws of a bootstrap are computed at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Weighted:
    """A statistic made of a function of truth, probabilities, decisions and weights [b, n], which say how often each
    sample is in each of b draws. The function gives a value for each draw, NaN where the draw does not define it.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self._function = function

    def __call__(self, truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any]) -> float | None:
        """The statistic of the samples as they are: each counts once. None where it is not defined."""
        import numpy as np

        value = float(self.of_draws(truth, probabilities, decisions, np.ones((1, len(truth))))[0])
        return None if np.isnan(value) else value

    def of_draws(
        self, truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
    ) -> NDArray[np.float64]:
        """Of each draw. [b]"""
        import numpy as np

        found: NDArray[np.float64] = np.asarray(self._function(truth, probabilities, decisions, weights), np.float64)
        if found.shape != (len(weights),):
            raise TypeError(
                f"{self._function.__name__} takes weights [b, n] and should give b values; for b = {len(weights)} it "
                f"gives an array of shape {list(found.shape)}"
            )
        return found


def with_weights(function: Callable[..., Any]) -> Callable[..., float | None]:
    """The statistic that a function is: one that has a parameter `weights` is given all draws at once."""
    from inspect import signature

    return Weighted(function) if "weights" in signature(function).parameters else function
