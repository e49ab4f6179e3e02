"""Tables of measures with rows of their own: each method by group, or by the hospital that its test images are of."""

from dataclasses import replace

from roskdbench.report.comparison_source import ComparisonSource
from roskdbench.report.evidence import Key
from roskdbench.report.layout import Condition, Layout, layout_of, number_of, text_of
from roskdbench.report.table import Estimate, Table, TableColumn, Value, Word
from roskdbench.results import Results
from roskdbench.suite.measure import Column, ConditionRow

INTERVALS = (
    "In brackets: 95 % intervals, of the patients or lesions drawn again and, from three runs on, of the runs, too; "
    "behind ±: the standard deviation over runs."
)


def condition_tables(results: Results, experiment: str, source: ComparisonSource | None = None) -> list[Table]:
    """One of each measure that has rows of its own."""
    layout = layout_of(results, experiment)
    return [_table(layout, name) for name, measure in layout.measures.items() if measure.rows_by]


def _table(layout: Layout, measure: str) -> Table:
    declared, numbers = layout.measures[measure], layout.numbers_of(measure)
    rows = {
        problem: list(declared.condition_rows(numbers[numbers["problem"] == problem])) for problem in layout.problems
    }
    columns = [
        (TableColumn(problem, column.metric, column.heading), column)
        for problem in layout.problems
        for column in layout.columns[measure]
    ]
    name = f"{layout.experiment}-{measure.replace(' ', '-')}"
    title = f"{layout.title}: {declared.heading or measure}"
    table = Table(name, title, [*layout.labels, declared.rows_by], [column for column, _ in columns])
    for label in dict.fromkeys(row.label for each in rows.values() for row in each):
        for key in layout.rows:
            cells = [
                _cell(layout, measure, (*key, column.problem), declared_column, _labelled(rows[column.problem], label))
                for column, declared_column in columns
            ]
            table.rows.append(([*map(text_of, key), label], cells))
    table.notes = declared.notes(numbers) if len(numbers) else []
    if any(isinstance(cell, Estimate) and cell.low is not None for _, cells in table.rows for cell in cells):
        table.notes.insert(0, INTERVALS)
    return table


def _labelled(rows: list[ConditionRow], label: str) -> ConditionRow | None:
    return next((row for row in rows if row.label == label), None)


def _cell(layout: Layout, measure: str, place: Key, column: Column, row: ConditionRow | None) -> Value:
    """A number with its interval, what stands in its place, or nothing."""
    *key, problem = place
    if state := layout.state(tuple(key), str(problem), measure):
        return state
    if row is None:
        return None
    metric = f"{column.metric}{row.suffix}"
    runs = layout.values.get((*place, Condition(measure, facts=row.facts), metric))
    number = number_of(runs)
    if number and column.counts:
        return Word(f"{number.mean:,.0f}")
    if runs and number and column.drawn:
        found = layout.evidence.interval(place, runs, layout.source(metric, measure, row.facts))
        return number if found is None else replace(number, spread=None, low=found[0], high=found[1])
    return number
