"""The worst of several attacks: which there are, and what results, tables and notes call them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from roskdbench.measuring.attacks.names import FORWARD_PASSES, GRADIENTS_TAKEN
from roskdbench.suite.attack import Attack
from roskdbench.values import Facts

if TYPE_CHECKING:
    import pandas

RULE = (
    "Of each image the clean one and all these attacks are looked at: of one label, those that are decided wrongly, or "
    "all where none is, and of them the highest cross-entropy; of several findings, the highest sum over findings."
)
BOUND = (
    "by finding: of each image and finding the highest loss of all these attacks, a bound that no one image need reach."
)


def by_ball(attacks: Iterable[Attack]) -> list[list[Attack]]:
    """Those of one norm and radius together."""
    found: dict[tuple[str, str], list[Attack]] = {}
    for each in attacks:
        found.setdefault((each.norm, f"{each.radius:.9g}"), []).append(each)
    return list(found.values())


def worst_cases(attacks: Iterable[Attack]) -> dict[Facts, list[Attack]]:
    """The facts of each worst case, and what it is the worst of."""
    return {
        Facts(perturbation=f"worst of {len(each)}", norm=each[0].norm, radius=each[0].radius): each
        for each in by_ball(attacks)
    }


def each_finding(facts: Facts) -> Facts:
    """The facts of the bound that goes finding by finding."""
    return facts._replace(perturbation=f"{facts.perturbation} by finding")


def worst_notes(cases: Mapping[Facts, Sequence[Attack]], with_bound: bool) -> list[str]:
    """What each worst case is of, and how it is taken."""
    lines = [
        f"{facts.perturbation_label}: {'; '.join(each.label for each in attacks)}." for facts, attacks in cases.items()
    ]
    return [*lines, RULE, *([BOUND] * with_bound)] if lines else []


def budget_note(numbers: pandas.DataFrame, facts: Iterable[Facts]) -> list[str]:
    """How many gradients and forward passes of an image each attack took, on the mean over all models."""
    costs = []
    for each in facts:
        own = numbers[_under(numbers, each)]
        gradients, forwards = (own[own["metric"] == name]["value"] for name in (GRADIENTS_TAKEN, FORWARD_PASSES))
        if len(gradients) and len(forwards):
            costs.append(f"{each.perturbation_label} {gradients.mean():.4g} and {forwards.mean():.4g}")
    return [f"Gradients and forward passes of an image, on the mean: {'; '.join(costs)}."] if costs else []


def _under(numbers: pandas.DataFrame, facts: Facts) -> pandas.Series[bool]:
    """Which numbers were measured under these facts."""
    found = numbers["perturbation"] == facts.perturbation
    for name, value in facts._asdict().items():
        found &= numbers[name].isna() if value is None else numbers[name] == value
    return found
