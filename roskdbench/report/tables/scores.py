"""The score table of an experiment: methods by problems, mean and spread over folds and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from roskdbench.method.families import place_of
from roskdbench.plan import Cell
from roskdbench.report.comparison_source import ComparisonSource
from roskdbench.report.layout import Condition, Layout, layout_of, number_of, text_of
from roskdbench.report.table import Estimate, Table, TableColumn, Value
from roskdbench.report.tables.notes import notes
from roskdbench.report.tables.published import published_notes, published_rows
from roskdbench.results import Results
from roskdbench.statistics.comparison import FEWEST_RUNS
from roskdbench.suite.measure import Column


@dataclass(frozen=True)
class Shown:
    """A column of the table, and which measure's column it shows under which conditions."""

    column: TableColumn
    condition: Condition
    declared: Column


def score_table(results: Results, experiment: str, source: ComparisonSource | None = None) -> Table:
    """What the measures show of each row, others' numbers beside them where they have some."""
    layout = layout_of(results, experiment)
    shown = _columns(layout)
    columns = _with_others(shown, source, layout.cells)
    beside = layout.declared.beside
    headings = [each if each == "family" or len(layout.problems) == 1 else f"mean {each}" for each in beside]
    table = Table(experiment, layout.title, [*layout.labels, *headings], [column for column, _ in columns])
    for key, found in layout.rows.items():
        row: list[Value] = []
        for column, what in columns:
            if column.source:
                row.append(_beside(source, found.get(column.problem), what))
                continue
            runs = layout.values.get((*key, column.problem, what.condition, column.metric))
            number = number_of(runs)
            if runs and number and what.declared.drawn:
                place = layout.source(column.metric, what.condition.measure, what.condition.facts)
                number = _with_interval(number, layout.evidence.interval((*key, column.problem), runs, place))
            row.append(layout.state(key, column.problem, what.condition.measure) or number)
        table.rows.append(([*map(text_of, key), *(_beside_row(each, found, results) for each in beside)], row))
    _mark_best(table, columns, layout)
    published = published_rows(layout, [(column, shown.condition) for column, shown in columns], len(beside))
    table.rows += published
    if "family" in beside:
        table.rows.sort(key=lambda row: place_of(row[0][len(layout.labels) + beside.index("family")]))
    table.notes = notes(results, experiment)
    if published:
        table.notes += published_notes(layout)
    if source and any(column.source for column in table.columns):
        table.notes += source.notes(results, experiment)
    return table


def _columns(layout: Layout) -> list[Shown]:
    """Of each problem those of the shown scores, and those of other conditions that were measured there."""
    found = []
    for problem in layout.problems:
        for name, columns in layout.columns.items():
            if layout.measures[name].perturbs or layout.measures[name].rows_by:
                continue
            heading = layout.measures[name].heading
            for each in columns:
                condition = Condition(name, each.subject, each.facts)
                usual = each.drawn and not each.group
                if not usual and not any(
                    (problem, Condition(name, column.subject, each.facts)) in layout.conditions for column in columns
                ):
                    continue
                column = TableColumn(problem, each.metric, each.heading, each.group or _numbered(name, heading))
                found.append(Shown(column, condition, each))
    return found


def _numbered(name: str, heading: str) -> str:
    """A measure's heading, with its number where an experiment has it several times."""
    number = name.rpartition(" ")[2]
    return f"{heading} {number}" if heading and number.isdecimal() else heading


def _with_others(
    shown: Sequence[Shown], source: ComparisonSource | None, cells: Sequence[Cell]
) -> list[tuple[TableColumn, Shown]]:
    """The columns, each followed by one of the others' numbers where there is one for any of the cells."""
    found = []
    for each in shown:
        found.append((each.column, each))
        own = [cell for cell in cells if cell.problem == each.column.problem]
        if source and any(source.number(cell, each.condition, each.column.metric) for cell in own):
            found.append((replace(each.column, source=source.source), each))
    return found


def _beside_row(what: str, found: Mapping[str, Cell], results: Results) -> str:
    """The family of a row's method; its cost or seconds: the mean over problems, which differ where subsets do."""
    cells = list(found.values())
    if what == "family":
        return cells[0].family
    known = [cell.cost if what == "cost" else results.seconds.get(cell.scores) for cell in cells]
    numbers = [each for each in known if each is not None]
    return f"{sum(numbers) / len(numbers):.3g}" if numbers else ""


def _beside(source: ComparisonSource | None, cell: Cell | None, shown: Shown) -> Estimate | None:
    """Another's number for the cell."""
    return source.number(cell, shown.condition, shown.column.metric) if source and cell else None


def _with_interval(number: Estimate, found: tuple[float, float] | None) -> Estimate:
    return number if found is None else replace(number, low=found[0], high=found[1])


def _mark_best(table: Table, columns: Sequence[tuple[TableColumn, Shown]], layout: Layout) -> None:
    """Mark the best of a column where it beats every other row beyond doubt: each difference's interval, widened for
    how many there are, leaves zero out. One or two runs a row decide nothing.
    """
    for c, (column, shown) in enumerate(columns):
        better = shown.declared.higher_is_better
        if column.source or not shown.declared.drawn or better is None:
            continue
        what = (column.problem, shown.condition, column.metric)
        runs = {(*key, column.problem): layout.values.get((*key, *what), {}) for key in layout.rows}
        means = {key: float(np.mean(list(each.values()))) for key, each in runs.items() if each}
        if len(means) < 2 or min(len(layout.evidence.apart(runs[key])) for key in means) < FEWEST_RUNS:
            continue
        sign = 1 if better else -1
        first = max(means, key=lambda key: sign * means[key])
        rivals = {key: runs[key] for key in means if not layout.evidence.same(key, first)}
        place = layout.source(column.metric, shown.condition.measure, shown.condition.facts)
        found = layout.evidence.corrected(first, runs[first], rivals, place)
        surely = all(each.sure and sign * each.value > 0 for each in found.values())
        if rivals and len(found) == len(rivals) and surely:
            row = table.rows[list(runs).index(first)][1]
            best = row[c]
            if isinstance(best, Estimate):
                row[c] = replace(best, best=True)
