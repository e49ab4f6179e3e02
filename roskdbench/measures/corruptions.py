"""`corruptions`: scores on test images that got worse where no one means harm, in five severities."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from roskdbench.measures.scores import COLUMNS, stored_scores
from roskdbench.plugins import register
from roskdbench.source import code_of
from roskdbench.suite.corruption import SEVERITIES, Corruption
from roskdbench.suite.measure import Column, Measure, Reads
from roskdbench.suite.plugged import one_of, registry_of
from roskdbench.values import Facts, MetricValue

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas
    from numpy.typing import NDArray
    from pydantic import ValidationInfo

    from roskdbench.jobs.measuring import MeasureContext
    from roskdbench.measuring.predictions import Predictions
    from roskdbench.suite.protocol import Protocol

if TYPE_CHECKING:
    AnyCorruption = Corruption
else:
    AnyCorruption = one_of(Corruption)

# What MedMNIST-C (Di Salvo et al. 2024) has for each modality, as far as it is here.
PRESETS: dict[str, tuple[str, ...]] = {
    "dermoscopy": ("defocus", "motion", "brightness", "contrast", "jpeg", "pixelation"),
    "x-ray": ("brightness", "contrast", "gamma", "defocus", "poisson", "jpeg", "pixelation"),
}
MEAN = "corruptions"
"""The mean over the corruptions, as a perturbation of its own."""


@register("corruptions")
class Corruptions(Measure):
    """Corruptions: the test part blurred, darkened, compressed and the like in five severities; scores before and
    after, and their means over corruptions.
    """

    reads: ClassVar[tuple[Reads, ...]] = ("predictions", "model")
    heading: ClassVar[str] = "under corruptions"
    perturbs: ClassVar[bool] = True
    perturbed_by: ClassVar[str] = "corruption"

    preset: Literal["dermoscopy", "x-ray"] | None = None
    corruptions: list[AnyCorruption] = []
    """Corruptions besides those of the preset; all that are bundled if neither is given."""
    severities: Annotated[list[Annotated[int, Field(ge=1, le=5)]], Field(min_length=1)] = list(SEVERITIES)
    images: PositiveInt | None = None
    """How many test images, the same ones for every method; all of them if left out."""

    @model_validator(mode="before")
    @classmethod
    def _with_those_of_the_preset(cls, given: Any, info: ValidationInfo) -> Any:
        """A preset is a list of names, which are read like those that are given."""
        if not isinstance(given, Mapping) or not isinstance(given.get("corruptions", []), list):
            return given
        own, preset = list(given.get("corruptions", [])), given.get("preset")
        if preset not in PRESETS and (own or preset is not None):
            return given
        there = [name for name, entry in registry_of(info).of("corruption").items() if entry.bundled]
        named = {each.get("corruption") if isinstance(each, Mapping) else each for each in own}
        more = [name for name in PRESETS.get(str(preset), there) if name not in named]
        return {**given, "corruptions": [*more, *own]}

    @model_validator(mode="after")
    def _corruptions_differ(self) -> Self:
        """Two of one name would be one in every table."""
        names = [each.name for each in self.corruptions]
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise ValueError(f"corruptions names '{twice[0]}' twice")
        return self

    def mentioned(self) -> set[tuple[str, str]]:
        """Itself and its corruptions."""
        return super().mentioned() | {(each.family, each.name) for each in self.corruptions}

    def code(self) -> dict[str, str]:
        """That of corruptions which are plugins."""
        found = super().code()
        for each in self.corruptions:
            found |= code_of(type(each))
        return found

    def compute(self, context: MeasureContext) -> Iterable[MetricValue]:
        """Write corrupted.npz (logits [n, C] of each corruption and severity, and the samples) and pictures.npz."""
        from roskdbench.measuring.corruptions import measure

        return measure(self, context)

    def recompute(self, predictions: Predictions, kept: Mapping[str, NDArray[Any]]) -> list[MetricValue] | None:
        """Scores before, at each severity, and the means over corruptions. Thresholds are tuned on clean images."""
        from roskdbench.measuring import values_of

        chosen = kept["chosen"]
        found = values_of(predictions.under(chosen, predictions.logits["test"][chosen]).score_rows())
        worse = {Facts(**json.loads(name)): logits for name, logits in kept.items() if name != "chosen"}
        after = {
            facts: values_of(predictions.under(chosen, logits).score_rows(), facts) for facts, logits in worse.items()
        }
        for severity in (*sorted(set(self.severities)), None):
            members = [rows for facts, rows in after.items() if severity in (None, facts.severity)]
            found += _means(members, Facts(perturbation=MEAN, severity=severity))
        return found + [value for rows in after.values() for value in rows]

    def kept(self, folder: Path, test: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Where the corrupted samples stand in the test part, and their logits by facts."""
        import numpy as np

        with np.load(folder / "corrupted.npz", allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        samples, order = arrays.pop("samples"), np.argsort(test)
        return {"chosen": order[np.searchsorted(test, samples, sorter=order)], **arrays}

    def named_perturbations(self) -> Sequence[Facts]:
        """The means over corruptions: of all severities, and of each. Single corruptions make curves."""
        return [Facts(perturbation=MEAN, severity=severity) for severity in (None, *sorted(set(self.severities)))]

    def stored_names(self, protocol: Protocol) -> dict[str, list[str]]:
        """As the scores."""
        return stored_scores(protocol)

    def table_columns(self, protocol: Protocol, shown: Sequence[str]) -> Sequence[Column]:
        """What its table of perturbations has."""
        return [COLUMNS[name] for name in shown if name in COLUMNS]

    def images_of(self, test_samples: float) -> float:
        """As many as are asked for."""
        return min(self.images or test_samples, test_samples)

    def passes(self, images: int) -> float:
        """One for each corruption and severity."""
        return float(images * len(self.corruptions) * len(set(self.severities)))

    def perturbation_notes(self, numbers: pandas.DataFrame) -> list[str]:
        """Which corruptions, and on what."""
        clean = numbers[(numbers["perturbation"] == "none") & (numbers["metric"] == "auc-macro")]
        images = ", ".join(f"{count:,}" for count in sorted(set(clean["n"])))
        names = ", ".join(each.name for each in self.corruptions)
        return [
            f"On {images} test images, the same for every method. corruptions: the mean over {names}; a number is the "
            "severity, from 1 to 5, and without one all severities count.",
            "F1 lost: before minus after; kept: the share that is left.",
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
