"""What a measure says of itself: what it reads, what it computes, and how its numbers are shown.

A measure is one class in one file. Tables, LaTeX, CSV, pages, boards and `leaderboard verify` follow from what it
declares; none of them knows a measure by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from roskdbench.source import code_of, together
from roskdbench.suite.plugged import Plugged
from roskdbench.values import ENSEMBLE, STUDENT, USUAL, Facts, MetricValue

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas
    from numpy.typing import NDArray

    from roskdbench.jobs.measuring import MeasureContext
    from roskdbench.measuring.predictions import Predictions
    from roskdbench.suite.problems import Task
    from roskdbench.suite.protocol import Protocol

Reads = Literal["predictions", "model", "labels", "substitute", "teachers", "attributes", "external"]
Statistic = Callable[..., float | None]
"""Takes truth, probabilities and decisions, of one class or of all, and gives a number; None where it is undefined."""
Decider = Callable[..., float | None]
"""Takes truth and scores of one class on validation, and gives the score at or above which the class is given; None
where validation does not tell.
"""
Numbers = Iterable[MetricValue] | Mapping[str, float | None]


@dataclass(frozen=True)
class Column:
    """A column of tables: a metric, whose it is, its heading, and which direction is better."""

    metric: str
    heading: str
    higher_is_better: bool | None = True
    """None where neither is."""
    statistic: Statistic | None = None
    """The metric as a function of the test part's predictions: it is then computed here, drawn again over patients for
    its interval, compared between rows, and set in bold where it is best.
    """
    over: Literal["classes", "samples"] = "classes"
    """Whether `statistic` takes one class at a time, and the mean over classes is shown, or everything at once."""
    has_draws: bool = False
    """Whether the measure itself keeps bootstrap draws of it."""
    compared: bool = True
    """Whether tables of differences have it, where there are draws."""
    counts: bool = False
    """Whether it is a number of things, and shown as a whole number."""
    subject: str = STUDENT
    """Whose number it is: the student's (or the ensemble's), or the mean over the teachers."""
    facts: Facts = USUAL
    group: str = ""
    """What stands above it; the measure's own heading if empty."""
    decided_by: Decider | None = None
    """How decisions are made for `statistic`, class by class; as the protocol says if left out. Thresholds come from
    validation, and stay what they are in draws and under attack.
    """
    whole: Statistic | None = None
    """What stands for all classes in place of the mean over them where there is one label, from everything at once."""
    resampled: bool = True
    """Whether `statistic` is drawn again over patients. Not where having samples twice moves it, as a calibration
    error: the interval would lie beside the value.
    """
    note: str = ""
    """What a reader of it must know, said under tables."""
    revision: int = 1
    """Raised when a bundled `statistic` computes something else."""

    @property
    def drawn(self) -> bool:
        """Whether there are draws of it, so that it has intervals and differences."""
        return self.has_draws or (self.statistic is not None and self.resampled)

    @property
    def code(self) -> dict[str, str]:
        """What tells `statistic` from another that is declared alike: a plugin's digest, or ours from the second on."""
        found = {} if self.statistic is None else code_of(self.statistic)
        return found if self.revision == 1 else {**found, self.metric: f"revision {self.revision}"}


class ConditionRow(NamedTuple):
    """A row that each method has in a measure's own table: numbers under some facts."""

    label: str
    facts: Facts
    suffix: str = ""
    """The end of the metrics' names there, such as -gap."""


class Measure(Plugged):
    """Something that is measured of models. Fields are its settings; override `evaluate` or `compute`."""

    family: ClassVar[str] = "measure"
    revision: ClassVar[int] = 1
    """Raised when the code of a bundled measure computes something else; a plugin's code counts by itself."""
    reads: ClassVar[tuple[Reads, ...]] = ("predictions",)
    """What it needs: with no more than predictions it can be verified on boards, and needs no GPU."""
    subjects: ClassVar[tuple[str, ...]] = (STUDENT, ENSEMBLE)
    """Whom it is about: the student, the ensemble in a student's place, each teacher."""
    columns: ClassVar[tuple[Column, ...]] = ()
    """What the table of scores has of it."""
    heading: ClassVar[str] = ""
    """What stands above its columns, after the problem's name; nothing if empty."""
    rows_by: ClassVar[str] = ""
    """What the rows of a table of its own are, such as group, beside those of methods; it has none if empty."""
    perturbs: ClassVar[bool] = False
    """Whether it has scores under perturbations, which are a table of their own."""
    perturbed_by: ClassVar[str] = "perturbation"
    """What that table calls a perturbation."""
    checks_itself: ClassVar[bool] = False
    """Whether it checks its perturbations, too: what `verdicts` names is then there, as 0 or 1."""
    command: ClassVar[str] = ""
    """The command that takes this measure of a single model file, if there is one."""
    drawn_only: ClassVar[frozenset[str]] = frozenset()
    """Settings that change pictures and no number."""

    def evaluate(self, predictions: Predictions) -> Numbers:
        """Numbers from predictions alone. Columns with a `statistic` are computed already."""
        return {}

    def compute(self, context: MeasureContext) -> Iterable[MetricValue]:
        """Numbers from all that it reads; what it keeps beside them is written into the context's folder."""
        return self.numbers(context.predictions)

    def recompute(self, predictions: Predictions, kept: Mapping[str, NDArray[Any]]) -> list[MetricValue] | None:
        """What of its numbers follows from predictions and from what a board keeps of it; None if nothing does."""
        return self.numbers(predictions) if self.reads == ("predictions",) else None

    def kept(self, folder: Path, test: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Arrays of its artifact that a board keeps, so that its numbers can be computed again."""
        return {}

    def stored_names(self, protocol: Protocol) -> dict[str, list[str]]:
        """Under which names the metrics that tables show may be stored."""
        return {column.metric: [column.metric] for column in self.columns}

    def table_columns(self, protocol: Protocol, shown: Sequence[str]) -> Sequence[Column]:
        """The columns of the table of scores."""
        return self.columns

    @property
    def result_name(self) -> str:
        """What its numbers stand under in results."""
        return self.name

    def condition_rows(self, numbers: pandas.DataFrame) -> Sequence[ConditionRow]:
        """The rows of its own table, from its numbers on a problem."""
        return ()

    def other_problems(self) -> Sequence[tuple[str, str]]:
        """Other problems of the suite whose images it looks at, and which of their parts: test or all."""
        return ()

    def sides_of(self, metric: str) -> tuple[str, str]:
        """Under which names the parts of a metric are drawn that come from images at home, and from another problem's;
        empty if none do. Asked of metrics that were measured on another problem.
        """
        return "", metric

    def mentioned(self) -> set[tuple[str, str]]:
        """What it needs of plugins, by family and name: itself, and what its settings name."""
        return {(self.family, self.name)}

    def named_perturbations(self) -> Sequence[Facts]:
        """The perturbations that its settings name one by one, each a row of its table; without any, all are rows."""
        return ()

    def code(self) -> dict[str, str]:
        """Digests of the files outside roskdbench whose code it runs."""
        return together(code_of(type(self)), *(column.code for column in self.columns))

    def statistics(self) -> Sequence[Column]:
        """The columns that are functions of predictions."""
        return [column for column in self.columns if column.statistic is not None]

    def draws(self, predictions: Predictions, seed: int) -> Mapping[str, NDArray[np.floating[Any]]]:
        """Bootstrap draws of columns that say they have such, by metric and, of one class, by "metric|class". Those of
        statistics are made without it.
        """
        return {}

    def numbers(self, predictions: Predictions) -> list[MetricValue]:
        """The columns that are statistics, and what `evaluate` gives."""
        found = [value for column in self.statistics() for value in predictions.statistic(column)]
        given = self.evaluate(predictions)
        if isinstance(given, Mapping):
            return found + [MetricValue(name, value, len(predictions)) for name, value in given.items()]
        return found + list(given)

    def passes(self, images: int) -> float:
        """How many forward passes of an image it takes, for estimates."""
        return float(images)

    def images_of(self, test_samples: float) -> float:
        """How many test images it looks at, for estimates."""
        return test_samples

    def notes(self, numbers: pandas.DataFrame) -> list[str]:
        """What a reader of its numbers in the table of scores must know."""
        return [column.note for column in self.statistics() if column.note]

    def perturbation_notes(self, numbers: pandas.DataFrame) -> list[str]:
        """What a reader of its table of perturbations must know."""
        return []

    def verdicts(self, numbers: pandas.DataFrame) -> dict[str, str]:
        """Of each metric that is a check, what is to be said of a row where it is below 1."""
        return {}

    def attributes_wanted(self) -> Sequence[str]:
        """Attributes of samples that it cannot be taken without, such as sex."""
        return ()

    def objection(self, task: Task, classes: Sequence[str]) -> str | None:
        """Why it cannot be taken on a problem of this task with these classes (none where they are not known yet), or
        None.
        """
        return None

    def trusted(self, metric: str) -> bool:
        """Whether a metric is one that `recompute` cannot give."""
        return False

    @cached_property
    def counted(self) -> dict[str, Any]:
        """What of its declaration changes numbers."""
        return {name: value for name, value in self.declaration().items() if name not in self.drawn_only}

    def inputs_beside(self) -> tuple[Reads, ...]:
        """What it reads with these settings."""
        return self.reads
