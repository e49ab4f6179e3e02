"""What a training meets in an epoch: views of its samples and their labels, mixed with others' where it says so.

All of it is a pure function of (seed, view, position), mixup too: a bank knows what teachers say of mixed images.
"""

import torch
from torch import Tensor
from torch.nn import functional

from roskdbench.engine.examples import Examples
from roskdbench.engine.recipe import Recipe
from roskdbench.fingerprint import seed_for
from roskdbench.suite.problems import Task


class EpochViews:
    """The samples of a training in one view."""

    def __init__(self, examples: Examples, recipe: Recipe, seed: int, view: int) -> None:
        self._examples, self._recipe, self._seed, self._view = examples, recipe, seed, view
        self._mixed = mixed_with(len(examples), seed, view, recipe.mixup, examples.device) if recipe.mixup else None

    def images(self, positions: Tensor, other: int = 0) -> Tensor:
        """The views of the samples at these positions, or the k-th other views of them. [B, C, H, W]"""
        own = self._views(positions, other)
        if self._mixed is None:
            return own
        partners, shares = self._mixed
        share = shares[positions][:, None, None, None]
        return share * own + (1 - share) * self._views(partners[positions], other)

    def targets(self, targets: Tensor, task: Task, classes: int) -> Tensor:
        """The labels of all samples, mixed as the images are. [n] or [n, C]"""
        if self._mixed is None:
            return targets
        own, (partners, shares) = as_shares(targets, task, classes), self._mixed
        return shares[:, None] * own + (1 - shares[:, None]) * own[partners]

    def _views(self, positions: Tensor, other: int) -> Tensor:
        seed = seed_for("another view", other, self._seed) if other else self._seed
        return self._examples.views(positions, self._view, seed, self._recipe.augmentation)


def mixed_with(count: int, seed: int, view: int, concentration: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Of each of n samples the one it is mixed with, by a permutation, and the share that stays its own, by Beta(a, a):
    the greater of the two, as each pair is as likely in either order (mixup: Zhang et al. 2018).
    """
    generator = torch.Generator().manual_seed(seed_for("mixup", seed, view))
    partners = torch.randperm(count, generator=generator)
    pairs = torch.full((count, 2), concentration, dtype=torch.float64)
    shares = torch._sample_dirichlet(pairs, generator=generator).amax(1).float()
    return partners.to(device), shares.to(device)


def as_shares(targets: Tensor, task: Task, classes: int) -> Tensor:
    """Labels as shares of classes, or as chances of findings, NaN where they are unknown. [n, C]"""
    if task == "single-label" and not targets.is_floating_point():
        return functional.one_hot(targets, classes).float()
    return targets.float()
