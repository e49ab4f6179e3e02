"""The inner maximisation that adversarial training has in common: projected ascent within l_inf (Madry et al. 2018).

x_0 = x + noise;  x_(i+1) = P(x_i + step sign(grad L(x_i))), where P cuts back to the ball around x and to [0, 1].

What is adaptation: the papers' radius is 8/255 and their ascent has 10 steps of 2/255, for CIFAR (Madry et al. have 7
of them, TRADES 10 of .007 within .031). This benchmark attacks X-rays and lesions at up to 4/255, so the methods here
train at 4/255, with 5 steps. A step is 2.5 radius / steps unless given, by which the papers' radius and number of steps
have the papers' step. The student is attacked as it would be used: in eval mode.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from pydantic import Field, PositiveInt

from roskdbench import Batch, Generator, Method, Output, Tensor
from roskdbench.suite.attack import Radius

NEARBY = 0.001  # the deviation of a normal start, as TRADES has it and RSLAD and AdaAD after it


class AdversarialMethod(Method):
    """A method whose student learns from images that are changed against it within l_inf."""

    group = "robust"

    radius: Annotated[Radius, Field(le=1)] = 4 / 255
    """How far a pixel may be changed, of a range from 0 to 1; a number or a quotient such as 8/255."""
    steps: PositiveInt = 5
    """How many steps uphill there are."""
    step_size: Radius | None = None
    """How far a step changes a pixel; 2.5 radius / steps if left out."""

    @property
    def step_length(self) -> float:
        """In pixels' units."""
        return self.step_size or 2.5 * self.radius / self.steps

    @property
    def passes(self) -> float:
        """One for the changed images, and two thirds for each step: forward, and backward to the images alone."""
        return 1 + self.steps * 2 / 3


def ascend(
    loss: Callable[[Tensor], Tensor],
    images: Tensor,
    radius: float,
    step_size: float,
    steps: int,
    generator: Generator,
    deviation: float | None = None,
) -> Tensor:
    """Images within the radius of the given ones at which a loss, one number for all of them, is higher. The start is
    uniform in the ball, or normal with a deviation.
    """
    import torch

    lowest, highest = (images - radius).clamp(min=0), (images + radius).clamp(max=1)
    if deviation is None:
        noise = radius * (2 * torch.rand(images.shape, generator=generator) - 1)
    else:
        noise = deviation * torch.randn(images.shape, generator=generator)
    changed = (images + noise.to(images)).clamp(lowest, highest)
    for _ in range(steps):
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(loss(changed.requires_grad_()), changed)
        changed = (changed.detach() + step_size * gradient.sign()).clamp(lowest, highest)
    return changed


def attacked(
    method: AdversarialMethod,
    batch: Batch,
    loss: Callable[[Tensor], Tensor],
    deviation: float | None = None,
) -> Tensor:
    """The batch's images as a method changes them against a loss."""
    return ascend(loss, batch.images, method.radius, method.step_length, method.steps, batch.generator, deviation)


def attacked_labels(method: AdversarialMethod, batch: Batch) -> Tensor:
    """The batch's images as a method changes them against the loss from labels."""
    return attacked(method, batch, lambda images: batch.hard_losses(batch.student(images)).sum())


def divergence_from_teachers(method: Method, batch: Batch) -> Callable[[Tensor], Tensor]:
    """The method's matching as a function of logits, those of changed images, say. The weights are drawn here."""
    weights = batch.weights

    def divergence(logits: Tensor) -> Tensor:
        seen = replace(batch, ask=lambda images: Output(logits))
        seen.weights = weights
        return method.matching.divergence(seen, method.temperature)

    return divergence


def asks_labels(method: Method) -> bool:
    """Whether the blend has a part of the labels: a pass of the clean images."""
    return method.soft_loss.balanced or method.alpha < 1


def blend(method: Method, batch: Batch, soft: Tensor) -> Tensor:
    """The usual loss: a t^2 of a soft part of changed images, and (1 - a) of the labels' loss of the clean ones."""
    if method.soft_loss.balanced:
        return (batch.hard_loss() + batch.soft_scale * soft) / 2
    scaled = method.alpha * method.soft_loss.divisor(method.temperature) ** 2 * soft
    return scaled + (1 - method.alpha) * batch.hard_loss() if asks_labels(method) else scaled
