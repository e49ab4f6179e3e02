"""Experiments: which methods, students, overlaps, noises, folds and seeds are crossed, and what is measured."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PositiveInt, field_validator, model_validator

from roskdbench.suite.attacks import Attacks
from roskdbench.suite.declared import Declared
from roskdbench.suite.noise import NO_NOISE, Noise
from roskdbench.suite.protocol import Network, NetworkSpec, Share


class _MethodChoice(Declared):
    """A method of the registry, with parameters if they are not to be its defaults."""

    model_config = ConfigDict(extra="allow")

    method: str
    """The name it is registered under."""
    title: str | None = None
    """What tables call this row; the method's own title if left out."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything said about the method but its name and title."""
        return dict(self.model_extra or {})


def _method_from_name(value: Any) -> Any:
    return {"method": value} if isinstance(value, str) else value


MethodChoice = Annotated[_MethodChoice, BeforeValidator(_method_from_name, json_schema_input_type=str | _MethodChoice)]


class Scores(Declared):
    """Precision, recall, F1 and per-class AUC on the test part."""

    measure: Literal["scores"]


class Landscape(Declared):
    """The loss on a filter-normalised plane around the trained weights, how sharply it bends there, and, for averaged
    weights, on the line from the last ones.
    """

    measure: Literal["landscape"]
    points: Annotated[int, Field(ge=3)] = 51
    """On each side of the plane; odd, so that the trained weights are one of them."""
    clamp: Annotated[float, Field(gt=0)] = 8.0
    """Losses are cut at this height in drawings, and only there."""
    images: PositiveInt | None = 500
    """How many images the loss is over, the same ones for every method; all of the part if null."""
    part: Literal["test", "train"] = "test"
    """Images of the test part with true labels, or of the training part with the labels that training sees."""
    seed: int = 0
    """Of the directions, which all methods and all runs share."""

    @field_validator("points")
    @classmethod
    def _has_a_centre(cls, points: int) -> int:
        if points % 2 == 0:
            raise ValueError("an even number of points has none at the trained weights; take an odd one")
        return points


class Calibration(Declared):
    """ECE, Brier score, likelihood and reliability, before and after a temperature chosen on validation."""

    measure: Literal["calibration"]


class Memorisation(Declared):
    """Of the training labels that noise flipped: the share that student and teachers reproduce, and correct."""

    measure: Literal["memorisation"]


def _measure_from_name(value: Any) -> Any:
    return {"measure": value} if isinstance(value, str) else value


_Measures = Scores | Attacks | Landscape | Calibration | Memorisation
MeasureName = Literal["scores", "attacks", "landscape", "calibration", "memorisation"]
Measure = Annotated[
    _Measures,
    Field(discriminator="measure"),
    BeforeValidator(_measure_from_name, json_schema_input_type=MeasureName | _Measures),
]


class Experiment(Declared):
    """A grid of cells: problems x methods x students x overlap x noise x folds x seeds."""

    title: str = ""
    paper: Literal["table1", "table2", "table3", "figure2", "figure3", "figure4"] | None = None
    """The table or figure of the paper that this experiment repeats."""
    problems: list[str] = []
    """Names from the suite's problems; all of them if left out."""
    methods: Annotated[list[MethodChoice], Field(min_length=1)]
    students: Annotated[list[Network], Field(min_length=1)] = [NetworkSpec(model="resnet18")]
    overlap: Annotated[list[Share], Field(min_length=1)] = [0.4]
    noise: Annotated[list[Noise], Field(min_length=1)] = [NO_NOISE]
    """What is done to training labels: none, own (the problem's noisy copy), or a kind with its settings."""
    folds: PositiveInt = 1
    """1 splits once into train, validation and test; k > 1 is a k-fold cross-validation."""
    seeds: Annotated[list[int], Field(min_length=1)] = [0]
    measures: Annotated[list[Measure], Field(min_length=1)] = [Scores(measure="scores")]
    reference: str = "ros-kd"
    """The method, by name or title, that the others are compared with; nothing is compared where it has no row."""

    @model_validator(mode="after")
    def _cells_differ(self) -> "Experiment":
        """Two cells of one name would be one in every table."""
        axes: dict[str, Sequence[object]] = {
            "problems": self.problems,
            "students": [student.name for student in self.students],
            "overlap": self.overlap,
            "noise": [noise.name for noise in self.noise],
            "seeds": self.seeds,
            "measures": [measure.measure for measure in self.measures],
        }
        for axis, values in axes.items():
            twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
            if twice:
                hint = "; give them titles of their own" if axis in ("students", "noise") else ""
                raise ValueError(f"{axis} names '{twice[0]}' twice{hint}")
        return self
