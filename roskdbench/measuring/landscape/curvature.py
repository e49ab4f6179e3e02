"""How sharply the loss bends at the trained weights: epsilon-sharpness and the top eigenvalue of the Hessian."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from roskdbench.fingerprint import seed_for
from roskdbench.measuring import EPSILON
from roskdbench.measuring.landscape.surface import Parts, mean_loss, unmoved

ASCENT = 10  # steps
ITERATIONS = 60  # of the power method
TOLERANCE = 1e-3

Vector = list[Tensor]  # a number for each weight, shaped as the parameters are


def sharpness(model: nn.Module, parts: Parts, seed: int, epsilon: float = EPSILON) -> float:
    """Keskar et al.'s: the largest rise of the loss within |d_i| <= epsilon (|w_i| + 1), in percent of 1 + loss.

    The rise is looked for by sign steps from the weights and from a random corner of the box; it is a lower bound.
    """
    weights = list(model.parameters())
    lowest = mean_loss(parts)
    highest = lowest
    generator = torch.Generator().manual_seed(seed_for("sharpness", seed))
    with unmoved(model):
        centre = [each.detach().clone() for each in weights]
        reach = [epsilon * (each.abs() + 1) for each in centre]
        corner = [
            (torch.randint(0, 2, each.shape, generator=generator) * 2 - 1).to(each) * far
            for each, far in zip(centre, reach, strict=True)
        ]
        for start in ([torch.zeros_like(each) for each in centre], corner):
            moved = start
            for _ in range(ASCENT):
                _put(weights, [here + step for here, step in zip(centre, moved, strict=True)])
                loss, gradient = _slope(weights, parts)
                highest = max(highest, loss)
                moved = [
                    (step + far / 2 * up.sign()).clamp(min=-far, max=far)
                    for step, far, up in zip(moved, reach, gradient, strict=True)
                ]
            _put(weights, [here + step for here, step in zip(centre, moved, strict=True)])
            highest = max(highest, mean_loss(parts))
    return 100 * (highest - lowest) / (1 + lowest)


class Eigenvalue(NamedTuple):
    """The largest eigenvalue, and |Hv - value v| / |value| for its vector: how far the search had come."""

    value: float
    residual: float


def top_eigenvalue(
    model: nn.Module, parts: Parts, seed: int, tolerance: float = TOLERANCE, iterations: int = ITERATIONS
) -> Eigenvalue:
    """The largest eigenvalue of the loss's Hessian, by the power method.

    The method finds the one of the largest size. Where that is negative, the Hessian is shifted by it and the method
    is run again.
    """
    found = _power(model, parts, 0.0, seed, tolerance, iterations)
    return found if found.value >= 0 else _power(model, parts, found.value, seed, tolerance, iterations)


def _power(model: nn.Module, parts: Parts, shift: float, seed: int, tolerance: float, iterations: int) -> Eigenvalue:
    weights = list(model.parameters())
    generator = torch.Generator().manual_seed(seed_for("eigenvector", seed))
    vector = [torch.randn(each.shape, generator=generator, dtype=each.dtype).to(each.device) for each in weights]
    vector = _scaled(vector, 1 / _dot(vector, vector) ** 0.5)
    value = residual = float("inf")
    for _ in range(iterations):
        image = [here - shift * there for here, there in zip(_bent(weights, parts, vector), vector, strict=True)]
        before, value = value, _dot(image, vector)
        length = _dot(image, image) ** 0.5
        if length == 0:
            return Eigenvalue(shift, 0.0)
        residual = max(length**2 - value**2, 0.0) ** 0.5
        if abs(value - before) <= tolerance * abs(value):
            break
        vector = _scaled(image, 1 / length)
    whole = value + shift
    return Eigenvalue(whole, residual / abs(whole) if whole else 0.0)


def _slope(weights: Sequence[nn.Parameter], parts: Parts) -> tuple[float, Vector]:
    loss, slope = 0.0, [torch.zeros_like(each) for each in weights]
    for part in parts():
        gradients = torch.autograd.grad(part, weights, allow_unused=True)
        loss += float(part.detach().double())
        slope = [total if one is None else total + one for total, one in zip(slope, gradients, strict=True)]
    return loss, slope


def _bent(weights: Sequence[nn.Parameter], parts: Parts, vector: Vector) -> Vector:
    """The Hessian times a vector."""
    found = [torch.zeros_like(each) for each in weights]
    for part in parts():
        gradients = torch.autograd.grad(part, weights, create_graph=True, allow_unused=True)
        pairs = [(one, along) for one, along in zip(gradients, vector, strict=True) if one is not None]
        along_vector = torch.stack([(one * along).sum() for one, along in pairs]).sum()
        if along_vector.requires_grad:
            second = torch.autograd.grad(along_vector, weights, allow_unused=True)
            found = [total if one is None else total + one for total, one in zip(found, second, strict=True)]
    return found


def _put(weights: Sequence[nn.Parameter], values: Vector) -> None:
    with torch.no_grad():
        for place, value in zip(weights, values, strict=True):
            place.copy_(value)


def _dot(one: Vector, other: Vector) -> float:
    return float(sum((a.double() * b.double()).sum() for a, b in zip(one, other, strict=True)))


def _scaled(vector: Vector, by: float) -> Vector:
    return [each * by for each in vector]
