"""`attacks`: a model's test images attacked, what that did to its scores, and whether the attack can be believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import PositiveInt, model_validator

from roskdbench.attacks.fgsm import Fgsm
from roskdbench.attacks.pgd import Pgd
from roskdbench.measures._perturbing import COST_NOTE, Perturbing, images_in
from roskdbench.measuring import SAME_OF_ALL
from roskdbench.plugins import register
from roskdbench.suite.attack import Attack, Norm, Radius, refuse_beyond_pixels
from roskdbench.suite.measure import Reads
from roskdbench.suite.plugged import one_of
from roskdbench.values import GREY_LEVELS, Facts, MetricValue

if TYPE_CHECKING:
    import pandas
    from numpy.typing import NDArray

    from roskdbench.jobs.measuring import MeasureContext
    from roskdbench.measuring.predictions import Predictions

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
CHECKS = 80  # passes of an image in the checks, and at each radius of a sweep


@register("attacks")
class Attacks(Perturbing):
    """Attacks: the test part attacked; scores before and after, curves over radii, and checks of the attacks
    themselves. The preset `paper` is FGSM and PGD at l2 1.28/255, l_inf 1.28/255 and l2 128/255.
    """

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

    @model_validator(mode="after")
    def _radii_are_in_range(self) -> Self:
        for radius in self.sweep:
            refuse_beyond_pixels("linf", radius)
        return self

    @model_validator(mode="after")
    def _attacks_differ(self) -> Self:
        """Two attacks of one name would be one in every table."""
        labels = [attack.label for attack in self.attacks]
        twice = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
        if twice:
            raise ValueError(f"attacks names '{twice[0]}' twice")
        return self

    @property
    def perturbations(self) -> Sequence[Attack]:
        """Its attacks."""
        return self.chosen

    @property
    def chosen(self) -> list[Attack]:
        """Every attack, each once."""
        preset = PAPER if self.preset == "paper" or not self.attacks else []
        return list({attack.facts: attack for attack in [*preset, *self.attacks]}.values())

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
        """What is checked: the strongest l-infinity PGD of the suite, else the first PGD, else the paper's."""
        climbs = [attack for attack in self.chosen if isinstance(attack, Pgd)]
        flat = [attack for attack in climbs if attack.norm == "linf"]
        usual = Pgd(norm="linf", radius=1.28 / GREY_LEVELS)
        found = max(flat, key=lambda attack: attack.radius) if flat else climbs[0] if climbs else usual
        return found.model_copy(update={"loss": "ce"})

    def compute(self, context: MeasureContext) -> Iterable[MetricValue]:
        """Write attacked.npz (logits [n, C] of each attack, and the samples), pictures.npz and checks.json."""
        from roskdbench.measuring.attacks.measured import measure

        return measure(self, context)

    def recompute(self, predictions: Predictions, kept: Mapping[str, NDArray[Any]]) -> list[MetricValue] | None:
        """Scores before and after each attack, from the attacked images' logits."""
        before, after = self.before_and_after(predictions, kept)
        return before + [value for values in after.values() for value in values]

    def named_perturbations(self) -> Sequence[Facts]:
        """Its attacks; those of the sweep make curves."""
        return [each.facts for each in self.chosen]

    def passes(self, images: int) -> float:
        """Those of the attacks and of the checks."""
        return images * (PASSES * sum(each.steps_taken() for each in self.chosen) + CHECKS * len(self.sweep))

    def trusted(self, metric: str) -> bool:
        """Checks, and how far images were changed, need the model."""
        from roskdbench.measuring.attacks.names import CHECKS

        return metric == LARGEST_CHANGE or metric in CHECKS

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
        ]
        judged = numbers[numbers["metric"].isin(CHECKS) & (numbers["value"] < 1)]
        for (problem, method), rows in judged.groupby(["problem", "method"], sort=False):
            failed = dict.fromkeys(rows["metric"])
            if set(failed) == {SAME_OF_ALL}:
                lines.append(f"constant: {method} says the same of every image of {problem}.")
            else:
                lines.append(f"masked?: {method} on {problem} fails the check that {', and that '.join(failed)}.")
        return lines
