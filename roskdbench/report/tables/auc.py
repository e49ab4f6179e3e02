"""AUC class by class: the paper's Table III, and how far each row is from the one it is to be compared with."""

from roskdbench.plan import Cell
from roskdbench.report.comparison_source import ComparisonSource
from roskdbench.report.evidence import Judge, Key, Run, Source, between, corrected
from roskdbench.report.layout import CLEAN, Layout, layout_of, number_of, text_of
from roskdbench.report.paper import published_auc
from roskdbench.report.table import Estimate, Table, TableColumn, Value
from roskdbench.report.tables.differences import reference_of
from roskdbench.results import Results
from roskdbench.statistics.comparison import Difference, false_discovery, false_discovery_levels
from roskdbench.suite.experiments import EVERY_CELL
from roskdbench.values import DATA

MEAN = "Mean"


def auc_table(results: Results, experiment: str, source: ComparisonSource | None = None) -> Table | None:
    """Each class's AUC and their mean, for experiments with folds and for those that repeat Table III.

    Beside the paper's numbers stand the other rows of its table, on the problem whose classes they are.
    """
    layout = layout_of(results, experiment)
    values, columns = _areas(layout)
    if not columns:
        return None
    table = Table(f"{experiment}-auc", f"{layout.title}: AUC by class", layout.labels, columns)
    for row in layout.rows:
        found: list[Value] = []
        for column in columns:
            runs = values.get((*row, column.problem, column.metric))
            number = number_of(runs)
            if runs and number and number.runs == 1:
                name = f"auc|{column.metric}" if column.metric else "auc-macro"
                low, high = layout.evidence.interval((*row, column.problem), runs, Source(EVERY_CELL, (name,))) or (
                    None,
                    None,
                )
                number = Estimate(number.mean, None, 1, low=low, high=high)
            found.append(layout.state(row, column.problem, EVERY_CELL) or number)
        table.rows.append(([text_of(value) for value in row], found))
    if source:
        table.rows += _others(table, layout.rows, source)
        table.notes += source.notes(results, experiment)
    return table


def auc_differences(results: Results, experiment: str) -> Table | None:
    """Each class's AUC of every row minus that of the reference, where the classes' own areas are shown."""
    layout = layout_of(results, experiment)
    reference = reference_of(layout)
    values, columns = _areas(layout)
    columns = [column for column in columns if column.metric]
    if reference is None or len(layout.methods) < 2 or not columns:
        return None
    found: dict[Key, Difference] = {}
    for problem in layout.problems:
        judges: dict[Key, Judge | None] = {}
        for column in columns:
            if column.problem != problem:
                continue
            source = Source(EVERY_CELL, (f"auc|{column.metric}",))
            pairs: dict[Key, tuple[Key, dict[Run, float], dict[Run, float]]] = {}
            for row in layout.rows:
                base = (reference, *row[1:])
                one, other = (values.get((*each, problem, column.metric), {}) for each in (row, base))
                if row != base and one and other:
                    pairs[row] = (base, one, other)
            prior = layout.evidence.prior(between(one, other) for _, one, other in pairs.values())
            for row, (base, one, other) in pairs.items():
                judges[*row, problem, column.metric] = layout.evidence.judge(
                    (*row, problem), (*base, problem), one, other, source, prior
                )
        if judges:
            found |= corrected(judges, false_discovery_levels, false_discovery)
    if not found:
        return None
    title = f"{layout.title}: AUC by class, differences from {reference}"
    table = Table(f"{experiment}-auc-differences", title, layout.labels, columns)
    for row in layout.rows:
        if row[0] != reference:
            shifts: list[Value] = [found.get((*row, column.problem, column.metric)) for column in columns]
            table.rows.append(([text_of(value) for value in row], shifts))
    table.notes = [
        f"Row minus {reference}. Bold: the interval leaves zero out, and p is .05 at most. The classes and rows of a "
        "problem are many questions: by Benjamini and Hochberg's steps at most one in twenty bold differences is "
        "expected to be false."
    ]
    return table


def _areas(layout: Layout) -> tuple[dict[Key, dict[Run, float]], list[TableColumn]]:
    """Of every row on a problem each class's area, and their mean under no class; and a column for each of them. None
    of it where the experiment shows no classes.
    """
    if layout.declared.folds == 1 and layout.declared.paper != "table3":
        return {}, []
    part = layout.numbers_of(EVERY_CELL)
    part = part[(part["labels"] == DATA) & part["metric"].isin(["auc", "auc-macro"]) & part["value"].notna()]
    classes = dict.fromkeys(zip(part["problem"].tolist(), part["class"].tolist(), strict=True))
    columns = [
        TableColumn(problem, label, label or MEAN) for problem, label in sorted(classes, key=lambda each: not each[1])
    ]
    return layout.runs_by(part, ["problem", "class"]), columns


def _others(
    table: Table, rows: dict[Key, dict[str, Cell]], source: ComparisonSource
) -> list[tuple[list[str], list[Value]]]:
    """A row for each of ours that has numbers elsewhere; and the published ones that the paper prints."""
    added: list[tuple[list[str], list[Value]]] = []
    for row, cells in rows.items():
        found: list[Value] = [
            source.number(cells[column.problem], CLEAN, "auc", column.metric) if column.problem in cells else None
            for column in table.columns
        ]
        if any(each is not None for each in found):
            added.append(([f"{row[0]} ({source.source})", *(text_of(value) for value in row[1:])], found))
    if source.source == "paper" and added:
        classes, published = published_auc()
        for name, values in published.items():
            known = dict(zip(classes, values, strict=True))
            numbers: list[Value] = [
                Estimate(known[column.heading], None, 1)
                if column.heading in known and column.problem == "cardio"
                else None
                for column in table.columns
            ]
            added.append(([f"{name} (not comparable)", *[""] * (len(table.labels) - 1)], numbers))
    return added
