"""What perturbations cost: a row a method and perturbation, scores before and after, and whether it can be believed."""

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from roskdbench.report.comparison_source import ComparisonSource
from roskdbench.report.evidence import Key, Run
from roskdbench.report.layout import PASSED, Condition, Layout, facts_of, layout_of, number_of, text_of
from roskdbench.report.table import Estimate, Table, TableColumn, Value, Word
from roskdbench.results import FACTS, Results
from roskdbench.values import GREY_LEVELS, KEPT, LOST, NO_PERTURBATION, USUAL, Facts

if TYPE_CHECKING:
    import pandas

CHECKS = "checks"
AT_CHANCE = "at chance"
COST = {LOST: "F1 lost", KEPT: "kept", CHECKS: "checks"}


def perturbed_tables(results: Results, experiment: str, source: ComparisonSource | None = None) -> list[Table]:
    """Of each measure that perturbs: the shown scores, F1 lost, the share kept, and the checks' verdict."""
    layout = layout_of(results, experiment)
    return [_perturbed(layout, name, source) for name in _measures(layout)]


def curve_tables(results: Results, experiment: str, source: ComparisonSource | None = None) -> list[Table]:
    """F1 by radius, where perturbations differ in nothing else."""
    layout = layout_of(results, experiment)
    return [table for name in _measures(layout) if (table := _by_radius(layout, name))]


def class_tables(results: Results, experiment: str, source: ComparisonSource | None = None) -> list[Table]:
    """F1 lost to each perturbation, class by class."""
    layout = layout_of(results, experiment)
    return [table for name in _measures(layout) if (table := _by_class(layout, name))]


def _measures(layout: Layout) -> Iterator[str]:
    """Those that perturb and have numbers, or have them missing."""
    return (name for name, measure in layout.measures.items() if measure.perturbs)


def perturbations(layout: Layout, measure: str) -> list[Facts]:
    """Those of a measure's scores, in the order of its rows."""
    part = layout.numbers_of(measure)
    part = part[(part["perturbation"] != NO_PERTURBATION) & part["metric"].isin(layout.names[measure]["f1"])]
    part = part[list(FACTS)].drop_duplicates()
    return [facts_of(row) for row in part.itertuples(index=False)]


def _stem(layout: Layout, measure: str) -> str:
    """The beginning of the names of a measure's tables."""
    return f"{layout.experiment}-{measure.replace(' ', '-')}"


def _listed(layout: Layout, measure: str) -> list[Facts]:
    """The perturbations that a table has a row for: those that are asked for by name, and not a curve's."""
    return list(layout.measures[measure].named_perturbations()) or perturbations(layout, measure)


def _perturbed(layout: Layout, measure: str, source: ComparisonSource | None) -> Table:
    declared, attacks = layout.measures[measure], _listed(layout, measure)
    headings = {column.metric: column.heading for column in layout.columns[measure]}
    headings |= {each: text for each, text in COST.items() if declared.checks_itself or each != CHECKS}
    columns: list[TableColumn] = []
    for problem in layout.problems:
        own = [cell for cell in layout.cells if cell.problem == problem]
        for metric, heading in headings.items():
            columns.append(TableColumn(problem, metric, heading))
            conditions = [Condition(measure, facts=facts) for facts in (USUAL, *attacks)]
            if source and any(source.number(cell, each, metric) for cell in own for each in conditions):
                columns.append(TableColumn(problem, metric, heading, source=source.source))
    title = f"{layout.title}: {declared.heading or measure}"
    table = Table(_stem(layout, measure), title, [*layout.labels, declared.perturbed_by], columns)
    verdicts = layout.checked(measure)
    places = ((*row, problem) for row, cells in layout.rows.items() for problem in cells)
    no_better = {place for place in places if layout.is_at_chance(place)}
    for facts in (USUAL, *attacks):
        condition = Condition(measure, facts=facts)
        for key, own_cells in layout.rows.items():
            found: list[Value] = []
            for column in columns:
                there, place = own_cells.get(column.problem), (*key, column.problem)
                if column.source:
                    found.append(source.number(there, condition, column.metric) if source and there else None)
                else:
                    state = layout.state(key, column.problem, measure)
                    if column.metric == KEPT and facts != USUAL and place in no_better:
                        state = state or AT_CHANCE
                    found.append(state or _cell(place, column.metric, condition, layout.values, verdicts))
            labels = [text_of(value) for value in key]
            table.rows.append(([*labels, facts.perturbation_label], found))
    numbers = layout.numbers_of(measure)
    table.notes = declared.perturbation_notes(numbers) if len(numbers) else []
    if any(AT_CHANCE in row for _, row in table.rows):
        table.notes.append(f"{AT_CHANCE}: the AUC on clean images is not surely above .5, and nothing can be kept.")
    if source and any(column.source for column in columns):
        table.notes += source.notes(layout.results, layout.experiment)
    return table


def _cell(
    place: Key,
    metric: str,
    condition: Condition,
    values: dict[Key, dict[Run, float]],
    verdicts: dict[Key, str],
) -> Value:
    clean = condition.facts == USUAL
    if metric == CHECKS:
        return None if clean else _verdict(verdicts.get(place))
    if metric not in COST:
        return number_of(values.get((*place, condition, metric)))
    before, after = (values.get((*place, each, "f1"), {}) for each in (condition._replace(facts=USUAL), condition))
    if clean:
        return None
    if metric == LOST:
        return number_of({run: before[run] - value for run, value in after.items() if run in before})
    return number_of({run: value / before[run] for run, value in after.items() if before.get(run, 0) > 0})


def _verdict(word: str | None) -> Value:
    return Word(word, good=True) if word == PASSED else word


def curves(layout: Layout, measure: str) -> dict[Facts, dict[float, Facts]]:
    """Perturbations by what they have in common and by radius, where there are several radii or a sweep of one."""
    named = set(layout.measures[measure].named_perturbations())
    found: dict[Facts, dict[float, Facts]] = {}
    for facts in perturbations(layout, measure):
        if facts.radius is not None:
            found.setdefault(facts._replace(radius=None), {})[facts.radius] = facts
    return {
        shape: radii
        for shape, radii in found.items()
        if len(radii) > 1 or (named and not named.issuperset(radii.values()))
    }


def _by_radius(layout: Layout, measure: str) -> Table | None:
    found = curves(layout, measure)
    balls = sorted(
        {(shape.norm, radius) for shape, radii in found.items() for radius in radii},
        key=lambda ball: (ball[0] == "l2", ball[1]),
    )
    if not balls or not getattr(layout.measures[measure], "sweep", True):
        return None
    kinds = sorted({shape._replace(norm="").perturbation_label for shape in found})
    by_ball = {
        (shape._replace(norm="").perturbation_label, shape.norm, radius): facts
        for shape, radii in found.items()
        for radius, facts in radii.items()
    }
    measured = {(place[-3], place[-2]) for place in layout.values if place[-1] == "f1"}
    places = [
        (problem, ball)
        for problem, ball in product(layout.problems, balls)
        if any((problem, Condition(measure, facts=by_ball[kind, *ball])) in measured
               for kind in kinds if (kind, *ball) in by_ball)
    ]  # fmt: skip
    columns = [
        TableColumn(problem, "f1", f"{radius * GREY_LEVELS:.3g}", under=norm) for problem, (norm, radius) in places
    ]
    table = Table(
        f"{_stem(layout, measure)}-radii",
        f"{layout.title}: F1 by radius",
        [*layout.labels, layout.measures[measure].perturbed_by],
        columns,
    )
    for row in layout.rows:
        for kind in kinds:
            values: list[Value] = []
            for problem, ball in places:
                facts = by_ball.get((kind, *ball))
                condition = Condition(measure, facts=facts or USUAL)
                runs = layout.values.get((*row, problem, condition, "f1")) if facts else None
                values.append(layout.state(row, problem, measure) or number_of(runs))
            table.rows.append(([*(text_of(value) for value in row), kind], values))
    table.notes = ["Radii in grey levels, l2 over the whole image; before any attack: see the table under attack."]
    return table


def _by_class(layout: Layout, measure: str) -> Table | None:
    attacks = _listed(layout, measure)
    suite = layout.results.plan.suite
    numbers = layout.numbers_of(measure)
    part = numbers[numbers["metric"].isin(["f1", f"f1@{suite.protocol.threshold}"]) & (numbers["class"] != "")]
    classes = list(dict.fromkeys(part[["problem", "class"]].itertuples(index=False, name=None)))
    if not classes:
        return None
    values = _class_values(layout, part)
    declared = layout.measures[measure]
    title = f"{layout.title}: F1 lost {declared.heading or measure}, by class"
    columns = [TableColumn(problem, label, label) for problem, label in classes]
    table = Table(f"{_stem(layout, measure)}-classes", title, [*layout.labels, declared.perturbed_by], columns)
    for facts in attacks:
        for row in layout.rows:
            found: list[Value] = []
            for problem, label in classes:
                before, after = (values.get((*row, problem, label, each), {}) for each in (USUAL, facts))
                shift: Estimate | None = number_of(
                    {run: before[run] - value for run, value in after.items() if run in before}
                )
                found.append(layout.state(row, problem, measure) or shift)
            table.rows.append(([*(text_of(value) for value in row), facts.perturbation_label], found))
    return table


def _class_values(layout: Layout, part: "pandas.DataFrame") -> dict[Key, dict[Run, float]]:
    """Of each row, problem, class and facts the value of every run."""
    found: dict[Key, dict[Run, float]] = {}
    width = len(layout.labels) + 2
    for *place, run, value in layout.numbers(part, ["problem", "class", *FACTS]):
        found.setdefault((*place[:width], facts_of(place[width:])), {})[run] = value
    return found
