"""Experiments: which methods, students, overlaps, noises, folds and seeds are crossed, and what is measured."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PositiveInt, field_validator, model_validator

from roskdbench.suite.declared import Declared
from roskdbench.suite.elsewhere import Elsewhere
from roskdbench.suite.measure import Measure
from roskdbench.suite.metric_presets import Shown
from roskdbench.suite.noise import NO_NOISE, Noise
from roskdbench.suite.parameter_axes import AxisPoint, axis_name, spread_out, with_points
from roskdbench.suite.plugged import one_of
from roskdbench.suite.protocol import Network, NetworkSpec, Share


class _MethodChoice(Declared):
    """A method of the registry, with parameters if they are not to be its defaults."""

    model_config = ConfigDict(extra="allow")

    method: str
    """The name it is registered under."""
    title: str | None = None
    """What tables call this row; the method's own title if left out."""
    budget: str | None = None
    """`as NAME`: students train for as many epochs as make them, and their own teachers, cost what that method does."""

    @field_validator("budget")
    @classmethod
    def _is_anothers(cls, budget: str | None) -> str | None:
        if budget is not None and not (budget.startswith("as ") and budget[3:].strip()):
            raise ValueError("write it as `as NAME`, such as `as ros-kd`")
        return budget

    @property
    def budget_of(self) -> str | None:
        """The name of the method whose cost is to be met."""
        return None if self.budget is None else self.budget[3:].strip()

    along: dict[str, AxisPoint] = {}
    """Where the row stands on axes of its parameters; made of `PARAMETER: {axis: [...]}`."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything said about the method but its name and title."""
        return with_points(self.model_extra or {}, self.along)

    @property
    def points(self) -> tuple[tuple[str, str | float], ...]:
        """The axes by their names, and where on them it stands."""
        return tuple((axis_name(path), point.label) for path, point in self.along.items())


def _method_from_name(value: Any) -> Any:
    return {"method": value} if isinstance(value, str) else value


MethodChoice = Annotated[_MethodChoice, BeforeValidator(_method_from_name, json_schema_input_type=str | _MethodChoice)]


if TYPE_CHECKING:
    AnyMeasure = Measure
else:
    AnyMeasure = one_of(Measure)

EVERY_CELL = "scores"
"""The measure that every cell has, whatever else is asked for."""


Seed = Annotated[int, Field(ge=0, lt=2**63)]
MOST_SEEDS = 1000


def _counted(value: object) -> object:
    """A number of seeds as the first so many."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST_SEEDS:
        return list(range(value))
    raise ValueError(f"give seeds such as [0, 1, 2], or how many there are, from 1 to {MOST_SEEDS:,}")


Seeds = Annotated[
    list[Seed],
    BeforeValidator(_counted, json_schema_input_type=list[Seed] | PositiveInt),
    Field(min_length=1, max_length=MOST_SEEDS),
]
"""A list, or how many: 5 is [0, 1, 2, 3, 4]."""


class Experiment(Declared):
    """A grid of cells: problems x methods x students x overlap x noise x folds x seeds."""

    title: str = ""
    paper: Literal["table1", "table2", "table3", "figure2", "figure3", "figure4"] | None = None
    """The table or figure of the paper that this experiment repeats."""
    problems: list[str] = []
    """Names from the suite's problems; all of them if left out."""
    methods: Annotated[list[MethodChoice], BeforeValidator(spread_out), Field(min_length=1)]
    """Names, or mappings with parameters. `temperature: {axis: [.5, 1, 2]}` is a row at each of these points."""
    students: Annotated[list[Network], Field(min_length=1)] = [NetworkSpec(model="resnet18")]
    overlap: Annotated[list[Share], Field(min_length=1)] = [0.4]
    noise: Annotated[list[Noise], Field(min_length=1)] = [NO_NOISE]
    """What is done to training labels: none, own (the problem's noisy copy), or a kind with its settings."""
    folds: Annotated[PositiveInt, Field(le=100)] = 1
    """1 splits once into train, validation and test; k > 1 is a k-fold cross-validation."""
    seeds: Seeds = [0]
    """A list, or how many there are: 5 is [0, 1, 2, 3, 4]."""
    measures: list[AnyMeasure] = []
    """What is measured besides the scores, which every cell has."""
    external: list[Elsewhere] = []
    """Other problems of the suite whose images its models are tested on, too."""
    shown: Shown | None = None
    """Which metrics its tables show; the protocol's if left out."""
    beside: list[Literal["family", "cost", "seconds"]] = []
    """What stands beside the rows of the score table: the methods' family, by which rows are then grouped; their cost
    in training passes with their teachers', relative to a student's on labels alone; the seconds that took here.
    """
    reference: str = "ros-kd"
    """The method, by name or title, that the others are compared with; nothing is compared where it has no row."""

    @field_validator("measures", mode="after")
    @classmethod
    def _without_what_every_cell_has(cls, measures: list[Measure]) -> list[Measure]:
        return [measure for measure in measures if measure.name != EVERY_CELL]

    @model_validator(mode="after")
    def _cells_differ(self) -> "Experiment":
        """Two cells of one name would be one in every table."""
        axes: dict[str, Sequence[object]] = {
            "problems": self.problems,
            "students": [student.name for student in self.students],
            "overlap": self.overlap,
            "noise": [noise.name for noise in self.noise],
            "seeds": self.seeds,
            "external": [each.problem for each in self.external],
            "measures": [measure.canonical for measure in self.measures],
        }
        for axis, values in axes.items():
            twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
            if twice:
                named = json.loads(str(twice[0]))["measure"] if axis == "measures" else twice[0]
                hint = "; give them titles of their own" if axis in ("students", "noise") else ""
                raise ValueError(f"{axis} names '{named}' twice{hint}")
        return self
