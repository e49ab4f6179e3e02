"""The loss of a model over fixed images. Whatever looks at a landscape asks for it anew after it moved the weights."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from roskdbench.engine.device import ComputeConfig
from roskdbench.method.losses import hard_losses
from roskdbench.suite.problems import Task

BATCH, SIDE = 250, 64  # so many images of that side; of larger ones fewer, so that a graph takes no more memory

Parts = Callable[[], Iterable[Tensor]]
"""Scalars that sum to the loss at the weights as they stand, a batch each: no more than one batch's graph is held."""


class Surface:
    """The mean loss of a model, in eval mode, over images in [0, 1] and their targets."""

    def __init__(self, model: nn.Module, task: Task, images: Tensor, targets: Tensor) -> None:
        self.model, self.task, self.images, self.targets = model.eval(), task, images, targets
        self.count, self.device = len(images), images.device
        self.batch = max(1, min(BATCH, BATCH * SIDE**2 // (images.shape[-1] * images.shape[-2])))

    def lay_out(self, form: ComputeConfig) -> None:
        """Take the images into the form that the model was laid out for."""
        self.images = form.images(self.images)

    def __call__(self) -> Iterator[Tensor]:
        """Each batch's part of the mean loss."""
        for images, targets in zip(
            torch.split(self.images, self.batch), torch.split(self.targets, self.batch), strict=True
        ):
            yield hard_losses(self.task, self.model(images), targets).sum() / self.count

    def logits(self) -> Tensor:
        """Of all images. [n, C]"""
        with torch.inference_mode():
            return torch.cat([self.model(images) for images in torch.split(self.images, self.batch)])


def mean_loss(parts: Parts) -> float:
    """The loss, without a graph."""
    with torch.inference_mode():
        return sum(part.double().item() for part in parts())


@contextmanager
def unmoved(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """A copy of the parameters and floating buffers by name; they are put back to the bit at the end."""
    places = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    kept = {name: place.detach().clone() for name, place in places.items() if place.is_floating_point()}
    try:
        yield kept
    finally:
        with torch.no_grad():
            for name, value in kept.items():
                places[name].copy_(value)
