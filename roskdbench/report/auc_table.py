"""AUC class by class: the paper's Table III, and how far each row is from the one it is to be compared with."""

from roskdbench.measures import CLEAN
from roskdbench.plan import Cell
from roskdbench.report.beside import Beside
from roskdbench.report.comparison import reference_of
from roskdbench.report.evidence import Judge, Key, Run, corrected
from roskdbench.report.layout import Layout, layout, number_of, text_of
from roskdbench.report.paper import published_auc
from roskdbench.report.table import Column, Number, Table, Value
from roskdbench.results import SCORES, Results
from roskdbench.statistics.comparison import Difference, false_discovery, false_discovery_levels

MEAN = "Mean"


def auc_table(results: Results, experiment: str, beside: Beside | None = None) -> Table | None:
    """Each class's AUC and their mean, for experiments with folds and for those that repeat Table III.

    Beside the paper's numbers stand the other rows of its table, on the problem whose classes they are.
    """
    laid = layout(results, experiment)
    values, columns = _areas(laid)
    if not columns:
        return None
    table = Table(f"{experiment}-auc", f"{laid.title}: AUC by class", laid.labels, columns)
    for row in laid.rows:
        found: list[Value] = []
        for column in columns:
            runs = values.get((*row, column.problem, column.metric))
            number = number_of(runs)
            if runs and number and number.runs == 1:
                name = f"auc|{column.metric}" if column.metric else "auc-macro"
                low, high = laid.evidence.interval((*row, column.problem), runs, [name]) or (None, None)
                number = Number(number.mean, None, 1, low=low, high=high)
            found.append(laid.state(row, column.problem, SCORES) or number)
        table.rows.append(([text_of(value) for value in row], found))
    if beside:
        table.rows += _others(table, laid.rows, beside)
        table.notes += beside.notes(results, experiment)
    return table


def auc_differences(results: Results, experiment: str) -> Table | None:
    """Each class's AUC of every row minus that of the reference, where the classes' own areas are shown."""
    laid = layout(results, experiment)
    reference = reference_of(laid)
    values, columns = _areas(laid)
    columns = [column for column in columns if column.metric]
    if reference is None or len(laid.methods) < 2 or not columns:
        return None
    found: dict[Key, Difference] = {}
    for problem in laid.problems:
        judges: dict[Key, Judge | None] = {}
        for row in laid.rows:
            base = (reference, *row[1:])
            for column in columns:
                one, other = (values.get((*each, problem, column.metric), {}) for each in (row, base))
                if row != base and column.problem == problem and one and other:
                    names = [f"auc|{column.metric}"]
                    judges[*row, problem, column.metric] = laid.evidence.judge(
                        (*row, problem), (*base, problem), one, other, names
                    )
        if judges:
            found |= corrected(judges, false_discovery_levels, false_discovery)
    if not found:
        return None
    title = f"{laid.title}: AUC by class, differences from {reference}"
    table = Table(f"{experiment}-auc-differences", title, laid.labels, columns)
    for row in laid.rows:
        if row[0] != reference:
            shifts: list[Value] = [found.get((*row, column.problem, column.metric)) for column in columns]
            table.rows.append(([text_of(value) for value in row], shifts))
    table.notes = [
        f"Row minus {reference}. Bold: the interval leaves zero out, and p is .05 at most. The classes and rows of a "
        "problem are many questions: by Benjamini and Hochberg's steps at most one in twenty bold differences is "
        "expected to be false."
    ]
    return table


def _areas(laid: Layout) -> tuple[dict[Key, dict[Run, float]], list[Column]]:
    """Of every row on a problem each class's area, and their mean under no class; and a column for each of them. None
    of it where the experiment shows no classes.
    """
    if laid.declared.folds == 1 and laid.declared.paper != "table3":
        return {}, []
    part = laid.frame[(laid.frame["condition"] == CLEAN) & laid.frame["metric"].isin(["auc", "auc-macro"])]
    part = part[part["value"].notna()]
    classes = dict.fromkeys(zip(part["problem"].tolist(), part["class"].tolist(), strict=True))
    columns = [
        Column(problem, label, label or MEAN) for problem, label in sorted(classes, key=lambda each: not each[1])
    ]
    return laid.runs_by(part, ["problem", "class"]), columns


def _others(table: Table, rows: dict[Key, dict[str, Cell]], beside: Beside) -> list[tuple[list[str], list[Value]]]:
    """A row for each of ours that has numbers elsewhere; and the published ones that the paper prints."""
    added: list[tuple[list[str], list[Value]]] = []
    for row, cells in rows.items():
        found: list[Value] = [
            beside.number(cells[column.problem], CLEAN, "auc", column.metric) if column.problem in cells else None
            for column in table.columns
        ]
        if any(each is not None for each in found):
            added.append(([f"{row[0]} ({beside.source})", *(text_of(value) for value in row[1:])], found))
    if beside.source == "paper" and added:
        classes, published = published_auc()
        for name, values in published.items():
            known = dict(zip(classes, values, strict=True))
            numbers: list[Value] = [
                Number(known[column.heading], None, 1)
                if column.heading in known and column.problem == "cardio"
                else None
                for column in table.columns
            ]
            added.append(([f"{name} (not comparable)", *[""] * (len(table.labels) - 1)], numbers))
    return added
