"""The straight line between two readings of one training, such as Baseline V and RoS-KD: where is the lower ground?

Parameters and floating buffers, the statistics of BatchNorm among them, move together.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from roskdbench.measuring.landscape.surface import unmoved

Seen = TypeVar("Seen")


def walk(
    model: nn.Module,
    start: Mapping[str, Tensor],
    end: Mapping[str, Tensor],
    places: NDArray[np.float64],
    look: Callable[[], Seen],
) -> list[Seen]:
    """What is seen at each place: 0 is the start's weights to the bit, 1 the end's."""
    seen = []
    with unmoved(model) as kept:
        moving = model.state_dict(keep_vars=True)
        for place in places:
            with torch.no_grad():
                for name in kept.keys() & start.keys():
                    moving[name].copy_(_between(start[name], end[name], float(place)))
            seen.append(look())
    return seen


def _between(start: Tensor, end: Tensor, place: float) -> Tensor:
    if place in (0.0, 1.0):
        return end if place else start
    return (1 - place) * start + place * end


def barrier(losses: NDArray[np.float64], places: NDArray[np.float64]) -> float:
    """How far the loss between the ends rises above the straight line between their losses; 0 if nowhere."""
    inside = (places >= 0) & (places <= 1)
    within = places[inside]
    chord = np.interp(within, [0, 1], [losses[places == 0][0], losses[places == 1][0]])
    return float(np.maximum(losses[inside] - chord, 0).max())
