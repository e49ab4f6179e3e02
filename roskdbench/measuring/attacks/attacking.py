"""Attacking the test images of a problem: every attack of a suite in one pass, and the logits that come of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from roskdbench.attacks.pgd import Pgd
from roskdbench.engine.device import ComputeConfig
from roskdbench.errors import UserError
from roskdbench.fingerprint import seed_for
from roskdbench.measuring.attacks.budget import Passes, counted
from roskdbench.measuring.attacks.gradient import PgdAttacker, input_gradient
from roskdbench.measuring.attacks.search import Found, search
from roskdbench.suite.attack import Attack, Loss, Norm
from roskdbench.suite.problems import Task

BATCH = 64
ROUNDING = 1e-3  # of the radius, that an image may be beyond it
SHOWN = 4  # images that are kept to be looked at


@dataclass
class Outcome:
    """What an attack came to."""

    logits: list[Tensor] = field(default_factory=list)
    largest: float = 0.0
    """The largest change of any image, in the attack's norm."""
    pictures: list[Tensor] = field(default_factory=list)
    passes: Passes = field(default_factory=Passes)
    """What it cost, each attack by itself."""


@dataclass(frozen=True)
class Target:
    """A model and the images it is attacked on."""

    model: nn.Module
    task: Task
    images: NDArray[np.uint8]
    targets: NDArray[Any]
    """Class numbers; or findings, NaN where it is not known whether they are there: attacks leave those alone."""
    samples: NDArray[np.int64]
    device: torch.device
    seed: int
    classes: tuple[str, ...] = ()
    """Names of the classes, where they are known."""

    def __len__(self) -> int:
        return len(self.samples)

    def batches(self) -> Any:
        """Images in [0, 1] and labels, with the number of each batch; the model is made ready for them."""
        config = ComputeConfig().lay_out(self.model.to(self.device).eval())
        for number, start in enumerate(range(0, len(self.samples), BATCH)):
            chosen = self.samples[start : start + BATCH]
            pixels = torch.from_numpy(self.images[chosen]).to(self.device).float() / 255
            yield number, config.images(pixels), torch.from_numpy(np.asarray(self.targets[chosen])).to(self.device)

    def generator(self, *purpose: Any) -> torch.Generator:
        """Random numbers for a purpose, such as the start of one attack on one batch."""
        return torch.Generator().manual_seed(seed_for("attack", self.seed, *purpose))


@dataclass(frozen=True)
class Victim:
    """A model under one attack on one batch of images, as an attack's `perturb` sees it."""

    target: Target
    attack: Attack
    batch: int
    gradients: dict[Loss, Tensor] = field(default_factory=dict)
    """Those at the clean images that are known already."""

    def __call__(self, images: Tensor) -> Tensor:
        """Logits [B, C], with gradient."""
        logits: Tensor = self.model(images)
        return logits

    @property
    def model(self) -> nn.Module:
        """The model itself, in eval mode, from pixels in [0, 1] to logits."""
        return self.target.model

    @property
    def task(self) -> Task:
        """single-label or multi-label."""
        return self.target.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, where they are known."""
        return self.target.classes

    @property
    def seed(self) -> int:
        """Of whatever the attack draws on this batch."""
        return seed_for("attack", self.target.seed, self.attack.purpose, self.batch)

    def distance(self, images: Tensor, changed: Tensor) -> Tensor:
        """How far each image was changed, in the attack's norm. [B]"""
        return distance(self.attack.norm, images, changed)

    @property
    def generator(self) -> torch.Generator:
        """Random numbers of this attack on this batch, from their beginning."""
        return torch.Generator().manual_seed(self.seed)

    def gradient(self, images: Tensor, labels: Tensor, loss: Loss = "ce") -> Tensor:
        """The gradient of the loss at the clean images by their pixels, up to a positive factor for each image."""
        if loss not in self.gradients:
            self.gradients[loss] = input_gradient(self.model, self.task, loss, images, labels)[1]
        return self.gradients[loss]


def attack(
    target: Target,
    attacks: Sequence[Attack],
    report: Callable[[float], None] = lambda done: None,
    sweep: Sequence[Pgd] = (),
) -> dict[Attack, Outcome]:
    """Every attack on every image. FGSM of any norm and radius rests on one gradient a loss.

    The attacks of a sweep only look for wrong decisions, in growing balls. Where a decision is more than one label,
    there is no such thing, and they are attacks like any other.
    """
    for each in attacks:
        if objection := each.objection(target.task, target.classes):
            raise UserError(objection)
    rising = sorted(sweep, key=lambda each: each.radius) if target.task == "single-label" else []
    full = [*attacks, *(each for each in sweep if each not in rising)]
    outcomes = {each: Outcome() for each in [*full, *rising]}
    for number, images, labels in target.batches():
        gradients: dict[Loss, Tensor] = {}
        for each in full:
            victim = Victim(target, each, number, gradients if each.shares_gradient else {})
            with counted(target.model, Passes()) as passes:
                changed = each.perturb(victim, images, labels)
            outcomes[each].passes.add(Passes(len(images), len(images)) if each.shares_gradient else passes)
            _take_in(outcomes[each], target, each, images, changed)
        known: dict[str, Found] = {}
        for each in rising:
            attacker = pgd(target, each, target.generator(each.purpose, number))
            before = known.get(each.norm) or Found.clean(attacker, images, labels)
            with counted(target.model, outcomes[each].passes):
                known[each.norm] = search(attacker, images, labels, before)
            _take_in(outcomes[each], target, each, images, known[each.norm].images)
        report(min(1.0, (number + 1) * BATCH / len(target)))
    return outcomes


def _take_in(outcome: Outcome, target: Target, attack: Attack, images: Tensor, changed: Tensor) -> None:
    """Note what the model makes of a batch's attacked images, and how far they are from the clean ones."""
    with torch.no_grad():
        outcome.logits.append(target.model(changed).cpu())
    largest = float(distance(attack.norm, images, changed).amax())
    if not largest <= attack.radius * (1 + ROUNDING) + ROUNDING**2:
        raise UserError(
            f"{attack.label} changed an image by {largest:.4g} in {attack.norm}, and its radius is "
            f"{attack.radius:.4g}: is it an attack of the other norm, or has it a radius of its own?"
        )
    outcome.largest = max(outcome.largest, largest)
    if not outcome.pictures:
        outcome.pictures = list(changed[:SHOWN].cpu())


def distance(norm: Norm, images: Tensor, changed: Tensor) -> Tensor:
    """How far each image was changed. [B]"""
    change = (changed - images).flatten(1)
    return change.abs().amax(1) if norm == "linf" else change.norm(dim=1)


def robust(target: Target, spec: Pgd) -> NDArray[np.bool_]:
    """Which images no attack of this kind was found to bring to a wrong decision. [n]"""
    kept = []
    for number, images, labels in target.batches():
        attacker = pgd(target, spec, target.generator(spec.purpose, number))
        found = search(attacker, images, labels, Found.clean(attacker, images, labels))
        kept.append(~found.wrong.cpu().numpy())
    return np.concatenate(kept)


def logits_of(outcome: Outcome) -> NDArray[np.float32]:
    """[n, C]"""
    found: NDArray[np.float32] = torch.cat(outcome.logits).float().numpy()
    return found


def pgd(target: Target, spec: Pgd, generator: torch.Generator) -> PgdAttacker:
    """PGD against the target as a suite declares it."""
    return PgdAttacker(
        target.model,
        target.task,
        spec.norm,
        spec.radius,
        spec.step_length,
        spec.steps,
        spec.restarts,
        spec.loss,
        generator,
    )
