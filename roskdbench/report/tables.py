"""The score table of an experiment: methods by problems, mean and spread over folds and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from roskdbench.errors import UserError, nearest
from roskdbench.measures import CALIBRATION, CLEAN, CORRECTED, LANDSCAPE, LEVELS
from roskdbench.plan import Cell
from roskdbench.report import paper
from roskdbench.report.evidence import Evidence, Key, Run
from roskdbench.report.notes import notes
from roskdbench.results import Results
from roskdbench.suite import Suite

if TYPE_CHECKING:
    import pandas

METRICS = ("precision", "recall", "f1")
HEADINGS = {"precision": "P", "recall": "R", "f1": "F1", "auc": "AUC"}
STUDENT, TEACHERS = "flipped labels, student", "flipped labels, teacher"
MEMORY = (
    ("memorised", STUDENT, "memorised"),
    ("corrected", STUDENT, "corrected"),
    ("memorised", TEACHERS, "by teachers"),
)
CALIBRATED = {"ece": "ECE", "brier": "Brier", "nll": "NLL", "temperature": "T", "ece@scaled": "ECE at T"}
LANDSCAPED = {
    "loss": "loss",
    **{f"basin+{level:g}": f"basin +{level:g}" for level in LEVELS},
    "sharpness": "sharpness",
    "eigenvalue": "eigenvalue",
    "barrier": "barrier",
}
AXES = ("student", "overlap", "noise")


@dataclass(frozen=True)
class Number:
    """A mean over runs. The spread is the sample standard deviation; None where there is one run."""

    mean: float
    spread: float | None
    runs: int
    best: bool = False
    low: float | None = None
    high: float | None = None
    """Between which it lies, at 95 %, where that is known."""


@dataclass(frozen=True)
class Shift:
    """How far a row is from the one it is compared with; sure where the interval leaves zero out."""

    value: float
    low: float
    high: float
    p: float
    """After the correction for how many rows are compared."""

    @property
    def sure(self) -> bool:
        """Whether it may be called better or worse."""
        return self.low > 0 or self.high < 0


Value = Number | Shift | str | None
"""What a cell of a table holds: a number, a difference, a word such as "diverged", or nothing."""


@dataclass(frozen=True)
class Column:
    """A column of numbers: one metric on one problem, under one condition."""

    problem: str
    metric: str
    heading: str
    condition: str = CLEAN
    printed: bool = False
    """Whether its numbers are the paper's."""

    @property
    def group(self) -> str:
        """What stands above it."""
        if self.condition == CLEAN:
            return self.problem
        if self.condition.startswith("flipped labels"):
            return f"{self.problem}, flipped training labels"
        return f"{self.problem}, {self.condition}"


@dataclass
class Table:
    """What a format lays out."""

    name: str
    title: str
    labels: list[str]
    columns: list[Column]
    rows: list[tuple[list[str], list[Value]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def score_table(results: Results, experiment: str, compare: str = "none") -> Table:
    """Precision, recall, F1 as the protocol averages them, and mean AUC; `compare="paper"` adds the paper's columns."""
    suite = results.plan.suite
    if experiment not in suite.experiments:
        raise UserError(f"the suite has no experiment '{experiment}'; {nearest(experiment, suite.experiments)}")
    cells = [cell for cell in results.plan.cells if cell.experiment == experiment]
    declared = suite.experiments[experiment]
    axes = varying_axes(cells)
    beside = compare == "paper" and declared.paper == "table1"
    columns = _columns(results, experiment, list(dict.fromkeys(cell.problem for cell in cells)), beside)
    table = Table(experiment, declared.title or experiment, ["method", *axes], columns)
    rows = list(
        dict.fromkeys((cell.method, cell.registered, *(getattr(cell, axis) for axis in axes)) for cell in cells)
    )
    values = values_of(results.frame, experiment, axes, suite)
    states = states_of(results, experiment, axes)
    evidence, names = Evidence(results, experiment, axes), stored_names(suite)
    for title, registered, *place in rows:
        row: list[Value] = []
        for column in columns:
            if column.printed:
                printed = paper.table1(registered, column.problem, column.metric)
                row.append(None if printed is None else Number(printed, None, 1))
                continue
            state = states.get((title, *place, column.problem))
            number = number_of(values.get((title, *place, *_what(column))))
            if number and column.condition == CLEAN:
                number = _with_interval(
                    number, evidence.interval((title, *place, column.problem), names[column.metric])
                )
            row.append(state or number)
        table.rows.append(([title, *(text_of(value) for value in place)], row))
    _mark_best(table, rows, values, evidence, names)
    table.notes = notes(results, experiment, beside)
    return table


def _columns(results: Results, experiment: str, problems: Sequence[str], beside: bool) -> list[Column]:
    part = results.frame[results.frame["experiment"] == experiment]
    measured = set(part[["problem", "condition"]].itertuples(index=False, name=None))
    columns = []
    for problem in problems:
        for metric in (*METRICS, "auc"):
            columns.append(Column(problem, metric, HEADINGS[metric]))
            if beside and metric in METRICS and paper.table1("ros-kd", problem, metric) is not None:
                columns.append(Column(problem, metric, HEADINGS[metric], printed=True))
        if (problem, CORRECTED) in measured:
            columns += [Column(problem, metric, HEADINGS[metric], CORRECTED) for metric in (*METRICS, "auc")]
        if any(name == problem and condition.startswith("flipped labels") for name, condition in measured):
            columns += [Column(problem, metric, heading, condition) for metric, condition, heading in MEMORY]
        if (problem, CALIBRATION) in measured:
            columns += [Column(problem, metric, heading, CALIBRATION) for metric, heading in CALIBRATED.items()]
        if (problem, LANDSCAPE) in measured:
            columns += [Column(problem, metric, heading, LANDSCAPE) for metric, heading in LANDSCAPED.items()]
    return columns


def _what(column: Column) -> tuple[str, str, str]:
    return column.problem, column.condition, column.metric


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


def values_of(
    frame: "pandas.DataFrame", experiment: str, axes: list[str], suite: Suite
) -> dict[Key, dict[tuple[int, int], float]]:
    """For each row, problem, condition and metric the value of every (fold, seed). Teachers are one condition."""
    names = {metric: metric for metric in ("memorised", "corrected", *CALIBRATED, *LANDSCAPED)}
    names |= {name: metric for metric, stored in stored_names(suite).items() for name in stored}
    part = frame[(frame["experiment"] == experiment) & (frame["class"] == "") & frame["metric"].isin(list(names))]
    part = part[part["value"].notna()]
    found: dict[Key, dict[tuple[int, int], list[float]]] = {}
    keys = ["method", *axes, "problem", "condition", "metric", "fold", "seed", "value"]
    for *place, condition, metric, fold, seed, value in part[keys].itertuples(index=False):
        under = TEACHERS if condition.startswith(TEACHERS) else condition
        found.setdefault((*place, under, names[metric]), {}).setdefault((fold, seed), []).append(value)
    return {key: {run: sum(each) / len(each) for run, each in runs.items()} for key, runs in found.items()}


def states_of(results: Results, experiment: str, axes: list[str]) -> dict[Key, str]:
    """What stands in place of numbers where a run of the row has none."""
    found: dict[Key, str] = {}
    for gap in results.gaps:
        if gap.cell.experiment == experiment:
            key = (gap.cell.method, *(getattr(gap.cell, axis) for axis in axes), gap.cell.problem)
            found[key] = gap.state
    return found


def number_of(runs: dict[tuple[int, int], float] | None) -> Number | None:
    """Mean and spread of a value's runs; None where there are none."""
    if not runs:
        return None
    values = np.array(list(runs.values()))
    return Number(float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None, len(values))


def _with_interval(number: Number, found: tuple[float, float] | None) -> Number:
    return number if found is None else replace(number, low=found[0], high=found[1])


def _mark_best(
    table: Table, rows: list[Key], values: dict[Key, dict[Run, float]], evidence: Evidence, names: dict[str, list[str]]
) -> None:
    """Mark the best of a column where it beats every other row beyond doubt: each difference's interval, widened for
    how many there are, leaves zero out. One run a row decides nothing.
    """
    for c, column in enumerate(table.columns):
        if column.printed or column.condition != CLEAN:
            continue
        places = [(key[0], *key[2:]) for key in rows]
        runs = {(*place, column.problem): values.get((*place, *_what(column)), {}) for place in places}
        means = {key: float(np.mean(list(each.values()))) for key, each in runs.items() if each}
        if len(means) < 2 or min(len(runs[key]) for key in means) < 2:
            continue
        first = max(means, key=lambda key: means[key])
        rivals = {key: runs[key] for key in means if key != first}
        found = evidence.corrected(first, runs[first], rivals, names[column.metric])
        if len(found) == len(rivals) and all(each.low > 0 for each in found.values()):
            row = table.rows[list(runs).index(first)][1]
            best = row[c]
            if isinstance(best, Number):
                row[c] = replace(best, best=True)


def text_of(value: object) -> str:
    """A point of an axis as a row's label."""
    return f"{value:g}" if isinstance(value, float) else str(value)
