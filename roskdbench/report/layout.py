"""An experiment laid out as its tables and figures show it: rows, problems, and what is known of each. Made once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from roskdbench.errors import UserError, nearest
from roskdbench.plan import Cell
from roskdbench.plan.graph import AXES
from roskdbench.plan.shown import shown_metrics
from roskdbench.report.evidence import Evidence, Key, Run, Source
from roskdbench.report.table import Estimate
from roskdbench.results import FACTS, Results
from roskdbench.suite import Suite
from roskdbench.suite.experiments import EVERY_CELL
from roskdbench.suite.measure import Column, Measure
from roskdbench.values import ENSEMBLE, STUDENT, USUAL, Facts

if TYPE_CHECKING:
    import pandas


class Condition(NamedTuple):
    """What a number was measured under: by which measure, of whom, and with which facts."""

    measure: str = EVERY_CELL
    subject: str = STUDENT
    facts: Facts = USUAL


CHANCE = 0.5  # of an AUC
PASSED = "passed"
"""What is said of a row whose measure finds nothing wrong with itself."""

CLEAN = Condition()


class Layout:
    """Rows are methods by the axes on which the experiment's cells differ, or by the axes asked for."""

    def __init__(self, results: Results, experiment: str, axes: Sequence[str] | None = None) -> None:
        suite = results.plan.suite
        if experiment not in suite.experiments:
            raise UserError(f"the suite has no experiment '{experiment}'; {nearest(experiment, suite.experiments)}")
        self.results, self.experiment, self.declared = results, experiment, suite.experiments[experiment]
        self.title = self.declared.title or experiment
        self.cells = [cell for cell in results.plan.cells if cell.experiment == experiment]
        self.axes = varying_axes(self.cells) if axes is None else list(axes)
        self.labels = ["method", *self.axes]
        self.problems = list(dict.fromkeys(cell.problem for cell in self.cells))
        self.methods = list(dict.fromkeys(cell.method for cell in self.cells))
        self.measures: Mapping[str, Measure] = results.plan.measures[experiment]
        self.shown = shown_metrics(suite, experiment)
        self.rows: dict[Key, dict[str, Cell]] = {}
        """Of each row a cell for every problem."""
        for cell in self.cells:
            self.rows.setdefault(self.row(cell), {})[cell.problem] = cell

    def row(self, cell: Cell) -> Key:
        """The row that a cell is in."""
        return (cell.method, *(getattr(cell, axis) for axis in self.axes))

    @cached_property
    def frame(self) -> "pandas.DataFrame":
        """The experiment's results."""
        return self.results.frame[self.results.frame["experiment"] == self.experiment]

    def numbers_of(self, measure: str) -> "pandas.DataFrame":
        """The results of one of its measures."""
        return self.frame[self.frame["measure"] == measure]

    @cached_property
    def evidence(self) -> Evidence:
        """The draws behind the rows."""
        return Evidence(self.results, self.experiment, self.axes)

    @cached_property
    def names(self) -> dict[str, dict[str, list[str]]]:
        """Of each measure the names under which the metrics that tables show may be stored."""
        protocol = self.results.plan.suite.protocol
        return {name: measure.stored_names(protocol) for name, measure in self.measures.items()}

    @cached_property
    def columns(self) -> dict[str, Sequence[Column]]:
        """Of each measure its columns in the table of scores."""
        protocol = self.results.plan.suite.protocol
        return {name: each.table_columns(protocol, self.shown) for name, each in self.measures.items()}

    def source(self, metric: str, measure: str = EVERY_CELL, facts: Facts = USUAL) -> Source:
        """Where the draws of a metric are."""
        declared, names = self.measures[measure], self.names[measure].get(metric, [metric])

        def drawn(names: Iterable[str]) -> tuple[str, ...]:
            return tuple(f"{name}{facts.drawn_as}" for name in names if name)

        if not facts.test_set:
            return Source(measure, drawn(names))
        home, away = zip(*map(declared.sides_of, names), strict=True)
        return Source(measure, drawn(names), drawn(home), drawn(away), self._elsewhere_is_one(declared, facts))

    def _elsewhere_is_one(self, measure: Measure, facts: Facts) -> bool:
        """Whether every run meets the same images of the other problem that a number is of."""
        part = dict(measure.other_problems()).get(facts.test_set)
        suite = self.results.plan.suite
        if part is None:
            return False
        return part == "all" or not suite.protocol.split.per_seed or suite.problems[facts.test_set].keeps_test_part

    @cached_property
    def conditions(self) -> set[tuple[str, Condition]]:
        """For each problem what anything was measured under."""
        return {(problem, condition) for *_, problem, condition, _ in self.values}  # type: ignore[misc]

    @cached_property
    def values(self) -> dict[Key, dict[Run, float]]:
        """For each row, problem, condition and shown metric the value of every run. Teachers are one subject."""
        shown = {
            (measure, name): metric
            for measure, metrics in self.names.items()
            for metric, stored in metrics.items()
            for name in stored
        }
        stored = {name for _, name in shown}
        part = self.frame[(self.frame["class"] == "") & self.frame["metric"].isin(stored)]
        found: dict[Key, dict[Run, list[float]]] = {}
        conditions: dict[tuple[Any, ...], Condition] = {}
        keys = ["problem", "measure", "subject", *FACTS, "metric"]
        for *place, run, value in self.numbers(part, keys):
            *row, problem, measure, subject = place[: len(self.labels) + 3]
            if (metric := shown.get((measure, place[-1]))) is None:
                continue
            what = tuple(place[len(self.labels) + 1 : -1])
            if what not in conditions:
                who = STUDENT if subject == ENSEMBLE else subject
                conditions[what] = Condition(measure, who, facts_of(what[2:]))
            found.setdefault((*row, problem, conditions[what], metric), {}).setdefault(run, []).append(value)
        return {key: {run: sum(each) / len(each) for run, each in runs.items()} for key, runs in found.items()}

    def numbers(self, part: "pandas.DataFrame", keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Of some results that have a value: the row and these keys, one by one, then the run and the value."""
        part = part[part["value"].notna()]
        columns = [_plain(part[name]) for name in [*self.labels, *keys]]
        runs = list(zip(part["fold"].tolist(), part["seed"].tolist(), strict=True))
        return zip(*columns, runs, part["value"].tolist(), strict=True)

    def checked(self, measure: str) -> dict[Key, str]:
        """For each row and problem whether the measure's checks of itself passed in every run, or what the first that
        failed says; a worse word goes before.
        """
        numbers = self.numbers_of(measure)
        words = self.measures[measure].verdicts(numbers)
        found: dict[Key, str] = {}
        of_checks = numbers[numbers["metric"].isin(list(words))]
        for *place, check, _, value in self.numbers(of_checks, ["problem", "metric"]):
            found.setdefault(tuple(place), PASSED)
            if value < 1 and not found[tuple(place)].endswith("?"):
                found[tuple(place)] = words[check]
        return found

    def runs_by(self, part: "pandas.DataFrame", keys: Sequence[str]) -> dict[Key, dict[Run, float]]:
        """The value of every run for each row and these keys."""
        found: dict[Key, dict[Run, float]] = {}
        for *place, run, value in self.numbers(part, keys):
            found.setdefault(tuple(place), {})[run] = value
        return found

    @property
    def runs_that_count(self) -> int:
        """How many runs a row has, if none is missing: seeds of one fold are one run."""
        declared = self.declared
        runs = [(fold, seed) for fold in range(declared.folds) for seed in declared.seeds]
        return len(self.evidence.apart(runs))

    def is_at_chance(self, place: Key) -> bool:
        """Whether a row is not surely better than chance on a problem to begin with, by the interval of its AUC."""
        runs = self.values.get((*place, CLEAN, "auc"), {})
        found = self.evidence.interval(place, runs, self.source("auc")) if runs else None
        return found is not None and found[0] <= CHANCE

    def state(self, row: Key, problem: str, measure: str) -> str | None:
        """What stands in place of a measure's numbers where a run of the row on the problem has none."""
        return self._states.get((*row, problem, EVERY_CELL)) or self._states.get((*row, problem, measure))

    def whole(self, row: Key, problem: str, condition: Condition, metric: str) -> dict[Run, float]:
        """The value of every run of a row; none where one has none, and a mean would be of the others."""
        found = self.values.get((*row, problem, condition, metric), {})
        return {} if self.state(row, problem, condition.measure) else found

    @cached_property
    def _states(self) -> dict[Key, str]:
        gaps = (gap for gap in self.results.gaps if gap.cell.experiment == self.experiment)
        return {(*self.row(gap.cell), gap.cell.problem, each): gap.state for gap in gaps for each in gap.without}


def layout_of(results: Results, experiment: str, axes: Sequence[str] | None = None) -> Layout:
    """The experiment laid out, the same for all who ask."""
    key = ("layout", experiment, None if axes is None else tuple(axes))
    made: Layout = results.once(key, lambda: Layout(results, experiment, axes))
    return made


def _plain(column: "pandas.Series[Any]") -> list[Any]:
    """The values of a column, None where a number is empty."""
    values = column.tolist()
    return [None if isnan(value) else value for value in values] if column.dtype == float else values


def facts_of(values: Iterable[Any]) -> Facts:
    """Facts as they stand in the frame's columns, where a number may be empty."""
    facts = Facts._make(None if isinstance(value, float) and isnan(value) else value for value in values)
    whole: dict[str, Any] = {
        name: int(value) for name in ("severity", "steps", "restarts") if (value := getattr(facts, name)) is not None
    }
    return facts._replace(**whole)


def shown_name(suite: Suite, layout: Layout, metric: str) -> str:
    """What a figure's axis calls a metric."""
    heading = next(
        (column.heading for columns in layout.columns.values() for column in columns if column.metric == metric), metric
    )
    return f"{heading} ({suite.protocol.average})" if metric in ("precision", "recall", "f1") else heading


def varying_axes(cells: Sequence[Cell]) -> list[str]:
    """The axes on which the cells differ: each becomes a column of labels."""
    return [axis for axis in AXES if len({getattr(cell, axis) for cell in cells}) > 1]


def number_of(runs: dict[Run, float] | None) -> Estimate | None:
    """Mean and spread of a value's runs; None where there are none."""
    if not runs:
        return None
    values = np.array(list(runs.values()))
    return Estimate(float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None, len(values))


def text_of(value: object) -> str:
    """A point of an axis as a row's label."""
    return f"{value:g}" if isinstance(value, float) else str(value)
