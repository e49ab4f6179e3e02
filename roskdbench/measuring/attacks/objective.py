"""What an attack raises, one number an image, and its direction in logits; neither vanishes where a model is sure.

The cross-entropy of a single-label image is log(1 + exp(s)) with s = logsumexp of the other logits minus the true one,
so it grows with s, and its gradient is that of s times a positive number. Steps have a fixed length, so they are the
same; but s still has a gradient where the cross-entropy's has been rounded to zero. A multi-label image's summed binary
cross-entropies are sum log(1 + exp(s_c)) with s_c the logit away from the label; their gradient is scaled, image by
image, so that the largest of its weights is 1, and their logarithm is compared. A finding whose label is NaN counts for
nothing.
"""

import torch
from torch import Tensor
from torch.nn import functional

from roskdbench.suite.attack import Loss
from roskdbench.suite.problems import Task

SMALL = -20.0  # below it, log(softplus(s)) is s to seven digits


def attack_loss(task: Task, loss: Loss, logits: Tensor, targets: Tensor) -> Tensor:
    """How far each image is input_gradient: a growing function of the loss, image by image. [B]"""
    if task == "single-label":
        true = logits.gather(1, targets[:, None])[:, 0]
        others = _without(logits, targets)
        return (others.amax(1) if loss == "margin" else others.logsumexp(1)) - true
    away, unknown = _away(logits, targets), targets.isnan()
    if loss == "margin":
        return away.masked_fill(unknown, 0.0).sum(1)
    away = away.masked_fill(unknown, -torch.inf)
    return torch.where(away < SMALL, away, functional.softplus(away.clamp(min=SMALL)).log()).logsumexp(1)


def direction(task: Task, loss: Loss, logits: Tensor, targets: Tensor) -> Tensor:
    """The gradient of the loss by the logits, up to a positive factor for each image. [B, C]"""
    logits = logits.detach()
    if task == "single-label":
        others = _without(logits, targets)
        pull = (
            functional.one_hot(others.argmax(1), logits.shape[1]).to(logits) if loss == "margin" else others.softmax(1)
        )
        return pull.scatter(1, targets[:, None], -1.0)
    unknown = targets.isnan()
    sign = (1 - 2 * targets.to(logits)).masked_fill(unknown, 0.0)
    if loss == "margin":
        return sign
    weight = functional.logsigmoid(_away(logits, targets).masked_fill(unknown, -torch.inf))
    highest = weight.amax(1, keepdim=True).masked_fill(unknown.all(1, keepdim=True), 0.0)
    return sign * (weight - highest).exp()


def _without(logits: Tensor, targets: Tensor) -> Tensor:
    """Logits with the true class out of the way."""
    return logits.scatter(1, targets[:, None], -torch.inf)


def _away(logits: Tensor, targets: Tensor) -> Tensor:
    return (1 - 2 * targets.to(logits)) * logits
