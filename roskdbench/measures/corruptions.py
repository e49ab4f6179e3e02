"""`corruptions`: scores on test images that got worse where no one means harm, in five severities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from roskdbench.measures._perturbing import COST_NOTE, Perturbing, by_facts, images_in
from roskdbench.plugins import register
from roskdbench.suite.corruption import SEVERITIES, Corruption
from roskdbench.suite.measure import Reads
from roskdbench.suite.plugged import one_of, registry_of
from roskdbench.values import Facts, MetricValue

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from numpy.typing import NDArray
    from pydantic import ValidationInfo

    from roskdbench.jobs.measuring import MeasureContext
    from roskdbench.measuring.predictions import Predictions

if TYPE_CHECKING:
    AnyCorruption = Corruption
else:
    AnyCorruption = one_of(Corruption)

NOISE = ("poisson", "gaussian", "speckle", "impulse")
LIGHT = ("brightness", "contrast", "high-contrast")
ARCHIVE = ("jpeg", "pixelation")
# What MedMNIST-C (Di Salvo et al. 2024) has for DermaMNIST and ChestMNIST, and hair, ink, exposure and grid besides.
# Its brightness up and down are one corruption here, as are its gammas; its Gaussian blur is `defocus`.
PRESETS: dict[str, tuple[str, ...]] = {
    "dermoscopy": ("defocus", "motion", "zoom", *LIGHT, *NOISE, *ARCHIVE, "hair", "ink", "black-corner", "characters"),
    "x-ray": ("defocus", *LIGHT, "gamma", "exposure", *NOISE, "grid", *ARCHIVE),
}
MEAN = "corruptions"
"""The mean over the corruptions, as a perturbation of its own."""


@register("corruptions")
class Corruptions(Perturbing):
    """Corruptions: the test part blurred, darkened, compressed and the like in five severities; scores before and
    after, and their means over corruptions.
    """

    revision: ClassVar[int] = 2
    reads: ClassVar[tuple[Reads, ...]] = ("predictions", "model")
    heading: ClassVar[str] = "under corruptions"
    file: ClassVar[str] = "corrupted.npz"
    perturbed_by: ClassVar[str] = "corruption"

    preset: Literal["dermoscopy", "x-ray"] | None = None
    corruptions: list[AnyCorruption] = []
    """Corruptions besides those of the preset; all that are bundled if neither is given."""
    severities: Annotated[list[Annotated[int, Field(ge=1, le=5)]], Field(min_length=1)] = list(SEVERITIES)

    @property
    def perturbations(self) -> Sequence[Corruption]:
        """Its corruptions."""
        return self.corruptions

    @model_validator(mode="before")
    @classmethod
    def _with_those_of_the_preset(cls, given: Any, info: ValidationInfo) -> Any:
        """A preset is a list of names, which are read like those that are given. It is not kept itself: what a suite
        meant when it was run stays as it was when the preset grows.
        """
        if not isinstance(given, Mapping) or not isinstance(given.get("corruptions", []), list):
            return given
        own, preset = list(given.get("corruptions", [])), given.get("preset")
        if preset not in PRESETS and (own or preset is not None):
            return given
        there = [name for name, entry in registry_of(info).of("corruption").items() if entry.bundled]
        named = {each.get("corruption") if isinstance(each, Mapping) else each for each in own}
        more = [name for name in PRESETS.get(str(preset), there) if name not in named]
        return {**given, "preset": None, "corruptions": [*more, *own]}

    @model_validator(mode="after")
    def _corruptions_differ(self) -> Self:
        """Two of one name would be one in every table."""
        names = [each.name for each in self.corruptions]
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise ValueError(f"corruptions names '{twice[0]}' twice")
        return self

    def compute(self, context: MeasureContext) -> Iterable[MetricValue]:
        """Write corrupted.npz (logits [n, C] of each corruption and severity, and the samples) and pictures.npz."""
        from roskdbench.measuring.corruptions import measure

        return measure(self, context)

    def recompute(self, predictions: Predictions, kept: Mapping[str, NDArray[Any]]) -> list[MetricValue] | None:
        """Scores before, at each severity, and the means over corruptions."""
        found, after = self.before_and_after(predictions, kept)
        for severity in (*sorted(set(self.severities)), None):
            members = [rows for facts, rows in after.items() if severity in (None, facts.severity)]
            found += _means(members, Facts(perturbation=MEAN, severity=severity))
        return found + [value for rows in after.values() for value in rows]

    def logits_of(
        self, predictions: Predictions, kept: Mapping[str, NDArray[Any]]
    ) -> Mapping[Facts, Sequence[NDArray[np.float32]]]:
        """Those of all corruptions at a severity, or at any."""
        logits = by_facts(kept)
        return {
            each: [array for facts, array in logits.items() if each.severity in (None, facts.severity)]
            for each in self.named_perturbations()
        }

    def named_perturbations(self) -> Sequence[Facts]:
        """The means over corruptions: of all severities, and of each. Single corruptions make curves."""
        return [Facts(perturbation=MEAN, severity=severity) for severity in (None, *sorted(set(self.severities)))]

    def passes(self, images: int) -> float:
        """One for each corruption and severity."""
        return float(images * len(self.corruptions) * len(set(self.severities)))

    def perturbation_notes(self, numbers: pandas.DataFrame) -> list[str]:
        """Which corruptions, and on what."""
        names = ", ".join(each.name for each in self.corruptions)
        return [
            f"On {images_in(numbers)} test images, the same for every method. corruptions: the mean over {names}; a "
            "number is the severity, from 1 to 5, and without one all severities count.",
            COST_NOTE,
        ]


def _means(members: Sequence[Sequence[MetricValue]], facts: Facts) -> list[MetricValue]:
    """Of each metric and class the mean over those that have it."""
    import numpy as np

    values: dict[tuple[str, str], list[MetricValue]] = {}
    for value in (each for rows in members for each in rows):
        values.setdefault((value.metric, value.label), []).append(value)
    found = []
    for (metric, label), each in values.items():
        known = [value.value for value in each if value.value is not None]
        found.append(MetricValue(metric, float(np.mean(known)) if known else None, each[0].samples, label, facts))
    return found
