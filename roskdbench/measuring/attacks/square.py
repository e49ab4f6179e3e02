"""An attack that never asks for a gradient: random squares, kept where they raise the loss (after Andriushchenko et al.
2020, l-infinity). What it finds and a gradient does not is a sign that the gradient leads astray.
"""

import torch
from torch import Tensor, nn

from roskdbench.measuring.attacks.objective import attack_loss
from roskdbench.suite.problems import Task

FIRST_SHARE = 0.3  # of the image, that the first squares cover
HALVINGS = (0.05, 0.15, 0.3, 0.5, 0.7)  # parts of the queries after which a square covers half as much


def squares(
    model: nn.Module,
    task: Task,
    images: Tensor,
    labels: Tensor,
    radius: float,
    queries: int,
    generator: torch.Generator,
) -> Tensor:
    """The worst images found within the radius of each pixel."""
    count, channels, side, _ = images.shape
    stripes = torch.randint(0, 2, (count, channels, 1, side), generator=generator) * 2.0 - 1
    worst = (images + radius * stripes.to(images)).clamp(0, 1)
    with torch.no_grad():
        highest = attack_loss(task, "margin", model(worst), labels)
        clean = attack_loss(task, "margin", model(images), labels)
        worst = torch.where((clean > highest)[:, None, None, None], images, worst)
        highest = torch.maximum(highest, clean)
        for query in range(queries):
            share = FIRST_SHARE * 0.5 ** sum(query >= part * queries for part in HALVINGS)
            width = max(1, min(side, round(share**0.5 * side)))
            corner = torch.randint(0, side - width + 1, (count, 2), generator=generator).to(images.device)
            signs = (torch.randint(0, 2, (count, channels, 1, 1), generator=generator) * 2.0 - 1).to(images)
            # Above 0, the decision on a single label is wrong: there is no more to find.
            undecided = highest <= 0 if task == "single-label" else torch.ones_like(highest, dtype=torch.bool)
            left = torch.nonzero(undecided)[:, 0]
            if not len(left):
                break
            moved = (images[left] + radius * signs[left]).clamp(0, 1)
            tried = torch.where(_inside(corner[left], width, side), moved, worst[left])
            reached = attack_loss(task, "margin", model(tried), labels[left])
            higher = reached > highest[left]
            highest[left] = torch.where(higher, reached, highest[left])
            worst[left] = torch.where(higher[:, None, None, None], tried, worst[left])
    return worst


def _inside(corner: Tensor, width: int, side: int) -> Tensor:
    """Which pixels are in each image's square. [B, 1, side, side]"""
    place = torch.arange(side, device=corner.device)
    inside = (place >= corner[..., None]) & (place < corner[..., None] + width)  # [B, 2, side]
    return (inside[:, 0, :, None] & inside[:, 1, None, :])[:, None]
