"""Whether an attack can be believed: signs that a model hides its gradient instead of being robust (Athalye et al.
2018).

Each check compares shares of right decisions on the same images. A single-label decision is the largest logit, a
multi-label one is each finding at 0.5. On a single label other attacks are tried where PGD failed: they are stronger if
they break more than a few of these images.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from roskdbench.attacks.fgsm import Fgsm
from roskdbench.attacks.pgd import Pgd
from roskdbench.measuring import SAME_OF_ALL
from roskdbench.measuring.attacks import names
from roskdbench.measuring.attacks.attacking import Target, attack, logits_of, pgd, robust
from roskdbench.measuring.attacks.square import squares

TOLERANCE = 0.02  # of the decisions: what a check may be missed by
LARGE = 0.5  # grey, an image of any other can be made of it
QUERIES = 200
ZERO_ALLOWED = 0.1  # of the images


@dataclass(frozen=True)
class Check:
    """A check: what should hold, and the two shares it compares."""

    name: str
    holds: bool
    found: float
    bound: float


def checks(
    target: Target,
    reference: Pgd,
    substitute: nn.Module | None,
    attacked_logits: NDArray[Any] | None = None,
    report: Callable[[float], None] = lambda done: None,
) -> list[Check]:
    """All checks of the reference attack, taken with cross-entropy. Without a substitute model, nothing is said of
    transfer. `attacked_logits` are the target's logits under that attack, for who has them already.
    """
    radius, norm = reference.radius, reference.norm
    plain = reference.model_copy(update={"loss": "ce"})
    # Where PGD's survivors are attacked, they have had their first restarts already.
    restarts = plain.restarts + (target.task == "multi-label")
    harder = plain.model_copy(update={"steps": 2 * plain.steps, "restarts": restarts, "step": plain.step_length})
    margin = plain.model_copy(update={"loss": "margin"})
    fgsm = Fgsm(norm=norm, radius=radius)
    pixels = int(np.prod(target.images.shape[1:]))
    large = LARGE if norm == "linf" else LARGE * pixels**0.5
    far = Pgd(norm=norm, radius=large, steps=2 * plain.steps)
    if attacked_logits is None:
        attacked_logits = logits_of(attack(target, [], sweep=[plain])[plain])
    right, rest = _right(target, attacked_logits), _standing(target, attacked_logits)
    report(1 / 8)

    def beside(answer: Callable[[Target], float]) -> float:
        """What is left right by both PGD and another attack: of single-label images, those that PGD left."""
        return answer(rest) * len(rest) / len(target) if len(rest) else 0.0

    # A cube of this half side lies within the l2 ball, so what is found in it counts.
    side = radius if norm == "linf" else radius / pixels**0.5
    found = [
        _at_most(names.NO_WEAKER_THAN_FGSM, right, beside(lambda left: _kept(left, fgsm))),
        _at_most(names.MORE_STEPS, right, beside(lambda left: _kept(left, harder)), 2 * TOLERANCE),
        _at_most(names.MARGIN, right, beside(lambda left: _kept(left, margin)), 2 * TOLERANCE),
    ]
    report(4 / 8)
    found.append(_at_most(names.LARGE_RADIUS, _kept(target, far), _chance(target)))
    report(5 / 8)
    left_by_squares = beside(lambda left: _right(left, _by_squares(left, side)))
    found.append(_at_most(names.SQUARES, right, left_by_squares))
    report(6 / 8)
    if substitute is not None:
        left_by_others = beside(lambda left: _right(left, _transferred(replace(left, model=substitute), left, plain)))
        found.append(_at_most(names.TRANSFER, right, left_by_others))
    report(7 / 8)
    zero = zero_gradients(target)
    found.append(Check(names.GRADIENTS, zero <= ZERO_ALLOWED, zero, ZERO_ALLOWED))
    if target.task == "single-label":
        answers = len(set(_answers(target, lambda number, images, labels: images).argmax(1).tolist()))
        found.append(Check(SAME_OF_ALL, answers > 1, answers, 1))
    report(1.0)
    return found


def zero_gradients(target: Target) -> float:
    """The share of images whose cross-entropy, as it is usually written, has no gradient at all."""
    zero = 0
    for _, images, labels in target.batches():
        pixels = images.requires_grad_()
        logits = target.model(pixels)
        if target.task == "single-label":
            loss = functional.cross_entropy(logits, labels, reduction="sum")
        else:
            known = ~labels.isnan()
            wanted = labels.to(logits).nan_to_num(0.0)
            loss = functional.binary_cross_entropy_with_logits(logits, wanted, known.to(logits), reduction="sum")
        gradient = torch.autograd.grad(loss, pixels)[0]
        zero += int((gradient.flatten(1) == 0).all(1).sum())
    return zero / len(target)


def _at_most(name: str, found: float, bound: float, slack: float = TOLERANCE) -> Check:
    return Check(name, found <= bound + slack, found, bound)


def _right(target: Target, logits: NDArray[Any]) -> float:
    truth = target.targets[target.samples]
    if target.task == "single-label":
        return float((logits.argmax(1) == truth).mean())
    return float(((logits >= 0) == (truth > 0.5))[~np.isnan(truth)].mean())


def _standing(target: Target, attacked_logits: NDArray[Any]) -> Target:
    """The single-label images that are still decided rightly; all images where a decision is many labels."""
    if target.task == "multi-label":
        return target
    return replace(target, samples=target.samples[attacked_logits.argmax(1) == target.targets[target.samples]])


def _kept(target: Target, spec: Fgsm | Pgd) -> float:
    """The share of decisions that the attack leaves right; PGD on a single label stops at the first wrong one."""
    if target.task == "single-label" and isinstance(spec, Pgd):
        return float(robust(target, spec).mean())
    return _right(target, logits_of(attack(target, [spec])[spec]))


def _chance(target: Target) -> float:
    """What always saying the most frequent answer gets right."""
    truth = target.targets[target.samples]
    if target.task == "single-label":
        return float(np.bincount(truth).max() / len(truth))
    known, present = (~np.isnan(truth)).sum(0), (truth > 0.5).sum(0)
    return float(np.maximum(present, known - present).sum() / known.sum())


def _by_squares(target: Target, radius: float) -> NDArray[Any]:
    return _answers(
        target,
        lambda number, images, labels: squares(
            target.model, target.task, images, labels, radius, QUERIES, target.generator("squares", number)
        ),
    )


def _transferred(maker: Target, target: Target, spec: Pgd) -> NDArray[Any]:
    """The target's logits for images that were made against another model."""
    maker.model.to(maker.device).eval()
    once = spec.model_copy(update={"restarts": 1})
    return _answers(
        target,
        lambda number, images, labels: pgd(maker, once, maker.generator("transfer", number))(images, labels),
    )


def _answers(target: Target, change: Callable[[int, Tensor, Tensor], Tensor]) -> NDArray[Any]:
    """The target's logits for its images after a change."""
    found: list[Tensor] = []
    for number, images, labels in target.batches():
        changed = change(number, images, labels)
        with torch.no_grad():
            found.append(target.model(changed).cpu())
    return torch.cat(found).float().numpy()
