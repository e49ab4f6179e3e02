"""AUC class by class: the paper's Table III."""

from roskdbench.measures import CLEAN
from roskdbench.plan import Cell
from roskdbench.report.beside import Beside
from roskdbench.report.evidence import Key
from roskdbench.report.layout import layout, number_of, text_of
from roskdbench.report.paper import published_auc
from roskdbench.report.table import Column, Number, Table, Value
from roskdbench.results import Results

MEAN = "Mean"


def auc_table(results: Results, experiment: str, beside: Beside | None = None) -> Table | None:
    """Each class's AUC and their mean, for experiments with folds and for those that repeat Table III.

    Beside the paper's numbers stand the other rows of its table, on the problem whose classes they are.
    """
    laid = layout(results, experiment)
    if laid.declared.folds == 1 and laid.declared.paper != "table3":
        return None
    frame = laid.frame[(laid.frame["condition"] == CLEAN) & laid.frame["metric"].isin(["auc", "auc-macro"])]
    frame = frame[frame["value"].notna()]
    values = laid.runs_by(frame, ["problem", "class"])
    classes = list(dict.fromkeys(frame[["problem", "class"]].itertuples(index=False, name=None)))
    if not classes:
        return None
    columns = [
        Column(problem, label, label or MEAN) for problem, label in sorted(classes, key=lambda each: not each[1])
    ]
    table = Table(f"{experiment}-auc", f"{laid.title}: AUC by class", laid.labels, columns)
    for row in laid.rows:
        found: list[Value] = []
        for column in columns:
            number = number_of(values.get((*row, column.problem, column.metric)))
            if number and number.runs == 1:
                name = f"auc|{column.metric}" if column.metric else "auc-macro"
                low, high = laid.evidence.interval((*row, column.problem), [name]) or (None, None)
                number = Number(number.mean, None, 1, low=low, high=high)
            found.append(laid.states.get((*row, column.problem)) or number)
        table.rows.append(([text_of(value) for value in row], found))
    if beside:
        table.rows += _others(table, laid.rows, beside)
        table.notes += beside.notes(results, experiment)
    return table


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
