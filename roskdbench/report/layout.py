"""An experiment layout out as its tables and figures show it: rows, problems, and what is known of each. Made once."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from roskdbench.errors import UserError, nearest
from roskdbench.measures import LEVELS
from roskdbench.plan import Cell
from roskdbench.report.evidence import Evidence, Key, Run
from roskdbench.report.table import Estimate
from roskdbench.results import SCORES, Results
from roskdbench.suite import Suite

if TYPE_CHECKING:
    import pandas

AXES = ("student", "overlap", "noise")
METRICS = ("precision", "recall", "f1")
HEADINGS = {"precision": "P", "recall": "R", "f1": "F1", "auc": "AUC"}
CALIBRATED = {"ece": "ECE", "brier": "Brier", "nll": "NLL", "temperature": "T", "ece@scaled": "ECE at T"}
LANDSCAPED = {
    "loss": "loss",
    **{f"basin+{level:g}": f"basin +{level:g}" for level in LEVELS},
    "sharpness": "sharpness",
    "eigenvalue": "eigenvalue",
    "barrier": "barrier",
}
STUDENT, TEACHERS = "flipped labels, student", "flipped labels, teacher"


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
        self.names = stored_names(suite)
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

    @cached_property
    def conditions(self) -> set[str]:
        """Under which anything was measured."""
        return set(self.frame["condition"].unique())

    @cached_property
    def evidence(self) -> Evidence:
        """The draws behind the rows."""
        return Evidence(self.results, self.experiment, self.axes)

    @cached_property
    def values(self) -> dict[Key, dict[Run, float]]:
        """For each row, problem, condition and metric the value of every run. Teachers are one condition."""
        names = {metric: metric for metric in ("memorised", "corrected", *CALIBRATED, *LANDSCAPED)}
        names |= {name: metric for metric, stored in self.names.items() for name in stored}
        part = self.frame[(self.frame["class"] == "") & self.frame["metric"].isin(list(names))]
        found: dict[Key, dict[Run, list[float]]] = {}
        for *place, condition, metric, run, value in self.numbers(part, ["problem", "condition", "metric"]):
            under = TEACHERS if condition.startswith(TEACHERS) else condition
            found.setdefault((*place, under, names[metric]), {}).setdefault(run, []).append(value)
        return {key: {run: sum(each) / len(each) for run, each in runs.items()} for key, runs in found.items()}

    def numbers(self, part: "pandas.DataFrame", keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Of some results that have a value: the row and these keys, one by one, then the run and the value."""
        part = part[part["value"].notna()]
        columns = [part[name].tolist() for name in [*self.labels, *keys]]
        runs = list(zip(part["fold"].tolist(), part["seed"].tolist(), strict=True))
        return zip(*columns, runs, part["value"].tolist(), strict=True)

    def runs_by(self, part: "pandas.DataFrame", keys: Sequence[str]) -> dict[Key, dict[Run, float]]:
        """The value of every run for each row and these keys."""
        found: dict[Key, dict[Run, float]] = {}
        for *place, run, value in self.numbers(part, keys):
            found.setdefault(tuple(place), {})[run] = value
        return found

    def state(self, row: Key, problem: str, measure: str) -> str | None:
        """What stands in place of a measure's numbers where a run of the row on the problem has none."""
        return self._states.get((*row, problem, SCORES)) or self._states.get((*row, problem, measure))

    @cached_property
    def _states(self) -> dict[Key, str]:
        gaps = (gap for gap in self.results.gaps if gap.cell.experiment == self.experiment)
        return {(*self.row(gap.cell), gap.cell.problem, each): gap.state for gap in gaps for each in gap.without}


def layout_of(results: Results, experiment: str, axes: Sequence[str] | None = None) -> Layout:
    """The experiment layout out, the same for all who ask."""
    key = ("layout", experiment, None if axes is None else tuple(axes))
    made: Layout = results.once(key, lambda: Layout(results, experiment, axes))
    return made


def shown_metric(suite: Suite, metric: str, task_suffix: bool) -> str:
    """The stored name of a metric as the protocol wants it shown."""
    if metric == "auc":
        return "auc-macro"
    return f"{metric}-{suite.protocol.average}" + (f"@{suite.protocol.threshold}" if task_suffix else "")


def stored_names(suite: Suite) -> dict[str, list[str]]:
    """The names under which a shown metric may be stored, for single-label and multi-label problems."""
    return {metric: [shown_metric(suite, metric, suffix) for suffix in (False, True)] for metric in HEADINGS}


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
