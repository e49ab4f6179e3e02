"""What attacks cost: a row a method and attack, scores before and after, and whether the attack can be believed."""

from roskdbench.measures import BEFORE, CHECKS, SAME_OF_ALL
from roskdbench.plan import Cell
from roskdbench.report.beside import Beside
from roskdbench.report.evidence import Key, Run
from roskdbench.report.notes import attack_notes
from roskdbench.report.table import Column, Table, Value
from roskdbench.report.tables import HEADINGS, METRICS, number_of, states_of, text_of, values_of, varying_axes
from roskdbench.results import Results
from roskdbench.suite.attacks import Attacks

COST = {"lost": "F1 lost", "kept": "kept", "checks": "checks"}


def attack_table(results: Results, experiment: str, beside: Beside | None = None) -> Table | None:
    """Precision, recall, F1 and AUC on the attacked images; F1 lost, and the share kept; the checks' verdict."""
    suite = results.plan.suite
    declared, attacks = suite.experiments[experiment], _attacks(results, experiment)
    if not attacks:
        return None
    cells = [cell for cell in results.plan.cells if cell.experiment == experiment]
    axes = varying_axes(cells)
    rows: dict[Key, dict[str, Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.method, *(getattr(cell, axis) for axis in axes)), {})[cell.problem] = cell
    headings = {**{metric: HEADINGS[metric] for metric in (*METRICS, "auc")}, **COST}
    columns: list[Column] = []
    for problem in dict.fromkeys(cell.problem for cell in cells):
        own = [cell for cell in cells if cell.problem == problem]
        for metric, heading in headings.items():
            columns.append(Column(problem, metric, heading))
            if beside and any(beside.number(cell, each, metric) for cell in own for each in (BEFORE, *attacks)):
                columns.append(Column(problem, metric, heading, source=beside.source))
    title = f"{declared.title or experiment}: under attack"
    table = Table(f"{experiment}-attacks", title, ["method", *axes, "attack"], columns)
    values = values_of(results.frame, experiment, axes, suite)
    states, verdicts = states_of(results, experiment, axes), _verdicts(results, experiment, axes)
    for condition in (BEFORE, *attacks):
        for key, own_cells in rows.items():
            found: list[Value] = []
            for column in columns:
                there, place = own_cells.get(column.problem), (*key, column.problem)
                if column.source:
                    found.append(beside.number(there, condition, column.metric) if beside and there else None)
                else:
                    found.append(states.get(place) or _cell(place, column.metric, condition, values, verdicts))
            labels = [text_of(value) for value in key]
            table.rows.append(([*labels, "none" if condition == BEFORE else condition], found))
    table.notes = attack_notes(results, experiment)
    if beside and any(column.source for column in columns):
        table.notes += beside.notes(results, experiment)
    return table


def class_table(results: Results, experiment: str) -> Table | None:
    """F1 lost to each attack, class by class."""
    attacks = _attacks(results, experiment)
    if not attacks:
        return None
    suite, frame = results.plan.suite, results.frame
    cells = [cell for cell in results.plan.cells if cell.experiment == experiment]
    axes = varying_axes(cells)
    per_class = {"f1", f"f1@{suite.protocol.threshold}"}
    part = frame[
        (frame["experiment"] == experiment)
        & frame["condition"].isin([BEFORE, *attacks])
        & frame["metric"].isin(per_class)
    ]
    values: dict[Key, dict[Run, float]] = {}
    keys = ["method", *axes, "problem", "class", "condition", "fold", "seed", "value"]
    for *place, fold, seed, value in part[keys].itertuples(index=False):
        values.setdefault(tuple(place), {})[fold, seed] = value
    classes = list(dict.fromkeys(part[["problem", "class"]].itertuples(index=False, name=None)))
    if not classes:
        return None
    title = f"{suite.experiments[experiment].title or experiment}: F1 lost under attack, by class"
    columns = [Column(problem, label, label) for problem, label in classes]
    table = Table(f"{experiment}-attacks-classes", title, ["method", *axes, "attack"], columns)
    for attack in attacks:
        for row in dict.fromkeys((cell.method, *(getattr(cell, axis) for axis in axes)) for cell in cells):
            found: list[Value] = []
            for problem, label in classes:
                before, after = (values.get((*row, problem, label, each), {}) for each in (BEFORE, attack))
                found.append(number_of({run: before[run] - value for run, value in after.items() if run in before}))
            table.rows.append(([*(text_of(value) for value in row), attack], found))
    return table


def _attacks(results: Results, experiment: str) -> list[str]:
    declared = results.plan.suite.experiments[experiment].measures
    return [attack.name for each in declared if isinstance(each, Attacks) for attack in each.chosen]


def _cell(
    place: Key,
    metric: str,
    condition: str,
    values: dict[Key, dict[Run, float]],
    verdicts: dict[Key, str],
) -> Value:
    if metric == "checks":
        return None if condition == BEFORE else verdicts.get(place)
    if metric not in COST:
        return number_of(values.get((*place, condition, metric)))
    before, after = (values.get((*place, each, "f1"), {}) for each in (BEFORE, condition))
    if condition == BEFORE:
        return None
    if metric == "lost":
        return number_of({run: before[run] - value for run, value in after.items() if run in before})
    return number_of({run: value / before[run] for run, value in after.items() if before.get(run, 0) > 0})


def _verdicts(results: Results, experiment: str, axes: list[str]) -> dict[Key, str]:
    """Whether the attacks on a row passed their checks in every run, or what is the matter."""
    part = results.frame[(results.frame["experiment"] == experiment) & (results.frame["condition"] == CHECKS)]
    found: dict[Key, str] = {}
    for *place, check, value in part[["method", *axes, "problem", "metric", "value"]].itertuples(index=False):
        found.setdefault(tuple(place), "passed")
        if value < 1 and found[tuple(place)] != "masked?":
            found[tuple(place)] = "constant" if check == SAME_OF_ALL else "masked?"
    return found
