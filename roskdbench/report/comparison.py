"""How far each row is from the one it is to be compared with, and what may be concluded."""

from typing import TYPE_CHECKING

import numpy as np

from roskdbench.measures import CLEAN
from roskdbench.plan import Cell
from roskdbench.report.evidence import Evidence, Key
from roskdbench.report.table import Column, Table, Value
from roskdbench.report.tables import HEADINGS, stored_names, text_of, values_of, varying_axes
from roskdbench.results import Results
from roskdbench.statistics.comparison import Difference, holm
from roskdbench.statistics.intervals import DRAWS
from roskdbench.statistics.ranks import FEWEST, LEAST, Ranks, ranks

if TYPE_CHECKING:
    import pandas

COMPARED = ("f1", "auc")


def comparison_table(results: Results, experiment: str) -> Table | None:
    """F1 and AUC of every row minus those of the reference on the same student, overlap and noise."""
    suite = results.plan.suite
    cells = [cell for cell in results.plan.cells if cell.experiment == experiment]
    reference = reference_of(results, experiment, cells)
    methods = list(dict.fromkeys(cell.method for cell in cells))
    if reference is None or len(methods) < 2:
        return None
    axes = varying_axes(cells)
    problems = list(dict.fromkeys(cell.problem for cell in cells))
    columns = [Column(problem, metric, f"Δ {HEADINGS[metric]}") for problem in problems for metric in COMPARED]
    title = f"{suite.experiments[experiment].title or experiment}: differences from {reference}"
    table = Table(f"{experiment}-differences", title, ["method", *axes], columns)
    rows = list(dict.fromkeys((cell.method, *(getattr(cell, axis) for axis in axes)) for cell in cells))
    rows = [row for row in rows if row[0] != reference]
    found = _differences(results, experiment, axes, columns, rows, reference)
    for row in rows:
        shifts = [found.get((*row, column.problem, column.metric)) for column in columns]
        table.rows.append(([text_of(value) for value in row], shifts))
    table.notes = _notes(results, experiment, reference, len(methods) - 1)
    return table


def reference_of(results: Results, experiment: str, cells: list[Cell]) -> str | None:
    """The title of the row that others are compared with."""
    wanted = results.plan.suite.experiments[experiment].reference
    return next((cell.method for cell in cells if wanted in (cell.registered, cell.method)), None)


def _differences(
    results: Results, experiment: str, axes: list[str], columns: list[Column], rows: list[Key], reference: str
) -> dict[Key, Value]:
    """Holm's correction goes over the methods that are compared under the same conditions."""
    suite = results.plan.suite
    values = values_of(results.frame, experiment, axes, suite)
    evidence, names = Evidence(results, experiment, axes), stored_names(suite)
    found: dict[Key, Value] = {}
    for column in columns:
        for place in dict.fromkeys(row[1:] for row in rows):
            own = {row: (*row, column.problem) for row in [(reference, *place), *rows] if row[1:] == place}
            runs = {row: values.get((*key, CLEAN, column.metric), {}) for row, key in own.items()}
            rivals = {own[row]: each for row, each in runs.items() if row[0] != reference and each}
            base = (reference, *place)
            against = evidence.corrected(own[base], runs[base], rivals, names[column.metric])
            adjusted = holm([each.p for each in against.values()])
            for (key, each), p in zip(against.items(), adjusted, strict=True):
                found[(*key, column.metric)] = Difference(-each.value, -each.high, -each.low, p)
    return found


def _notes(results: Results, experiment: str, reference: str, count: int) -> list[str]:
    declared = results.plan.suite.experiments[experiment]
    if declared.folds > 1:
        how = "Nadeau and Bengio's corrected t over folds"
    else:
        runs = " and of the runs" if len(declared.seeds) > 1 else ""
        how = f"paired bootstrap of the test part's patients or lesions{runs} ({DRAWS:,} draws)"
    lines = [
        f"Row minus {reference}, with 95 % intervals by {how}, widened by Holm's steps over {count} rows. Bold: the "
        "interval leaves zero out."
    ]
    if declared.folds * len(declared.seeds) == 1:
        lines.append("One training each: these are differences between trained models, not between methods.")
    blocks = _blocks(results, experiment)
    if len(blocks) < FEWEST or len(blocks.columns) < LEAST:
        lines.append(
            f"No critical-difference diagram: {len(blocks)} blocks of problem and noise with all of "
            f"{len(blocks.columns)} methods; it takes {FEWEST} blocks and {LEAST} methods."
        )
    return lines


def ranking(results: Results, experiment: str) -> tuple[list[str], Ranks] | None:
    """Methods and their ranks over blocks of problem and noise, by F1; None where there are too few."""
    blocks = _blocks(results, experiment)
    found = ranks(np.asarray(blocks)) if len(blocks) else None
    return ([str(name) for name in blocks.columns], found) if found else None


def _blocks(results: Results, experiment: str) -> "pandas.DataFrame":
    """The mean F1 of each method on each problem and noise where all methods have one."""
    part = results.frame[(results.frame["experiment"] == experiment) & (results.frame["condition"] == CLEAN)]
    part = part[part["metric"].isin(stored_names(results.plan.suite)["f1"])]
    return part.groupby(["problem", "noise", "method"], sort=False)["value"].mean().unstack().dropna()
