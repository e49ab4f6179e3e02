"""The loss on a plane through the trained weights, spanned by two random directions (Li et al. 2017).

A direction is drawn from a seed for each parameter by its name, so that models of one architecture share it, and is
then scaled filter by filter to the length of the model's own filter. Biases and the weights of normalisation layers,
which have one dimension, stay where they are.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import RegularGridInterpolator
from torch import Tensor, nn

from roskdbench.fingerprint import seed_for
from roskdbench.measuring.landscape.surface import Parts, mean_loss, unmoved

FINER = 401  # points a side, between those that were computed, on which a basin is measured

Direction = Mapping[str, Tensor]
"""A displacement for each parameter that moves."""


def direction(model: nn.Module, *seed: object) -> Direction:
    """Gaussian, each filter as long as the model's own."""
    found = {}
    for name, weights in model.named_parameters():
        if weights.ndim > 1:
            generator = torch.Generator().manual_seed(seed_for("direction", name, *seed))
            drawn = torch.randn(weights.shape, generator=generator, dtype=weights.dtype).to(weights.device)
            found[name] = drawn * _per_filter(weights.detach()) / _per_filter(drawn)
    return found


def _per_filter(weights: Tensor) -> Tensor:
    """The length of each filter. [F, 1, …]"""
    lengths: Tensor = torch.linalg.vector_norm(weights.flatten(1), dim=1)
    return lengths.view(-1, *[1] * (weights.ndim - 1))


def coordinates(points: int) -> NDArray[np.float64]:
    """An odd number of points from -1 to 1, as many on either side of 0, to the bit."""
    whole = np.arange(points) * 2 - (points - 1)
    return whole / (points - 1)


def plane(
    model: nn.Module,
    parts: Parts,
    first: Direction,
    second: Direction,
    places: NDArray[np.float64],
    report: Callable[[float], None] = lambda done: None,
) -> NDArray[np.float64]:
    """The loss at weights + a first + b second, each point from the trained weights. [b, a]"""
    found = np.empty((len(places), len(places)))
    moving = dict(model.named_parameters())
    with unmoved(model) as trained:
        for row, b in enumerate(places):
            begin = _moved(trained, second, float(b))
            for column, a in enumerate(places):
                with torch.no_grad():
                    for name, value in _moved(begin, first, float(a)).items():
                        moving[name].copy_(value)
                found[row, column] = mean_loss(parts)
            report((row + 1) / len(places))
    return found


def _moved(weights: Direction, along: Direction, far: float) -> Direction:
    """The parameters that a direction moves, moved; untouched ones at 0, so that the centre is the trained model."""
    if far == 0:
        return {name: weights[name] for name in along}
    return {name: torch.add(weights[name], step, alpha=far) for name, step in along.items()}


def basin(losses: NDArray[np.float64], places: NDArray[np.float64], level: float) -> float:
    """The share of the plane around its centre where the loss does not rise above the level. 0 if the centre does."""
    fine = np.linspace(places[0], places[-1], FINER)
    between = RegularGridInterpolator((places, places), losses)
    low = between(tuple(np.meshgrid(fine, fine, indexing="ij"))) <= level
    regions, _ = ndimage.label(low)
    centre = regions[FINER // 2, FINER // 2]
    return float((regions == centre).mean()) if centre else 0.0
