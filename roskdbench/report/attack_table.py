"""What attacks cost: a row a method and attack, scores before and after, and whether the attack can be believed."""

from itertools import product

from roskdbench.measures import BEFORE, CHECKS, SAME_OF_ALL
from roskdbench.report.comparison_source import ComparisonSource
from roskdbench.report.evidence import Key, Run
from roskdbench.report.layout import HEADINGS, METRICS, Layout, layout_of, number_of, text_of
from roskdbench.report.notes import attack_notes
from roskdbench.report.table import Column, Table, Value
from roskdbench.results import Results
from roskdbench.suite.attacks import Attacks, radius_of

ATTACKS = "attacks"  # the measure
COST = {"lost": "F1 lost", "kept": "kept", "checks": "checks"}


def attack_table(results: Results, experiment: str, source: ComparisonSource | None = None) -> Table | None:
    """Precision, recall, F1 and AUC on the attacked images; F1 lost, and the share kept; the checks' verdict."""
    layout = layout_of(results, experiment)
    attacks = _attacks(layout)
    if not attacks:
        return None
    headings = {**{metric: HEADINGS[metric] for metric in (*METRICS, "auc")}, **COST}
    columns: list[Column] = []
    for problem in layout.problems:
        own = [cell for cell in layout.cells if cell.problem == problem]
        for metric, heading in headings.items():
            columns.append(Column(problem, metric, heading))
            if source and any(source.number(cell, each, metric) for cell in own for each in (BEFORE, *attacks)):
                columns.append(Column(problem, metric, heading, source=source.source))
    table = Table(f"{experiment}-attacks", f"{layout.title}: under attack", [*layout.labels, "attack"], columns)
    verdicts = _verdicts(layout)
    for condition in (BEFORE, *attacks):
        for key, own_cells in layout.rows.items():
            found: list[Value] = []
            for column in columns:
                there, place = own_cells.get(column.problem), (*key, column.problem)
                if column.source:
                    found.append(source.number(there, condition, column.metric) if source and there else None)
                else:
                    found.append(
                        layout.state(key, column.problem, ATTACKS)
                        or _cell(place, column.metric, condition, layout.values, verdicts)
                    )
            labels = [text_of(value) for value in key]
            table.rows.append(([*labels, "none" if condition == BEFORE else condition], found))
    table.notes = attack_notes(results, experiment)
    if source and any(column.source for column in columns):
        table.notes += source.notes(results, experiment)
    return table


def sweep_table(results: Results, experiment: str) -> Table | None:
    """F1 under FGSM and PGD by radius, in the norms that were swept."""
    layout = layout_of(results, experiment)
    names = {place: name for name in layout.conditions if (place := radius_of(name))}
    if not names or not any(isinstance(each, Attacks) and each.sweep for each in layout.declared.measures):
        return None
    there = set(layout.frame[["problem", "condition"]].itertuples(index=False, name=None))
    balls = sorted({(norm, radius) for _, norm, radius in names}, key=lambda ball: (ball[0] == "l2", ball[1]))
    kinds = sorted({attack for attack, *_ in names})
    places = [
        (problem, ball)
        for problem, ball in product(layout.problems, balls)
        if any((problem, names.get((attack, *ball))) in there for attack in kinds)
    ]
    columns = [Column(problem, "f1", f"{radius:.3g}", condition=norm) for problem, (norm, radius) in places]
    table = Table(f"{experiment}-radii", f"{layout.title}: F1 by radius", [*layout.labels, "attack"], columns)
    for row in layout.rows:
        for attack in kinds:
            found: list[Value] = [
                layout.state(row, problem, ATTACKS)
                or number_of(layout.values.get((*row, problem, names.get((attack, *ball)), "f1")))
                for problem, ball in places
            ]
            table.rows.append(([*(text_of(value) for value in row), attack], found))
    table.notes = ["Radii in grey levels, l2 over the whole image; before any attack: see the table under attack."]
    return table


def class_table(results: Results, experiment: str) -> Table | None:
    """F1 lost to each attack, class by class."""
    layout = layout_of(results, experiment)
    attacks = _attacks(layout)
    if not attacks:
        return None
    per_class = {"f1", f"f1@{results.plan.suite.protocol.threshold}"}
    part = layout.frame[layout.frame["condition"].isin([BEFORE, *attacks]) & layout.frame["metric"].isin(per_class)]
    values = layout.runs_by(part, ["problem", "class", "condition"])
    classes = list(dict.fromkeys(part[["problem", "class"]].itertuples(index=False, name=None)))
    if not classes:
        return None
    title = f"{layout.title}: F1 lost under attack, by class"
    columns = [Column(problem, label, label) for problem, label in classes]
    table = Table(f"{experiment}-attacks-classes", title, [*layout.labels, "attack"], columns)
    for attack in attacks:
        for row in layout.rows:
            found: list[Value] = []
            for problem, label in classes:
                before, after = (values.get((*row, problem, label, each), {}) for each in (BEFORE, attack))
                shift = number_of({run: before[run] - value for run, value in after.items() if run in before})
                found.append(layout.state(row, problem, ATTACKS) or shift)
            table.rows.append(([*(text_of(value) for value in row), attack], found))
    return table


def _attacks(layout: Layout) -> list[str]:
    return [attack.name for each in layout.declared.measures if isinstance(each, Attacks) for attack in each.chosen]


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


def _verdicts(layout: Layout) -> dict[Key, str]:
    """Whether the attacks on a row passed their checks in every run, or what is the matter."""
    found: dict[Key, str] = {}
    for *place, check, _, value in layout.numbers(
        layout.frame[layout.frame["condition"] == CHECKS], ["problem", "metric"]
    ):
        found.setdefault(tuple(place), "passed")
        if value < 1 and found[tuple(place)] != "masked?":
            found[tuple(place)] = "constant" if check == SAME_OF_ALL else "masked?"
    return found
