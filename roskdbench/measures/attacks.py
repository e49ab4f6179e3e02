"""`attacks`: a model's test images attacked, what that did to its scores, and whether the attack can be believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import PositiveInt, ValidationInfo, field_validator, model_validator

from roskdbench.attacks.apgd import Apgd
from roskdbench.attacks.fgsm import Fgsm
from roskdbench.attacks.finding import FLIPPED, FindingAttack
from roskdbench.attacks.pgd import Pgd
from roskdbench.measures._perturbing import COST_NOTE, Perturbing, by_facts, images_in
from roskdbench.measures._worst_of import budget_note, by_ball, each_finding, worst_cases, worst_notes
from roskdbench.measuring import SAME_OF_ALL
from roskdbench.plugins import register
from roskdbench.suite.attack import Attack, Norm, Radius, refuse_beyond_pixels
from roskdbench.suite.measure import Column, Reads
from roskdbench.suite.plugged import one_of
from roskdbench.suite.problems import Task
from roskdbench.values import GREY_LEVELS, Facts, MetricValue

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from numpy.typing import NDArray

    from roskdbench.jobs.measuring import MeasureContext
    from roskdbench.measuring.predictions import Predictions
    from roskdbench.suite.protocol import Protocol

# The paper's "l2, 1.28/255" as printed; the same number read as l-infinity; and the radius that is usual for l2.
READINGS: tuple[tuple[Norm, float], ...] = (
    ("l2", 1.28 / GREY_LEVELS),
    ("linf", 1.28 / GREY_LEVELS),
    ("l2", 128 / GREY_LEVELS),
)
if TYPE_CHECKING:
    AnyAttack = Attack
else:
    AnyAttack = one_of(Attack)

PAPER: list[Attack] = [kind(norm=norm, radius=radius) for norm, radius in READINGS for kind in (Fgsm, Pgd)]
LARGEST_CHANGE = "largest-change"
PASSES = 1.5 * 3  # of an image for a gradient and a look at what it led to
FLIPPED_NOTE = (
    "flips: of the images that have the finding (hide-finding) or lack it (invent-finding), the share whose decision "
    "on it was right and is wrong; the others are left as they are."
)
CHECKS = 80  # passes of an image in the checks, and at each radius of a sweep


@register("attacks")
class Attacks(Perturbing):
    """Attacks: the test part attacked; scores before and after, curves over radii, and checks of the attacks
    themselves. The preset `paper` is FGSM and PGD at l2 1.28/255, l_inf 1.28/255 and l2 128/255.
    """

    revision: ClassVar[int] = 2
    reads: ClassVar[tuple[Reads, ...]] = ("predictions", "model", "substitute")
    heading: ClassVar[str] = "under attack"
    file: ClassVar[str] = "attacked.npz"
    perturbed_by: ClassVar[str] = "attack"
    command: ClassVar[str] = "attack"
    checks_itself: ClassVar[bool] = True

    preset: Literal["paper"] | None = None
    attacks: list[AnyAttack] = []
    """Attacks besides those of the preset; the preset `paper` if neither is given."""
    sweep: list[Radius] = []
    """Radii of curves: FGSM and PGD in both norms. For l2 they are scaled by the root of the number of pixels."""
    checked: PositiveInt = 100
    """How many of them the checks are made on."""
    worst_of: list[AnyAttack] = []
    """Attacks whose worst case, image by image, is reported beside them, for each norm and radius; `all` is every
    attack that another one shares norm and radius with, but for those on a single finding.
    """
    by_finding: bool = False
    """Whether the worst case is also taken finding by finding, which is a bound. For several findings."""

    @field_validator("worst_of", mode="before", json_schema_input_type=list[AnyAttack] | Literal["all"])
    @classmethod
    def _all_of_a_ball(cls, given: Any, info: ValidationInfo) -> Any:
        """`all` in place of a list."""
        if isinstance(given, list):
            return given
        if given != "all":
            raise ValueError("it is a list of attacks, or the word all")
        known = _with_preset(info.data.get("preset"), info.data.get("attacks", []), ())
        balls = by_ball(each for each in known if not isinstance(each, FindingAttack))
        found = [each for ball in balls if len(ball) > 1 for each in ball]
        if not found and "attacks" in info.data:
            raise ValueError("no two of its attacks have the same norm and radius, and the worst of one is itself")
        return found

    @model_validator(mode="after")
    def _radii_are_in_range(self) -> Self:
        for radius in self.sweep:
            refuse_beyond_pixels("linf", radius)
        return self

    @model_validator(mode="after")
    def _attacks_differ(self) -> Self:
        """Two attacks of one name would be one in every table."""
        for field, attacks in (("attacks", self.attacks), ("worst_of", self.worst_of)):
            labels = [attack.label for attack in attacks]
            twice = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
            if twice:
                raise ValueError(f"{field} names '{twice[0]}' twice")
        return self

    @model_validator(mode="after")
    def _a_worst_case_is_of_several(self) -> Self:
        alone = next((ball[0] for ball in by_ball(self.worst_of) if len(ball) == 1), None)
        if alone is not None:
            raise ValueError(f"worst_of has '{alone.label}' and no other attack of that norm and radius; name one more")
        if self.by_finding and not self.worst_of:
            raise ValueError("by_finding says how the worst case is taken; name its attacks in worst_of")
        return self

    @property
    def perturbations(self) -> Sequence[Attack]:
        """Its attacks."""
        return self.chosen

    @property
    def chosen(self) -> list[Attack]:
        """Every attack, each once."""
        return _with_preset(self.preset, self.attacks, self.worst_of)

    @property
    def worst_cases(self) -> dict[Facts, list[Attack]]:
        """The facts of each worst case, and what it is the worst of."""
        return worst_cases(self.worst_of)

    @property
    def budgeted(self) -> dict[Facts, list[Attack]]:
        """What it is told of how many passes it took, and whose passes those are."""
        inside = {each.facts for each in self.worst_of}
        alone = {each.facts: [each] for each in self.chosen if each.counts_passes or each.facts in inside}
        return alone | self.worst_cases

    def swept(self, pixels: int) -> tuple[list[Fgsm], list[Pgd]]:
        """FGSM and PGD at each radius, in both norms; an l2 radius is the length of that change in every pixel."""
        length = float(pixels) ** 0.5
        places: list[tuple[Norm, float]] = [
            (norm, radius * (length if norm == "l2" else 1.0)) for radius in self.sweep for norm in ("linf", "l2")
        ]
        known = {attack.label for attack in self.chosen}
        steps = [Fgsm(norm=norm, radius=radius) for norm, radius in places]
        climbs = [Pgd(norm=norm, radius=radius) for norm, radius in places]
        return [each for each in steps if each.label not in known], [each for each in climbs if each.label not in known]

    @property
    def reference(self) -> Pgd:
        """What is checked: the strongest l-infinity PGD of the suite, else the first PGD, else one in the place of
        Auto-PGD, else the paper's.
        """
        climbs = [attack for attack in self.chosen if isinstance(attack, Pgd)]
        climbs = climbs or [Pgd(norm=each.norm, radius=each.radius) for each in self.chosen if isinstance(each, Apgd)]
        flat = [attack for attack in climbs if attack.norm == "linf"]
        usual = Pgd(norm="linf", radius=1.28 / GREY_LEVELS)
        found = max(flat, key=lambda attack: attack.radius) if flat else climbs[0] if climbs else usual
        return found.model_copy(update={"loss": "ce"})

    def compute(self, context: MeasureContext) -> Iterable[MetricValue]:
        """Write attacked.npz (logits [n, C] of each attack, and the samples), pictures.npz and checks.json."""
        from roskdbench.measuring.attacks.measured import measure

        return measure(self, context)

    def recompute(self, predictions: Predictions, kept: Mapping[str, NDArray[Any]]) -> list[MetricValue] | None:
        """Scores before and after each attack, and what follows of several, from the attacked images' logits."""
        before, after = self.before_and_after(predictions, kept)
        return before + [value for values in after.values() for value in values] + self._beside(predictions, kept)

    def _beside(self, predictions: Predictions, kept: Mapping[str, NDArray[Any]]) -> list[MetricValue]:
        """Scores of the worst cases, and what attacks tell beside scores."""
        from roskdbench.measuring import values_of

        chosen, logits = kept["chosen"], by_facts(kept)
        clean = predictions.under(chosen, predictions.logits["test"][chosen])
        found: list[MetricValue] = []
        for facts, array in self._worst(clean, logits).items():
            found += values_of(predictions.under(chosen, array).score_rows(), facts)
        for attack in self.chosen:
            if attack.facts in logits:
                own = attack.numbers(clean, predictions.under(chosen, logits[attack.facts]))
                found += [value._replace(facts=attack.facts) for value in own]
        return found

    def _worst(
        self, clean: Predictions, logits: Mapping[Facts, NDArray[np.float32]]
    ) -> dict[Facts, NDArray[np.float32]]:
        """The logits of each worst case."""
        import numpy as np

        from roskdbench.measuring.attacks.worst import worst_of_each_finding, worst_of_each_image

        found: dict[Facts, NDArray[np.float32]] = {}
        for facts, attacks in self.worst_cases.items():
            seen = np.stack([clean.logits["test"], *(logits[each.facts] for each in attacks)])
            found[facts] = worst_of_each_image(clean, seen)
            if self.by_finding and clean.task == "multi-label":
                found[each_finding(facts)] = worst_of_each_finding(clean, seen)
        return found

    def logits_of(
        self, predictions: Predictions, kept: Mapping[str, NDArray[Any]]
    ) -> Mapping[Facts, Sequence[NDArray[np.float32]]]:
        """Those of each attack, and of each worst case."""
        chosen, logits = kept["chosen"], by_facts(kept)
        clean = predictions.under(chosen, predictions.logits["test"][chosen])
        known = {**logits, **self._worst(clean, logits)}
        return {facts: [known[facts]] for facts in self.named_perturbations() if facts in known}

    def named_perturbations(self) -> Sequence[Facts]:
        """Its attacks and their worst cases; those of the sweep make curves."""
        worst = [each for facts in self.worst_cases for each in (facts, each_finding(facts))[: 1 + self.by_finding]]
        return [*(each.facts for each in self.chosen), *worst]

    def objection(self, task: Task, classes: Sequence[str]) -> str | None:
        """Why one of its attacks cannot be made on a problem of this task with these classes, or None."""
        return next((said for each in self.chosen if (said := each.objection(task, classes))), None)

    def stored_names(self, protocol: Protocol) -> dict[str, list[str]]:
        """As the scores, and how often a finding was turned."""
        own = {FLIPPED: [FLIPPED]} if self._aims_at_findings else {}
        return {**super().stored_names(protocol), **own}

    def table_columns(self, protocol: Protocol, shown: Sequence[str]) -> Sequence[Column]:
        """What its table of perturbations has."""
        own = [Column(FLIPPED, "flips", higher_is_better=False)] if self._aims_at_findings else []
        return [*super().table_columns(protocol, shown), *own]

    @property
    def _aims_at_findings(self) -> bool:
        return any(isinstance(each, FindingAttack) for each in self.chosen)

    def passes(self, images: int) -> float:
        """Those of the attacks and of the checks."""
        return images * (PASSES * sum(each.steps_taken() for each in self.chosen) + CHECKS * len(self.sweep))

    def trusted(self, metric: str) -> bool:
        """Checks, how far images were changed and how many passes that took need the model."""
        from roskdbench.measuring.attacks.names import CHECKS, FORWARD_PASSES, GRADIENTS_TAKEN

        return metric in (LARGEST_CHANGE, GRADIENTS_TAKEN, FORWARD_PASSES, *CHECKS)

    def verdicts(self, numbers: pandas.DataFrame) -> dict[str, str]:
        """A model that says the same of every image is constant; whatever else fails, the gradient may be masked."""
        from roskdbench.measuring.attacks.names import CHECKS

        return {name: "constant" if name == SAME_OF_ALL else "masked?" for name in CHECKS}

    def perturbation_notes(self, numbers: pandas.DataFrame) -> list[str]:
        """What was attacked, and which checks failed on what."""
        from roskdbench.measuring.attacks.names import CHECKS

        lines = [
            f"On {images_in(numbers)} test images, the same for every method; radii in grey levels, l2 over the whole "
            "image.",
            COST_NOTE,
            *(
                ["Sweep: a single-label image keeps the first form that is decided wrongly, from its radius on."]
                * bool(self.sweep)
            ),
            "Checks: FGSM, more steps, a large radius, random squares, a margin loss, transfer, zero gradients.",
            *([FLIPPED_NOTE] * self._aims_at_findings),
            *worst_notes(self.worst_cases, self.by_finding),
            *budget_note(numbers, self.budgeted),
        ]
        judged = numbers[numbers["metric"].isin(CHECKS) & (numbers["value"] < 1)]
        for (problem, method), rows in judged.groupby(["problem", "method"], sort=False):
            failed = dict.fromkeys(rows["metric"])
            if set(failed) == {SAME_OF_ALL}:
                lines.append(f"constant: {method} says the same of every image of {problem}.")
            else:
                lines.append(f"masked?: {method} on {problem} fails the check that {', and that '.join(failed)}.")
        return lines


def _with_preset(preset: str | None, attacks: Sequence[Attack], more: Sequence[Attack]) -> list[Attack]:
    """Every attack, each once; those of the preset if no others are given."""
    first = PAPER if preset == "paper" or not (attacks or more) else []
    return list({attack.facts: attack for attack in [*first, *attacks, *more]}.values())
