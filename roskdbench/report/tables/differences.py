"""How far each row is from the one it is to be compared with, and what may be concluded."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from roskdbench.report.evidence import Key
from roskdbench.report.layout import Condition, Layout, layout_of, text_of
from roskdbench.report.table import Table, TableColumn, Value
from roskdbench.results import Results
from roskdbench.statistics.comparison import FEWEST_RUNS, Difference
from roskdbench.statistics.intervals import DRAWS
from roskdbench.statistics.ranks import FEWEST, LEAST, Ranks, ranks
from roskdbench.suite.experiments import EVERY_CELL
from roskdbench.suite.measure import Column

if TYPE_CHECKING:
    import pandas

FEW = 5  # runs that find most differences of two standard deviations


def comparison_table(results: Results, experiment: str) -> Table | None:
    """The compared metrics of every row minus those of the reference on the same student, overlap and noise."""
    layout = layout_of(results, experiment)
    reference = reference_of(layout)
    if reference is None or len(layout.methods) < 2:
        return None
    compared = list(compared_columns(layout))
    columns = [TableColumn(problem, each.metric, f"Δ {each.heading}", each.group) for problem, _, each in compared]
    table = Table(f"{experiment}-differences", f"{layout.title}: differences from {reference}", layout.labels, columns)
    rows = [row for row in layout.rows if row[0] != reference]
    found = [_differences(layout, *each, rows, reference) for each in compared]
    if not any(found):
        return None
    for row in rows:
        table.rows.append(([text_of(value) for value in row], [each.get(row) for each in found]))
    table.notes = _notes(layout, reference)
    return table


def compared_columns(layout: Layout) -> Iterator[tuple[str, str, Column]]:
    """The columns of which differences are shown: problem, measure and column."""
    for problem in layout.problems:
        for name, columns in layout.columns.items():
            if layout.measures[name].perturbs or layout.measures[name].rows_by:
                continue
            for column in columns:
                there = not column.group or (problem, Condition(name, facts=column.facts)) in layout.conditions
                if column.drawn and column.compared and there:
                    yield problem, name, column


def reference_of(layout: Layout) -> str | None:
    """The title of the row that others are compared with."""
    wanted = layout.declared.reference
    return next((cell.method for cell in layout.cells if wanted in (cell.registered, cell.method)), None)


def _differences(
    layout: Layout, problem: str, measure: str, column: Column, rows: list[Key], reference: str
) -> dict[Key, Value]:
    """Of each row in a column. Holm's correction goes over the methods that are compared under the same conditions."""
    found: dict[Key, Value] = {}
    condition = Condition(measure, facts=column.facts)
    source = layout.source(column.metric, measure, column.facts)
    for place in dict.fromkeys(row[1:] for row in rows):
        own = {row: (*row, problem) for row in [(reference, *place), *rows] if row[1:] == place}
        runs = {row: layout.values.get((*key, condition, column.metric), {}) for row, key in own.items()}
        rivals = {own[row]: each for row, each in runs.items() if row[0] != reference and each}
        base = (reference, *place)
        against = layout.evidence.corrected(own[base], runs[base], rivals, source)
        found |= {key[:-1]: turned(each) for key, each in against.items()}
    return found


def turned(difference: Difference) -> Difference:
    """The other from the one."""
    return Difference(-difference.value, -difference.high, -difference.low, difference.p)


def _notes(layout: Layout, reference: str) -> list[str]:
    count = len(layout.methods) - 1
    runs = layout.runs_that_count
    lines = [
        f"Row minus {reference}, with 95 % intervals by {_how(layout, runs)}, widened by Holm's steps over {count} "
        "rows. Bold: the interval leaves zero out, and p is .05 at most."
    ]
    if runs < FEWEST_RUNS:
        each = "One training each" if runs == 1 else "Two trainings each"
        lines.append(
            f"{each}: these are differences between trained models, not between methods; of methods {FEWEST_RUNS} runs "
            f"say something, {FEW} more."
        )
    blocks = _blocks(layout)
    if len(blocks) < FEWEST or len(blocks.columns) < LEAST:
        there = f"{len(blocks)} block{'s' * (len(blocks) != 1)}"
        lines.append(
            f"No critical-difference diagram: {there} of problem and noise with all "
            f"of {len(blocks.columns)} methods; it takes {FEWEST} blocks and {LEAST} methods."
        )
    elif len(problems := {problem for problem, _ in blocks.index}) == 1:
        lines.append(
            f"The critical-difference diagram takes the noises of {problems.pop()} for independent blocks: of other "
            "data it says nothing."
        )
    return lines


def _how(layout: Layout, runs: int) -> str:
    """What the intervals rest on."""
    draws = f"paired bootstrap of the test part's patients or lesions ({DRAWS:,} draws)"
    if runs < FEWEST_RUNS:
        return draws
    shares = {layout.evidence.shared((*row, problem)) > 0 for row, cells in layout.rows.items() for problem in cells}
    folds = layout.declared.folds
    by_fold = folds > 1 and not layout.results.plan.suite.protocol.split.per_seed
    over = f"{folds} folds" if by_fold else f"{runs} runs"
    ways = []
    if True in shares:
        ways.append(
            f"the t over {over}, corrected for the samples that they share (Nadeau and Bengio 2003), no variance under "
            f"that of a {draws}"
        )
    if False in shares:
        ways.append(f"the t over {over} together with a {draws} where all runs have one test part")
    return f"{' and '.join(ways)}; variances are moderated over the rows (Smyth 2004)"


def ranking(results: Results, experiment: str) -> tuple[list[str], Ranks] | None:
    """Methods and their ranks over blocks of problem and noise, by F1; None where there are too few."""
    blocks = _blocks(layout_of(results, experiment))
    found = ranks(np.asarray(blocks)) if len(blocks) else None
    return ([str(name) for name in blocks.columns], found) if found else None


def _blocks(layout: Layout) -> "pandas.DataFrame":
    """The mean F1 of each method on each problem and noise where all runs of all methods have one."""
    part = layout.numbers_of(EVERY_CELL)
    part = part[(part["labels"] == "data") & part["metric"].isin(layout.source("f1").names)]
    means = part.groupby(["problem", "noise", "method"], sort=False)["value"].mean().unstack().dropna()
    gaps = (gap for gap in layout.results.gaps if gap.cell.experiment == layout.experiment)
    lacking = {(gap.cell.problem, gap.cell.noise) for gap in gaps if EVERY_CELL in gap.without}
    return means[[place not in lacking for place in means.index]]
