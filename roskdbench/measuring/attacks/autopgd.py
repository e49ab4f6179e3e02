"""Auto-PGD (Croce and Hein 2020, algorithm 1): steps along the gradient with momentum, halved where they stop paying.

Steps begin at twice the radius. At a few checkpoints each image is looked at by itself: where too few of the steps
since the last one rose, or where neither the step nor the highest point has changed since, the step is halved and the
climb goes on from the highest point.
"""

from collections.abc import Iterator
from itertools import product
from typing import Self

import torch
from torch import Tensor, nn

from roskdbench.measuring.attacks.goals import Goal
from roskdbench.measuring.attacks.gradient import gradient_along, random_start, unit, within
from roskdbench.suite.attack import Norm

MOMENTUM = 0.75  # the paper's alpha: what is taken of the new step; the rest goes where the last one went
RISING = 0.75  # the paper's rho: the share of steps that must rise
FIRST, SHORTER, SHORTEST = 22, 3, 6  # percent of all steps: to the first checkpoint, less each time, and at least


def checkpoints(steps: int) -> list[int]:
    """After which steps their length is looked at."""
    found, between, percent = [], FIRST, FIRST
    while percent <= 100:
        found.append(-(-percent * steps // 100))  # upwards, and exact
        between = max(between - SHORTER, SHORTEST)
        percent += between
    return list(dict.fromkeys(found))


def ascend(
    model: nn.Module, goal: Goal, images: Tensor, start: Tensor, norm: Norm, radius: float, steps: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Each image on the way from `start`, the last one too, with its logits [B, C]."""
    here = before = start
    logits, gradient = gradient_along(model, here, goal.direction)
    yield here, logits
    reached = goal.loss(logits)
    top, top_gradient, highest = here, gradient, reached
    length = torch.full((len(images), 1, 1, 1), 2 * radius, dtype=images.dtype, device=images.device)
    rises = torch.zeros(len(images), dtype=torch.long, device=images.device)
    last, highest_then, halved = 0, highest, torch.zeros_like(rises, dtype=torch.bool)
    checked = set(checkpoints(steps))
    for step in range(1, steps + 1):
        straight = within(images, here + length * unit(gradient, norm), norm, radius)
        share = MOMENTUM if step > 1 else 1.0
        moved = here + share * (straight - here) + (1 - share) * (here - before)
        before, here = here, within(images, moved, norm, radius)
        if step == steps:
            with torch.no_grad():
                yield here, model(here)
            return
        logits, gradient = gradient_along(model, here, goal.direction)
        yield here, logits
        now = goal.loss(logits)
        rises += now > reached
        higher = now > highest
        top, top_gradient = _chosen(higher, here, top), _chosen(higher, gradient, top_gradient)
        highest, reached = torch.where(higher, now, highest), now
        if step in checked:
            halved = (rises < RISING * (step - last)) | (~halved & (highest <= highest_then))
            length = _chosen(halved, length / 2, length)
            here, gradient = _chosen(halved, top, here), _chosen(halved, top_gradient, gradient)
            reached = torch.where(halved, highest, reached)
            last, highest_then = step, highest
            rises = torch.zeros_like(rises)


class Worst:
    """The worst that was seen of each image: a wrong decision before any right one, and then the highest loss. Of
    several findings there is no one decision, and the loss alone counts.
    """

    def __init__(self, images: Tensor, logits: Tensor, judge: Goal, labels: Tensor | None) -> None:
        self.images, self.judge, self.labels = images.clone(), judge, labels
        self.loss, self.wrong = judge.loss(logits), self._wrong(logits, None)

    def left(self) -> Tensor:
        """Which images no wrong decision was found for, as places."""
        return torch.nonzero(~self.wrong)[:, 0]

    def take(self, rows: Tensor, seen: Tensor, logits: Tensor) -> Self:
        """Look at other forms of some of the images."""
        loss, wrong = self.judge.of(rows).loss(logits), self._wrong(logits, rows)
        worse = (wrong & ~self.wrong[rows]) | ((wrong == self.wrong[rows]) & (loss > self.loss[rows]))
        self.images[rows] = _chosen(worse, seen, self.images[rows])
        self.loss[rows] = torch.where(worse, loss, self.loss[rows])
        self.wrong[rows] |= wrong
        return self

    def _wrong(self, logits: Tensor, rows: Tensor | None) -> Tensor:
        if self.labels is None:
            return torch.zeros(len(logits), dtype=torch.bool, device=logits.device)
        return logits.argmax(1) != (self.labels if rows is None else self.labels[rows])


def worst_images(
    model: nn.Module,
    goals: list[Goal],
    worst: Worst,
    images: Tensor,
    norm: Norm,
    radius: float,
    steps: int,
    restarts: int,
    generator: torch.Generator,
) -> Tensor:
    """The worst images that climbs of each goal met, from so many random starts each. Only the first climb is of all
    images: where it led one with a single label to a wrong decision, no other begins.
    """
    rows = torch.arange(len(images), device=images.device)
    for goal, _ in product(goals, range(restarts)):
        # Drawn for all: where an image starts does not depend on which others are left.
        start = random_start(images, norm, radius, generator)
        for seen, logits in ascend(model, goal.of(rows), images[rows], start[rows], norm, radius, steps):
            worst.take(rows, seen, logits)
        rows = worst.left()
        if not len(rows):
            break
    return worst.images


def _chosen(which: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Image by image."""
    return torch.where(which[:, None, None, None], one, other)
