"""Looking for a wrong decision on each image, and no further: all that a robust accuracy needs to know.

An image that is decided wrongly is not attacked again: not in later steps and restarts, and not in a larger ball, which
holds whatever was found in a smaller one. So a sweep over growing radii costs little more than its hardest images.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from roskdbench.measuring.attacks.gradient import PgdAttacker, input_gradient, random_start, unit, within
from roskdbench.measuring.attacks.objective import attack_loss


@dataclass
class Found:
    """Images with a wrong decision where one was found, and the worst that was seen of the others."""

    images: Tensor
    wrong: Tensor  # [B] bool

    @classmethod
    def clean(cls, attacker: PgdAttacker, images: Tensor, labels: Tensor) -> "Found":
        """Where a search begins."""
        with torch.no_grad():
            return cls(images.clone(), attacker.model(images).argmax(1) != labels)


def search(attacker: PgdAttacker, images: Tensor, labels: Tensor, known: Found) -> Found:
    """What the attacker finds on the images that are not `known` to be decided wrongly. For single-label models."""
    found = Found(known.images.clone(), known.wrong.clone())
    highest = torch.full((len(images),), -torch.inf, dtype=images.dtype, device=images.device)
    for _ in range(attacker.restarts):
        # Drawn for all: where an image starts does not depend on which others are left.
        here = random_start(images, attacker.norm, attacker.radius, attacker.generator)
        left = torch.nonzero(~found.wrong)[:, 0]
        here = here[left]
        for step in range(attacker.steps + 1):
            if not len(left):
                return found
            logits, gradient = input_gradient(attacker.model, attacker.task, attacker.loss, here, labels[left])
            reached = attack_loss(attacker.task, attacker.loss, logits, labels[left])
            wrong = logits.argmax(1) != labels[left]
            worse = wrong | (reached > highest[left])
            found.images[left] = torch.where(worse[:, None, None, None], here, found.images[left])
            highest[left], found.wrong[left] = torch.where(worse, reached, highest[left]), wrong
            right = torch.nonzero(~wrong)[:, 0]
            left, here, gradient = left[right], here[right], gradient[right]
            if step < attacker.steps:
                moved = here + attacker.step * unit(gradient, attacker.norm)
                here = within(images[left], moved, attacker.norm, attacker.radius)
    return found
