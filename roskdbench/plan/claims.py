"""Which cells a suite's claims speak of: each claim at every place where all that it names stands, or why nowhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from roskdbench.errors import PlacedError, nearest
from roskdbench.plan.graph import AXES, Cell, Plan
from roskdbench.suite.claims import Claim, Statement, as_number
from roskdbench.suite.measure import Column, Measure
from roskdbench.suite.parameter_axes import point_text
from roskdbench.values import KEPT, LOST, STUDENT, USUAL, Facts

SHARES = {KEPT: "kept of F1", LOST: "F1 lost"}

Key = tuple[Any, ...]
"""A method's title, a student, an overlap, a noise and a problem."""


@dataclass(frozen=True)
class Metric:
    """Which numbers of which measure a claim is about."""

    name: str
    measure: str
    heading: str
    subject: str = STUDENT
    facts: Facts = USUAL


@dataclass(frozen=True)
class ClaimAt:
    """A claim at one place."""

    name: str
    claim: Claim
    experiment: str
    problem: str
    metric: Metric
    left: Key
    rights: tuple[Key | float, ...]
    where: str
    """What of the place the sentence leaves open."""


@dataclass(frozen=True)
class Unplaced:
    """A claim that speaks of nothing that is planned, and why."""

    name: str
    claim: Claim
    reason: str


def placed(planned: Plan) -> list[ClaimAt | Unplaced]:
    """Every claim at each of its places, in the suite's order."""
    found: list[ClaimAt | Unplaced] = []
    for name, claim in planned.suite.claims.items():
        found += _of_claim(planned, name, claim)
    return found


def refuse_claims(planned: Plan) -> None:
    """A UserError for a claim that names what the suite does not have. What was left out of this plan is none."""
    if set(planned.experiments) != set(planned.suite.experiments):
        return
    for each in placed(planned):
        if isinstance(each, Unplaced):
            raise PlacedError(f"claim '{each.name}': {each.reason}", ("claims", each.name))


def _of_claim(planned: Plan, name: str, claim: Claim) -> list[ClaimAt | Unplaced]:
    """In the first experiment that has all that it speaks of."""
    said = claim.statement
    objection = ""
    if said.experiment and said.experiment not in planned.suite.experiments:
        objection = f"the suite has no experiment '{said.experiment}'"
        return [Unplaced(name, claim, f"{objection}; {nearest(said.experiment, planned.suite.experiments)}")]
    for experiment in [said.experiment] if said.experiment else planned.experiments:
        cells = [cell for cell in planned.cells if cell.experiment == experiment]
        if not cells:
            objection = objection or f"the experiment '{experiment}' is left out"
            continue
        metric = _metric(said, planned.measures[experiment], planned, experiment)
        if isinstance(metric, str):
            objection = objection or metric
            continue
        found = list(_places(said, cells, metric, name, claim))
        if found and not isinstance(found[0], str):
            return [each for each in found if isinstance(each, ClaimAt)]
        objection = objection or str(found[0])
    return [Unplaced(name, claim, objection or "nothing is planned that it could speak of")]


def _metric(said: Statement, measures: Mapping[str, Measure], planned: Plan, experiment: str) -> Metric | str:
    from roskdbench.plan.shown import shown_metrics

    shown = shown_metrics(planned.suite, experiment)
    protocol = planned.suite.protocol
    every: list[tuple[str, Column]] = [
        (name, column)
        for name, measure in measures.items()
        if bool(said.after) == measure.perturbs and not measure.rows_by
        for column in measure.table_columns(protocol, shown)
    ]
    wanted = "f1" if said.after and said.metric in SHARES else said.metric
    name, column = _named(wanted, every)
    if column is None:
        known = {each.metric for _, each in every} | (set(SHARES) if said.after else set())
        under = f" after '{said.after}'" if said.after else ""
        return f"experiment '{experiment}' measures no '{said.metric}'{under}; {nearest(said.metric, known)}"
    heading = SHARES.get(said.metric, column.heading) if said.after else column.heading
    if not said.after:
        return Metric(column.metric, name, heading, column.subject, column.facts)
    attacks = {each.perturbation_label: each for each in measures[name].named_perturbations()}
    chosen = [label for label in attacks if label == said.after] or [
        label for label in attacks if label.startswith(said.after)
    ]
    if len(chosen) != 1:
        several = f"'{said.after}' may be {' or '.join(chosen)}" if chosen else f"there is no '{said.after}'"
        return f"{several} in experiment '{experiment}'" + ("" if chosen else f"; {nearest(said.after, attacks)}")
    metric = said.metric if said.metric in SHARES else column.metric
    return Metric(metric, name, f"{heading} after {chosen[0]}", facts=attacks[chosen[0]])


def _named(wanted: str, columns: Iterable[tuple[str, Column]]) -> tuple[str, Column | None]:
    """The column of that name or heading; else the first whose name begins so, as `basin` is of basin+0.1."""
    every = [(name, column) for name, column in columns if column.subject == STUDENT]
    folded = wanted.lower()
    exact = [each for each in every if each[1].metric == wanted]
    headed = [each for each in every if each[1].heading.lower() == folded]
    begun = [each for each in every if each[1].metric.lower().startswith(folded)]
    return next(iter([*exact, *headed, *begun]), ("", None))


def _places(said: Statement, cells: Sequence[Cell], metric: Metric, name: str, claim: Claim) -> Iterator[ClaimAt | str]:
    """The claim at each place, or the reason why there is none."""
    head = f"experiment '{cells[0].experiment}'"
    objection = _unknown(said, cells)
    rows = objection or (_along_parameter if _is_parameter(said, cells) else _along_grid)(said, cells)
    if isinstance(rows, str):
        yield f"{head} {rows}"
        return
    models: dict[Key, list[str]] = {}
    for cell in cells:
        models.setdefault(key_of(cell), []).append(cell.scores)
    seen: list[list[list[str]]] = []
    for student, overlap, noise, problem in _open(said, cells):
        place = {"student": student, "overlap": overlap, "noise": noise}
        for what, (first, *others) in rows:
            left, *keys = [
                (title, *({**place, **moved}[axis] for axis in AXES), problem) for title, moved in (first, *others)
            ]
            rights: list[Key | float] = [*keys] if said.right is None or keys else [float(said.right)]
            compared = [models.get(key, []) for key in (left, *keys)]
            if all(compared) and compared not in seen:  # rows that do not know an axis are the same models along it
                seen.append(compared)
                where = ", ".join(part for part in (_where(said, cells, place, problem), what) if part)
                yield ClaimAt(name, claim, cells[0].experiment, problem, metric, left, tuple(rights), where)
    if not seen:
        yield f"{head} has no place with all that it names"


Side = tuple[str, dict[str, Any]]
"""A row's title, and where on the grid it stands if that is not the place's."""
Rows = list[tuple[str, list[Side]]]
"""What is compared, the first with each of the others, and what to say of it beside the place."""


def _unknown(said: Statement, cells: Sequence[Cell]) -> str:
    """What it names of the grid that is not there; empty if all is."""
    for what, chosen in (("problem", said.problems), ("student", said.students), ("noise", said.noises)):
        known = {getattr(cell, what) for cell in cells}
        for each in chosen:
            if each not in known:
                return f"has no {what} '{each}'; {nearest(each, known)}"
    return ""


def _is_parameter(said: Statement, cells: Sequence[Cell]) -> bool:
    return bool(said.axis) and said.axis not in AXES and any(said.axis in dict(cell.points) for cell in cells)


def _along_parameter(said: Statement, cells: Sequence[Cell]) -> Rows | str:
    """One method at several points of a parameter, for each point of its other axes."""
    groups: dict[tuple[tuple[str, str | float], ...], dict[str | float, str]] = {}
    for cell in cells:
        points = dict(cell.points)
        if cell.registered == said.left and said.axis in points:
            at = points.pop(said.axis)
            groups.setdefault(tuple(points.items()), {})[at] = cell.method
    if not groups:
        return f"has no row of '{said.left}' along {said.axis}"
    wanted: list[str | float] = []
    known = {at for group in groups.values() for at in group}
    for text in (said.at, *said.against):
        number = as_number(text)
        point = text if number is None or number not in known else number
        if point not in known:
            return f"has no {said.axis} {text}; {nearest(text, map(point_text, known))}"
        wanted.append(point)
    found: Rows = []
    for others, titles in groups.items():
        if all(point in titles for point in wanted):
            what = ", ".join(f"{axis} {point_text(at)}" for axis, at in others)
            found.append((what, [(titles[point], {}) for point in wanted]))
    return found


def _along_grid(said: Statement, cells: Sequence[Cell]) -> Rows | str:
    """Methods against each other or a number, or one at several points of an axis of the grid."""
    titles: list[str] = []
    for method in said.methods:
        rows = _titles(method, cells)
        if len(rows) > 1:
            return f"has several: '{method}' may be {' or '.join(rows)}: say which by its title, in quotes"
        if not rows:
            every = {title for cell in cells for title in (cell.method, cell.registered)}
            return f"has no method '{method}'; {nearest(method, every)}"
        titles.append(rows[0])
    points = _points(said, cells)
    if isinstance(points, str):
        return points
    if points:
        return [("", [(titles[0], {said.axis: point}) for point in points])]
    return [("", [(title, {}) for title in titles])]


def key_of(cell: Cell) -> Key:
    """Where a cell stands."""
    return (cell.method, *(getattr(cell, axis) for axis in AXES), cell.problem)


def _titles(method: str, cells: Sequence[Cell]) -> list[str]:
    """The rows that a name stands for: that of this title, else those of a method registered under it."""
    titles = dict.fromkeys(cell.method for cell in cells)
    if method in titles:
        return [method]
    return list(dict.fromkeys(cell.method for cell in cells if cell.registered == method))


def _points(said: Statement, cells: Sequence[Cell]) -> list[Any] | str:
    """The points of the axis that it speaks of, as cells have them."""
    if not said.axis:
        return []
    if said.axis not in AXES:
        axes = {*AXES, *(axis for cell in cells for axis, _ in cell.points)}
        return f"has no axis '{said.axis}'; {nearest(said.axis, axes)}"
    known = list(dict.fromkeys(getattr(cell, said.axis) for cell in cells))
    found = []
    for text in (said.at, *said.against):
        point = as_number(text) if said.axis == "overlap" else text
        if point not in known:
            values = {f"{each:g}" if isinstance(each, float) else str(each) for each in known}
            return f"has no {said.axis} {text}; {nearest(text, values)}"
        found.append(point)
    return found


def _open(said: Statement, cells: Sequence[Cell]) -> Iterator[tuple[Any, ...]]:
    """Students, overlaps, noises and problems that the sentence is about; one of its own axis is enough."""
    kept = {
        "student": said.students,
        "overlap": () if said.overlap is None else (said.overlap,),
        "noise": said.noises,
        "problem": said.problems,
    }
    axes = []
    for axis, chosen in kept.items():
        values = list(dict.fromkeys(getattr(cell, axis) for cell in cells))
        values = [each for each in values if not chosen or each in chosen]
        axes.append(values[:1] if axis == said.axis else values)
    return product(*axes)


def _where(said: Statement, cells: Sequence[Cell], place: Mapping[str, Any], problem: str) -> str:
    """What of the place has other values in the experiment, and is not of the sentence itself."""
    parts = [problem] if len({cell.problem for cell in cells}) > 1 or not said.problems else []
    for axis, value in place.items():
        several = len({getattr(cell, axis) for cell in cells}) > 1
        if several and axis != said.axis:
            parts.append(f"overlap {value:g}" if axis == "overlap" else str(value))
    return ", ".join(parts) or problem
