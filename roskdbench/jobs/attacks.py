"""`attacks`: a model's test images attacked, what that did to its scores, and whether the attack can be believed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from roskdbench.data.problem import Problem
from roskdbench.engine.device import prepare
from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.jobs.context import JobContext
from roskdbench.jobs.networks import trained
from roskdbench.measures import CHECKS
from roskdbench.measures.attacks.attacking import Target, attack, logits_of
from roskdbench.measures.attacks.checks import checks
from roskdbench.measures.tested import Tested
from roskdbench.suite.attacks import Attacks, Fgsm, Norm, Packaged, Pgd

CHECKING = 0.4  # of the time, about


def run(context: JobContext) -> None:
    """Write numbers.json, attacked.npz (logits [n, C] of each attack, and the samples), pictures.npz, checks.json."""
    device, problem, spec = prepare(), context.problem(), context.spec
    measure = Attacks.model_validate({"measure": "attacks", **spec["attacks"]})
    split = context.inputs["split"].arrays("split.npz")
    clean = context.inputs["predictions"].arrays("predictions.npz")
    chosen = _chosen(len(split["test"]), measure.images)
    target = Target(
        model=_model(context),
        task=problem.labels.task,
        images=problem.images,
        targets=problem.labels.targets,
        samples=split["test"][chosen],
        device=device,
        seed=spec["seed"],
    )
    leaps, climbs = _sweep(measure, problem)
    named: list[Fgsm | Pgd | Packaged] = [*measure.chosen, *leaps]
    outcomes = attack(target, named, lambda done: context.report((1 - CHECKING) * done, "attacking"), climbs)
    kept = {name: logits_of(outcome) for name, outcome in outcomes.items()}
    rows = Tested.of(problem.labels, split).attacked(clean, chosen, kept)
    rows += [(name, "largest-change", "", outcome.largest, len(chosen)) for name, outcome in outcomes.items()]
    few = replace(target, samples=target.samples[: measure.checked])
    substitute = trained(context.inputs["substitute"], "last") if "substitute" in context.inputs else None
    reference = _reference(measure)
    found = checks(
        few,
        reference,
        substitute,
        kept[reference.name][: len(few)] if reference.name in kept else None,
        lambda done: context.report(1 - CHECKING + CHECKING * done, "checking"),
    )
    rows += [(CHECKS, check.name, "", float(check.holds), len(few)) for check in found]
    (context.folder / "numbers.json").write_text(canonical_json(rows), "utf-8")
    (context.folder / "checks.json").write_text(canonical_json([vars(check) for check in found]), "utf-8")
    np.savez(context.folder / "attacked.npz", allow_pickle=False, samples=target.samples, **kept)
    pictures = {name: torch.stack(outcome.pictures).numpy() for name, outcome in outcomes.items() if outcome.pictures}
    np.savez(context.folder / "pictures.npz", allow_pickle=False, **pictures)


def _chosen(length: int, wanted: int | None) -> Any:
    """Which of the test images are attacked: the same for every method."""
    return np.random.default_rng(seed_for("attacked", length)).permutation(length)[:wanted]


def _sweep(measure: Attacks, problem: Problem) -> tuple[list[Fgsm], list[Pgd]]:
    """FGSM and PGD at each radius, in both norms; an l2 radius is the length of that change in every pixel."""
    length = float(np.prod(problem.images.shape[1:])) ** 0.5
    places: list[tuple[Norm, float]] = [
        (norm, radius * (length if norm == "l2" else 1.0)) for radius in measure.sweep for norm in ("linf", "l2")
    ]
    leaps = [Fgsm(attack="fgsm", norm=norm, radius=radius) for norm, radius in places]
    climbs = [Pgd(attack="pgd", norm=norm, radius=radius) for norm, radius in places]
    known = {attack.name for attack in measure.chosen}
    return [each for each in leaps if each.name not in known], [each for each in climbs if each.name not in known]


def _reference(measure: Attacks) -> Pgd:
    """What is checked: the strongest l-infinity PGD of the suite, else the first PGD, else the paper's."""
    pgds = [attack for attack in measure.chosen if isinstance(attack, Pgd)]
    flat = [attack for attack in pgds if attack.norm == "linf"]
    usual = Pgd(attack="pgd", norm="linf", radius=1.28 / 255)
    found = max(flat, key=lambda attack: attack.radius) if flat else pgds[0] if pgds else usual
    return found.model_copy(update={"loss": "ce"})


def _model(context: JobContext) -> nn.Module:
    """The student that is scored, or the teachers whose mean probability is."""
    if "model" in context.inputs:
        return trained(context.inputs["model"], context.spec["reading"])
    return MeanOf([trained(member, "last") for member in context.numbered("member")], context.problem().labels.task)


class MeanOf(nn.Module):
    """Several models as one, whose logits are those of their mean probability."""

    def __init__(self, members: Sequence[nn.Module], task: str) -> None:
        super().__init__()
        self.members, self.task = nn.ModuleList(members), task

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, C]."""
        logits = torch.stack([member(images) for member in self.members])
        if self.task == "single-label":
            return functional.log_softmax(logits, -1).logsumexp(0) - float(np.log(len(self.members)))
        yes, no = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        return yes.logsumexp(0) - no.logsumexp(0)
