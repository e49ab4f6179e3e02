"""How strongly students are drawn towards labels when their training starts: known before anything is trained.

A soft loss whose gradient starts far shorter than the hard loss's is a lower learning rate by another name. With
several findings, rare ones above all, small temperatures do that: sigmoid(z / t) is then nearly 0 whatever a teacher
knows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, log
from typing import Any

from roskdbench.plan.graph import Plan

AREA, PREVALENCE = 0.8, 0.1  # of the teacher and of the finding that are reckoned with
WEAK = 0.3  # of the hard loss's pull: less is worth a warning
MANY_STEPS = 10_000  # in which a weak pull gets there, too


@dataclass(frozen=True)
class Pull:
    """What a method's students are to learn from, and how fast."""

    experiment: str
    problem: str
    method: str
    temperature: float
    alpha: float
    lr: float
    steps: int
    share: float
    """Of the pull towards labels that the hard loss alone would have."""

    @property
    def is_weak(self) -> bool:
        """Whether the training is likely to end before it has learnt."""
        return self.share < WEAK and self.steps < MANY_STEPS


def share_of_pull(temperature: float, alpha: float) -> float:
    """How much further apart the loss of `a t^2 KL + (1 - a) BCE` pushes positives and negatives of a finding at the
    start than BCE alone, for a calibrated teacher with normal logits: an AUC of .8, one positive in ten.
    """
    import numpy as np
    from scipy.special import expit, ndtri

    apart = 2**0.5 * float(ndtri(AREA))  # of the logits' means, in their standard deviations
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    middle = log(PREVALENCE / (1 - PREVALENCE))
    told = [
        float(expit((middle + sign * apart**2 / 2 + apart * nodes) / temperature) @ weights / weights.sum())
        for sign in (1, -1)
    ]
    return alpha * temperature * (told[0] - told[1]) + 1 - alpha


def pulls(planned: Plan) -> Iterator[Pull]:
    """Of each method with teachers on each problem with several findings, where its loss is the usual one."""
    seen: set[tuple[Any, ...]] = set()
    for cell in planned.cells:
        model = planned.model(cell)
        several = planned.suite.problems[cell.problem].task == "multi-label"
        if model is None or not several or "bank.0" not in model.inputs or "method" not in model.spec:
            continue
        key = (cell.experiment, cell.problem, cell.method)
        if key in seen or any(role.startswith(("method.", "matching.", "soft_loss.")) for role in model.code):
            continue
        seen.add(key)
        method, recipe = model.spec["method"], model.spec["recipe"]
        soft_loss: Mapping[str, Any] = method.get("soft_loss", {})
        if soft_loss.get("balanced") or soft_loss.get("kind") == "softmax":
            continue
        temperature = float(method["temperature"])
        divisor = 1 / temperature if soft_loss.get("temperature") == "multiplies" else temperature
        located = planned.located.get(cell.problem)
        samples = located.content.samples if located else planned.suite.problems[cell.problem].image_count()
        steps = ceil(samples * planned.suite.protocol.split.train / recipe["batch"]) * recipe["epochs"]
        share = share_of_pull(divisor, float(method["alpha"]))
        yield Pull(*key, divisor, float(method["alpha"]), float(recipe["lr"]), steps, share)
