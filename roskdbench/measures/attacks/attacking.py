"""Attacking the test images of a problem: every attack of a suite in one pass, and the logits that come of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import numpy as np
import torch
import torchattacks
from numpy.typing import NDArray
from torch import Tensor, nn

from roskdbench.engine.device import ComputeConfig
from roskdbench.errors import UserError
from roskdbench.fingerprint import seed_for
from roskdbench.measures.attacks.gradient import PgdAttacker, fgsm_step, input_gradient
from roskdbench.measures.attacks.search import Found, search
from roskdbench.suite.attacks import Fgsm as FgsmSpec
from roskdbench.suite.attacks import Loss, Packaged
from roskdbench.suite.attacks import Pgd as PgdSpec
from roskdbench.suite.problems import Task

BATCH = 64
SHOWN = 4  # images that are kept to be looked at
Spec = FgsmSpec | PgdSpec | Packaged


@dataclass
class Outcome:
    """What an attack came to."""

    logits: list[Tensor] = field(default_factory=list)
    largest: float = 0.0
    """The largest change of any image, in the attack's norm."""
    pictures: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """A model and the images it is attacked on."""

    model: nn.Module
    task: Task
    images: NDArray[np.uint8]
    targets: NDArray[Any]
    samples: NDArray[np.int64]
    device: torch.device
    seed: int

    def __len__(self) -> int:
        return len(self.samples)

    def batches(self) -> Any:
        """Images in [0, 1] and labels, with the number of each batch; the model is made ready for them."""
        form = ComputeConfig().lay_out(self.model.to(self.device).eval())
        for number, start in enumerate(range(0, len(self.samples), BATCH)):
            chosen = self.samples[start : start + BATCH]
            pixels = torch.from_numpy(self.images[chosen]).to(self.device).float() / 255
            yield number, form.images(pixels), torch.from_numpy(np.asarray(self.targets[chosen])).to(self.device)

    def generator(self, *purpose: Any) -> torch.Generator:
        """Random numbers for a purpose, such as the start of one attack on one batch."""
        return torch.Generator().manual_seed(seed_for("attack", self.seed, *purpose))


def attack(
    target: Target,
    specs: Sequence[Spec],
    report: Callable[[float], None] = lambda done: None,
    sweep: Sequence[PgdSpec] = (),
) -> dict[str, Outcome]:
    """Every attack on every image. FGSM of any norm and radius rests on one gradient a loss.

    The attacks of a sweep only look for wrong decisions, in growing balls. Where a decision is more than one label,
    there is no such thing, and they are attacks like any other.
    """
    rising = sorted(sweep, key=lambda spec: spec.radius) if target.task == "single-label" else []
    full = [*specs, *(spec for spec in sweep if spec not in rising)]
    outcomes = {spec.name: Outcome() for spec in [*full, *rising]}
    for number, images, labels in target.batches():
        gradients: dict[Loss, Tensor] = {}
        for spec in full:
            if isinstance(spec, FgsmSpec) and spec.loss not in gradients:
                gradients[spec.loss] = input_gradient(target.model, target.task, spec.loss, images, labels)[1]
            changed = _attacked(target, spec, images, labels, gradients, number)
            _take_in(outcomes[spec.name], target, spec, images, changed)
        known: dict[str, Found] = {}
        for spec in rising:
            attacker = pgd(target, spec, target.generator(spec.name, number))
            before = known.get(spec.norm) or Found.clean(attacker, images, labels)
            known[spec.norm] = search(attacker, images, labels, before)
            _take_in(outcomes[spec.name], target, spec, images, known[spec.norm].images)
        report(min(1.0, (number + 1) * BATCH / len(target)))
    return outcomes


def _take_in(outcome: Outcome, target: Target, spec: Spec, images: Tensor, changed: Tensor) -> None:
    """Note what the model says of a batch's attacked images, and how far they are from the clean ones."""
    with torch.no_grad():
        outcome.logits.append(target.model(changed).cpu())
    change = (changed - images).flatten(1)
    length = change.abs().amax() if spec.norm == "linf" else change.norm(dim=1).amax()
    outcome.largest = max(outcome.largest, float(length))
    if not outcome.pictures:
        outcome.pictures = list(changed[:SHOWN].cpu())


def robust(target: Target, spec: PgdSpec) -> NDArray[np.bool_]:
    """Which images no attack of this kind was found to bring to a wrong decision. [n]"""
    kept = []
    for number, images, labels in target.batches():
        attacker = pgd(target, spec, target.generator(spec.name, number))
        found = search(attacker, images, labels, Found.clean(attacker, images, labels))
        kept.append(~found.wrong.cpu().numpy())
    return np.concatenate(kept)


def logits_of(outcome: Outcome) -> NDArray[np.float32]:
    """[n, C]"""
    found: NDArray[np.float32] = torch.cat(outcome.logits).float().numpy()
    return found


def _attacked(
    target: Target, spec: Spec, images: Tensor, labels: Tensor, gradients: dict[Loss, Tensor], number: int
) -> Tensor:
    if isinstance(spec, FgsmSpec):
        return fgsm_step(images, gradients[spec.loss], spec.norm, spec.radius)
    if isinstance(spec, PgdSpec):
        changed: Tensor = pgd(target, spec, target.generator(spec.name, number))(images, labels)
        return changed
    return _packaged(target, spec, images, labels, number)


def pgd(target: Target, spec: PgdSpec, generator: torch.Generator) -> PgdAttacker:
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


def _packaged(target: Target, spec: Packaged, images: Tensor, labels: Tensor, number: int) -> Tensor:
    """An attack of torchattacks, its global random numbers seeded for this batch and put back."""
    if target.task != "single-label":
        raise UserError(f"{spec.kind} of torchattacks is for single-label problems; use pgd or fgsm")
    kind = getattr(torchattacks, spec.kind)
    options = dict(spec.options)
    names = signature(kind).parameters
    if "eps" in names:
        options.setdefault("eps", spec.radius)
    if "norm" in names:
        options.setdefault("norm", {"l2": "L2", "linf": "Linf"}[spec.norm])
    if "n_classes" in names:
        with torch.no_grad():
            options.setdefault("n_classes", target.model(images[:1]).shape[1])
    seed = seed_for("attack", target.seed, spec.name, number)
    if "seed" in names:
        options.setdefault("seed", seed % (1 << 31))
    try:
        built = kind(target.model, **options)
    except TypeError as error:
        raise UserError(f"torchattacks cannot make {spec.kind} with {options}: {error}") from None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return built(images.contiguous(), labels).detach()  # type: ignore[no-any-return]
