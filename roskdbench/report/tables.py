"""The score table of an experiment: methods by problems, mean and spread over folds and seeds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from roskdbench.measures import CALIBRATION, CLEAN, CORRECTED, LANDSCAPE
from roskdbench.plan import Cell
from roskdbench.report.comparison_source import ComparisonSource
from roskdbench.report.layout import (
    CALIBRATED,
    HEADINGS,
    LANDSCAPED,
    METRICS,
    STUDENT,
    TEACHERS,
    Layout,
    layout_of,
    number_of,
    text_of,
)
from roskdbench.report.notes import notes
from roskdbench.report.table import Column, Estimate, Table, Value
from roskdbench.results import SCORES, Results

MEMORY = (
    ("memorised", STUDENT, "memorised"),
    ("corrected", STUDENT, "corrected"),
    ("memorised", TEACHERS, "by teachers"),
)
MEASURES = {CALIBRATION: "calibration", LANDSCAPE: "landscape", STUDENT: "memorisation", TEACHERS: "memorisation"}
"""Whose numbers a column has; scores' if none is named."""


def score_table(results: Results, experiment: str, source: ComparisonSource | None = None) -> Table:
    """Precision, recall, F1 as the protocol averages them, mean AUC, and what else was measured of the models; others'
    numbers source them where they have some.
    """
    layout = layout_of(results, experiment)
    columns = with_others(_columns(layout), source, layout.cells)
    table = Table(experiment, layout.title, layout.labels, columns)
    for key, found in layout.rows.items():
        row: list[Value] = []
        for column in columns:
            if column.source:
                row.append(number_beside(source, found.get(column.problem), column))
                continue
            runs = layout.values.get((*key, *_what(column)))
            number = number_of(runs)
            if runs and number and column.condition == CLEAN:
                between = layout.evidence.interval((*key, column.problem), runs, layout.names[column.metric])
                number = _with_interval(number, between)
            row.append(layout.state(key, column.problem, MEASURES.get(column.condition, SCORES)) or number)
        table.rows.append(([text_of(value) for value in key], row))
    _mark_best(table, layout)
    table.notes = notes(results, experiment)
    if source and any(column.source for column in columns):
        table.notes += source.notes(results, experiment)
    return table


def with_others(columns: Sequence[Column], source: ComparisonSource | None, cells: Sequence[Cell]) -> list[Column]:
    """The columns, each followed by one of the others' numbers where there is one for any of the cells."""
    found = []
    for column in columns:
        found.append(column)
        own = [cell for cell in cells if cell.problem == column.problem]
        if source and any(source.number(cell, column.condition, column.metric) for cell in own):
            found.append(replace(column, source=source.source))
    return found


def number_beside(source: ComparisonSource | None, cell: Cell | None, column: Column) -> Estimate | None:
    """Another's number for the cell."""
    return source.number(cell, column.condition, column.metric) if source and cell else None


def _columns(layout: Layout) -> list[Column]:
    measured = set(zip(layout.frame["problem"].tolist(), layout.frame["condition"].tolist(), strict=True))
    columns = []
    for problem in layout.problems:
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


def _with_interval(number: Estimate, found: tuple[float, float] | None) -> Estimate:
    return number if found is None else replace(number, low=found[0], high=found[1])


def _mark_best(table: Table, layout: Layout) -> None:
    """Mark the best of a column where it beats every other row beyond doubt: each difference's interval, widened for
    how many there are, leaves zero out. One run a row decides nothing.
    """
    for c, column in enumerate(table.columns):
        if column.source or column.condition != CLEAN:
            continue
        runs = {(*key, column.problem): layout.values.get((*key, *_what(column)), {}) for key in layout.rows}
        means = {key: float(np.mean(list(each.values()))) for key, each in runs.items() if each}
        if len(means) < 2 or min(len(runs[key]) for key in means) < 2:
            continue
        first = max(means, key=lambda key: means[key])
        rivals = {key: runs[key] for key in means if not layout.evidence.same(key, first)}
        found = layout.evidence.corrected(first, runs[first], rivals, layout.names[column.metric])
        if rivals and len(found) == len(rivals) and all(each.sure and each.value > 0 for each in found.values()):
            row = table.rows[list(runs).index(first)][1]
            best = row[c]
            if isinstance(best, Estimate):
                row[c] = replace(best, best=True)
