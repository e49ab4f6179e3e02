"""A model's test images attacked and the attack checked, with what is kept beside the numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.measuring.attacks.attacking import Outcome, Target, attack, logits_of
from roskdbench.measuring.attacks.checks import checks
from roskdbench.measuring.attacks.names import FORWARD_PASSES, GRADIENTS_TAKEN
from roskdbench.measuring.ensemble import MeanOf
from roskdbench.suite.attack import Attack
from roskdbench.values import MetricValue

if TYPE_CHECKING:
    from roskdbench.jobs.measuring import MeasureContext
    from roskdbench.measures.attacks import Attacks

CHECKING = 0.4  # of the time, about
LARGEST_CHANGE = "largest-change"


def measure(declared: "Attacks", context: "MeasureContext") -> Iterable[MetricValue]:
    """Write attacked.npz (logits [n, C] of each attack by its facts, and the samples), pictures.npz and checks.json;
    and the numbers.
    """
    problem, test = context.problem, context.split["test"]
    chosen = _chosen(len(test), declared.images)
    members = context.networks()
    target = Target(
        model=members[0] if len(members) == 1 else MeanOf(members, problem.labels.task),
        task=problem.labels.task,
        images=problem.images,
        targets=problem.labels.known_targets,
        samples=test[chosen],
        device=context.device,
        seed=context.seed,
        classes=problem.labels.classes,
    )
    steps, climbs = declared.swept(int(np.prod(problem.images.shape[1:])))
    outcomes = attack(
        target,
        [*declared.chosen, *steps],
        lambda done: context.report((1 - CHECKING) * done, "attacking"),
        climbs,
    )
    logits = {each: logits_of(outcome) for each, outcome in outcomes.items()}
    kept = {name_of(each): array for each, array in logits.items()}
    found = declared.recompute(context.predictions, {"chosen": chosen, **kept}) or []
    found += [MetricValue(LARGEST_CHANGE, each.largest, len(chosen), facts=a.facts) for a, each in outcomes.items()]
    found += _budget(declared, outcomes, len(chosen))
    few = replace(target, samples=target.samples[: declared.checked])
    reference = declared.reference
    checked = checks(
        few,
        reference,
        context.substitute(),
        logits[reference][: len(few)] if reference in logits else None,
        lambda done: context.report(1 - CHECKING + CHECKING * done, "checking"),
    )
    found += [MetricValue(each.name, float(each.holds), len(few), facts=reference.facts) for each in checked]
    (context.folder / "checks.json").write_text(canonical_json([vars(each) for each in checked]), "utf-8")
    np.savez(context.folder / "attacked.npz", allow_pickle=False, samples=target.samples, **kept)
    pictures = {name_of(a): torch.stack(each.pictures).numpy() for a, each in outcomes.items() if each.pictures}
    np.savez(context.folder / "pictures.npz", allow_pickle=False, **pictures)
    return found


def name_of(attack: Attack) -> str:
    """What arrays of an attack are kept under: its facts, as canonical JSON."""
    return canonical_json(attack.facts.others())


def _budget(declared: "Attacks", outcomes: Mapping[Attack, Outcome], images: int) -> Iterable[MetricValue]:
    """Gradients and forward passes for each image: of attacks that say so, and of all that a worst case is of."""
    for facts, attacks in declared.budgeted.items():
        spent = [outcomes[each].passes for each in attacks]
        for metric, total in (
            (GRADIENTS_TAKEN, sum(each.gradients for each in spent)),
            (FORWARD_PASSES, sum(each.forwards for each in spent)),
        ):
            yield MetricValue(metric, total / images, images, facts=facts)


def _chosen(length: int, wanted: int | None) -> Any:
    """Which of the test images are attacked: the same for every method."""
    return np.random.default_rng(seed_for("attacked", length)).permutation(length)[:wanted]
