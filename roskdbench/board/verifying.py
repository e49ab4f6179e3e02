"""Whether a board can be believed: every number that follows from its predictions is computed again, and its rows must
be those that its suite and the methods' code here give.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isclose, isnan
from typing import Any

from roskdbench.board.binding import unlike_the_data
from roskdbench.board.content import Board
from roskdbench.board.rows_file import ResultRow
from roskdbench.data.content import Content, Located
from roskdbench.errors import UserError
from roskdbench.measuring.predictions import Predictions
from roskdbench.plan import Cell, Measurement, Plan, plan
from roskdbench.plugins import Registry
from roskdbench.report.layout import facts_of
from roskdbench.results import COLUMNS, FACTS, GRID, WHAT, grid_key
from roskdbench.suite.measure import Measure
from roskdbench.values import Facts

TOLERANCE = 1e-9
METRIC, LABEL, VALUE, COUNT, FINGERPRINT = (
    COLUMNS.index(name) for name in ("metric", "class", "value", "n", "fingerprint")
)
FIRST_FACT = COLUMNS.index(FACTS[0])
FIRST_WHAT = COLUMNS.index(WHAT[0])

Place = tuple[Facts, str, str]
"""Facts, metric and class."""
Known = dict[Place, tuple[float | None, int]]
"""The numbers of a job, and of how many samples each is."""


@dataclass
class Verdict:
    """What was found."""

    recomputed: int = 0
    trusted: int = 0
    objections: list[str] = field(default_factory=list)


def verify(board: Board, registry: Registry) -> Verdict:
    """Numbers against predictions, and rows against suite and code."""
    verdict = Verdict()
    located: dict[str, Any] = {name: Located(Content.of(facts)) for name, facts in board.contents.items()}
    try:
        planned = plan(board.suite, registry, located=located)
    except UserError as error:
        return Verdict(objections=[f"its suite cannot be planned here: {error}"])
    verdict.objections += [*_of_plan(board, planned), *unlike_the_data(board, planned)]
    by_cell = rows_by_cell(board)
    known: dict[str, Known | None] = {}
    for cell in board.cells:
        own: dict[str, list[ResultRow]] = {}
        for row in by_cell.pop(grid_key(cell), []):
            own.setdefault(row[FINGERPRINT], []).append(row)
        for each in cell.measurements:
            rows, measure = own.pop(each.fingerprint, []), planned.measures.get(cell.experiment, {}).get(each.measure)
            if measure is None:
                verdict.objections.append(f"{_name(cell)}: the suite does not measure {each.measure}")
                continue
            if each.fingerprint not in known:
                known[each.fingerprint] = _recomputed(board, cell, each.fingerprint, measure)
            _compare(verdict, cell, each, rows, known[each.fingerprint], measure)
        verdict.objections += [f"{_name(cell)}: rows of a job that is not the cell's" for _ in own]
    for place in by_cell:
        verdict.objections.append(f"{', '.join(map(str, place))}: results of a cell that the board does not have")
    return verdict


def rows_by_cell(board: Board) -> dict[ResultRow, list[ResultRow]]:
    """The rows of each place in the grid."""
    found: dict[ResultRow, list[ResultRow]] = {}
    for row in board.rows:
        found.setdefault(tuple(row[: len(GRID)]), []).append(row)
    return found


def _name(cell: Cell) -> str:
    return f"{cell.method} on {cell.problem} ({cell.experiment}, fold {cell.fold}, seed {cell.seed})"


def predictions_of(board: Board, cell: Cell) -> Predictions:
    """The labels and logits of a cell; a UserError where the board has none that can be used."""
    with _usable(cell):
        found = board.predictions(cell)
        found.score_rows()
        return found


@contextmanager
def _usable(cell: Cell) -> Iterator[None]:
    """What goes wrong in the block lies in what the board keeps of the cell."""
    try:
        yield
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise UserError(f"the board keeps no usable predictions for {_name(cell)}: {error}") from None


def _recomputed(board: Board, cell: Cell, fingerprint: str, measure: Measure) -> Known | None:
    """Numbers of a job from what the board keeps of it; None where they cannot be had without the model."""
    predictions = predictions_of(board, cell)
    with _usable(cell):
        values = measure.recompute(predictions, board.kept(fingerprint))
    if values is None:
        return None
    return {(facts, metric, label): (value, count) for metric, value, count, label, facts in values}


def _compare(
    verdict: Verdict,
    cell: Cell,
    measurement: Measurement,
    rows: list[ResultRow],
    wanted: Known | None,
    measure: Measure,
) -> None:
    who = f"{measurement.measure}, {measurement.subject}{f' {measurement.member}' if measurement.member else ''}"
    named = f"{_name(cell)}, {measurement.measure}"
    if not rows:
        verdict.objections.append(f"{_name(cell)}: its results are missing ({who})")
        return
    own = (measurement.measure, measurement.subject, measurement.member)
    if any(row[FIRST_WHAT : FIRST_WHAT + len(WHAT)] != own for row in rows):
        verdict.objections.append(f"{named}: some results stand under another measure, or as another model's")
    if wanted is None:
        verdict.trusted += len(rows)
        return
    left, trusted = dict(wanted), 0
    for row in rows:
        facts = facts_of(row[FIRST_FACT : FIRST_FACT + len(FACTS)])
        place = (facts, row[METRIC], row[LABEL])
        if place not in left:
            if measure.trusted(row[METRIC]):
                trusted += 1
            else:
                verdict.objections.append(f"{named}: {_text(place)} is no number of its predictions")
            continue
        value, count = left.pop(place)
        verdict.recomputed += 1
        if row[COUNT] != count:
            verdict.objections.append(
                f"{named}: {_text(place)} is of {row[COUNT]} samples on the board; its predictions are of {count}"
            )
        if not _same(row[VALUE], value):
            verdict.objections.append(
                f"{named}: {_text(place)} is {row[VALUE]:.6g} on the board; its predictions give "
                f"{'nothing' if value is None else format(value, '.6g')}"
            )
    verdict.trusted += trusted
    verdict.objections += [f"{named}: {_text(place)} is missing" for place in left]
    from pandas import DataFrame

    checks = measure.verdicts(DataFrame(rows, columns=list(COLUMNS)))
    if measure.checks_itself and not any(row[METRIC] in checks and row[VALUE] in (0.0, 1.0) for row in rows):
        verdict.objections.append(f"{_name(cell)}: the checks of its attacks are missing")


def _same(found: float, wanted: float | None) -> bool:
    if wanted is None or isnan(found):
        return wanted is None and isnan(found)
    return isclose(found, wanted, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _text(place: Place) -> str:
    facts, metric, label = place
    under = facts.perturbation_label if facts.labels == "data" else "corrected labels"
    return f"{metric}{f' of {label}' if label else ''} ({'clean' if under == 'none' else under})"


def _of_plan(board: Board, planned: Plan) -> Iterator[str]:
    """Rows that the suite, with the methods as they are here, does not give; and those of it that are not there."""
    wanted = {grid_key(cell): cell for cell in planned.cells}
    for cell in board.cells:
        ours = wanted.pop(grid_key(cell), None)
        if ours is None:
            yield f"{_name(cell)}: the suite has no such cell"
        elif ours.scores != cell.scores:
            model = planned.model(ours)
            code = dict(model.code) if model else {}
            theirs = board.made.get(cell.scores, {}).get("code", {})
            other = "its method's code here is another" if code != theirs else "it is of another version of the suite"
            yield f"{_name(cell)}: {other}"
        elif ours.measurements != cell.measurements:
            yield f"{_name(cell)}: its other measures are not those of the suite"
        elif ours != cell:
            yield f"{_name(cell)}: the board tells otherwise of it than the suite does"
    for cell in wanted.values():
        yield f"{_name(cell)}: the suite has this cell, and the board does not"
