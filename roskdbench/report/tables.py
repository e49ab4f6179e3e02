"""The score table of an experiment: methods by problems, mean and spread over folds and seeds."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from roskdbench.errors import UserError, nearest
from roskdbench.measures import CALIBRATION, CLEAN, CORRECTED, LANDSCAPE, LEVELS
from roskdbench.plan import Cell
from roskdbench.report.beside import Beside
from roskdbench.report.evidence import Evidence, Key, Run
from roskdbench.report.notes import notes
from roskdbench.report.table import Column, Number, Table, Value
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


def score_table(results: Results, experiment: str, beside: Beside | None = None) -> Table:
    """Precision, recall, F1 as the protocol averages them, mean AUC, and what else was measured of the models; others'
    numbers beside them where they have some.
    """
    suite = results.plan.suite
    if experiment not in suite.experiments:
        raise UserError(f"the suite has no experiment '{experiment}'; {nearest(experiment, suite.experiments)}")
    cells = [cell for cell in results.plan.cells if cell.experiment == experiment]
    declared = suite.experiments[experiment]
    axes = varying_axes(cells)
    problems = list(dict.fromkeys(cell.problem for cell in cells))
    rows: dict[Key, dict[str, Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.method, *(getattr(cell, axis) for axis in axes)), {})[cell.problem] = cell
    columns = with_others(_columns(results, experiment, problems), beside, cells)
    table = Table(experiment, declared.title or experiment, ["method", *axes], columns)
    values = values_of(results.frame, experiment, axes, suite)
    states = states_of(results, experiment, axes)
    evidence, names = Evidence(results, experiment, axes), stored_names(suite)
    for key, found in rows.items():
        row: list[Value] = []
        for column in columns:
            if column.source:
                row.append(number_beside(beside, found.get(column.problem), column))
                continue
            number = number_of(values.get((*key, *_what(column))))
            if number and column.condition == CLEAN:
                between = evidence.interval((*key, column.problem), names[column.metric])
                number = _with_interval(number, between)
            row.append(states.get((*key, column.problem)) or number)
        table.rows.append(([text_of(value) for value in key], row))
    _mark_best(table, list(rows), values, evidence, names)
    table.notes = notes(results, experiment)
    if beside and any(column.source for column in columns):
        table.notes += beside.notes(results, experiment)
    return table


def with_others(columns: Sequence[Column], beside: Beside | None, cells: Sequence[Cell]) -> list[Column]:
    """The columns, each followed by one of the others' numbers where there is one for any of the cells."""
    found = []
    for column in columns:
        found.append(column)
        own = [cell for cell in cells if cell.problem == column.problem]
        if beside and any(beside.number(cell, column.condition, column.metric) for cell in own):
            found.append(replace(column, source=beside.source))
    return found


def number_beside(beside: Beside | None, cell: Cell | None, column: Column) -> Number | None:
    """Another's number for the cell."""
    return beside.number(cell, column.condition, column.metric) if beside and cell else None


def _columns(results: Results, experiment: str, problems: Sequence[str]) -> list[Column]:
    part = results.frame[results.frame["experiment"] == experiment]
    measured = set(part[["problem", "condition"]].itertuples(index=False, name=None))
    columns = []
    for problem in problems:
        columns += [Column(problem, metric, HEADINGS[metric]) for metric in (*METRICS, "auc")]
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
        if column.source or column.condition != CLEAN:
            continue
        runs = {(*key, column.problem): values.get((*key, *_what(column)), {}) for key in rows}
        means = {key: float(np.mean(list(each.values()))) for key, each in runs.items() if each}
        if len(means) < 2 or min(len(runs[key]) for key in means) < 2:
            continue
        first = max(means, key=lambda key: means[key])
        rivals = {key: runs[key] for key in means if not evidence.same(key, first)}
        found = evidence.corrected(first, runs[first], rivals, names[column.metric])
        if rivals and len(found) == len(rivals) and all(each.low > 0 for each in found.values()):
            row = table.rows[list(runs).index(first)][1]
            best = row[c]
            if isinstance(best, Number):
                row[c] = replace(best, best=True)


def text_of(value: object) -> str:
    """A point of an axis as a row's label."""
    return f"{value:g}" if isinstance(value, float) else str(value)
