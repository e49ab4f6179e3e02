"""FGSM and PGD, l2 and l-infinity, for single-label and multi-label models.

Every image has a gradient of its own: it is never divided by the size of its batch, and its length is brought to 1
before it is used, however small it is. PGD keeps the worst of all images it has seen, the clean one among them, so that
more restarts cannot help the defender.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from roskdbench.measuring.attacks.objective import attack_loss, direction
from roskdbench.suite.attack import Loss, Norm
from roskdbench.suite.problems import Task


class _Attacker:
    """Called with images and labels it gives attacked images. The model is in eval mode meanwhile."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """The attacked images."""
        mode = self.model.training
        self.model.eval()
        try:
            return self.forward(images, labels)
        finally:
            self.model.train(mode)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """The attacked images of a model in eval mode."""
        raise NotImplementedError


class FgsmAttacker(_Attacker):
    """One step of the radius's length."""

    def __init__(self, model: nn.Module, task: Task, norm: Norm, radius: float, loss: Loss = "ce") -> None:
        super().__init__(model)
        self.task, self.norm, self.radius, self.loss = task, norm, radius, loss

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """The attacked images."""
        _, gradient = input_gradient(self.model, self.task, self.loss, images, labels)
        return fgsm_step(images, gradient, self.norm, self.radius)


class PgdAttacker(_Attacker):
    """Steps along the gradient from a random start; the worst image is kept, over all restarts."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        norm: Norm,
        radius: float,
        step: float,
        steps: int,
        restarts: int = 1,
        loss: Loss = "ce",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(model)
        self.task, self.norm, self.radius, self.step, self.steps = task, norm, radius, step, steps
        self.restarts, self.loss, self.generator = restarts, loss, generator

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """The attacked images."""
        with torch.no_grad():
            highest = attack_loss(self.task, self.loss, self.model(images), labels)
        worst = images.clone()
        for _ in range(self.restarts):
            start = random_start(images, self.norm, self.radius, self.generator)
            for seen, reached in self.climb(images, labels, start):
                higher = reached > highest
                highest = torch.where(higher, reached, highest)
                worst = torch.where(higher[:, None, None, None], seen, worst)
        return worst

    def climb(self, images: Tensor, labels: Tensor, start: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Each image on the way from `start`, the last one too, with how high it is."""
        here = start
        for _ in range(self.steps):
            logits, gradient = input_gradient(self.model, self.task, self.loss, here, labels)
            yield here, attack_loss(self.task, self.loss, logits, labels)
            here = within(images, here + self.step * unit(gradient, self.norm), self.norm, self.radius)
        with torch.no_grad():
            yield here, attack_loss(self.task, self.loss, self.model(here), labels)


def fgsm_step(images: Tensor, gradient: Tensor, norm: Norm, radius: float) -> Tensor:
    """One step along the gradient, as long as the radius."""
    return within(images, images + radius * unit(gradient, norm), norm, radius)


def input_gradient(model: nn.Module, task: Task, loss: Loss, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The logits, and the gradient of the loss by the pixels, up to a positive factor for each image."""
    return gradient_along(model, images, lambda logits: direction(task, loss, logits, labels))


def gradient_along(model: nn.Module, images: Tensor, towards: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """The logits, and what of the pixels moves them most in the direction [B, C] that `towards` gives for them."""
    images = images.detach().requires_grad_()
    logits = model(images)
    gradient = torch.autograd.grad(logits, images, towards(logits))[0]
    return logits.detach(), gradient


class OneFinding(nn.Module):
    """A model of several findings that is asked for one. In eval mode, as what it asks."""

    def __init__(self, model: nn.Module, place: int) -> None:
        super().__init__()
        self.model, self.place = model, place
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Its logit. [B, 1]"""
        logits: Tensor = self.model(images)
        return logits[:, [self.place]]


def unit(gradient: Tensor, norm: Norm) -> Tensor:
    """Each image's gradient at length 1 in its norm, in the direction that raises most; zero where it is zero."""
    if norm == "linf":
        return gradient.sign()
    flat = gradient.flatten(1)
    largest = flat.abs().amax(1, keepdim=True)
    flat = flat / torch.where(largest > 0, largest, 1.0)  # first, so that squares do not vanish
    length = flat.norm(dim=1, keepdim=True)
    return (flat / torch.where(length > 0, length, 1.0)).view_as(gradient)


def within(images: Tensor, changed: Tensor, norm: Norm, radius: float) -> Tensor:
    """The nearest images in the ball around `images` and, then, with pixels from 0 to 1."""
    change = changed - images
    if norm == "linf":
        change = change.clamp(-radius, radius)
    else:
        length = change.flatten(1).norm(dim=1)
        shorter = torch.where(length > radius, radius / length.clamp(min=1e-30), 1.0)
        change = change * shorter[:, None, None, None]
    return (images + change).clamp(0, 1).detach()


def random_start(images: Tensor, norm: Norm, radius: float, generator: torch.Generator | None) -> Tensor:
    """A random image in the ball: evenly in the cube, or in a random direction for a random part of the radius."""
    shape = images.shape
    if norm == "linf":
        change = (2 * torch.rand(shape, generator=generator) - 1) * radius
    else:
        change = torch.randn(shape, generator=generator)
        part = torch.rand(len(images), generator=generator) * radius / change.flatten(1).norm(dim=1)
        change = change * part[:, None, None, None]
    return (images + change.to(images, non_blocking=True)).clamp(0, 1)
