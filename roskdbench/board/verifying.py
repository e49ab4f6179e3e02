"""Whether a board can be believed: every number that follows from its predictions is computed again, and its rows must
be those that its suite and the methods' code here give.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isclose, isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.board.content import Board, ResultRow
from roskdbench.data.content import Content, Located
from roskdbench.errors import UserError
from roskdbench.measures import BEFORE, CHECKS, Number
from roskdbench.measures.tested import Tested
from roskdbench.plan import Cell, Plan, plan
from roskdbench.registry import Registry
from roskdbench.results import COLUMNS, GRID, grid_key

TOLERANCE = 1e-9
TRUSTED = {"landscape", "memorisation"}  # kinds of job whose numbers need the model
CONDITION, METRIC, LABEL, VALUE, COUNT, FINGERPRINT = (
    COLUMNS.index(name) for name in ("condition", "metric", "class", "value", "n", "fingerprint")
)

Place = tuple[str, str, str]
"""Condition, metric and class."""
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
    verdict.objections += _of_plan(board, planned)
    by_cell = rows_by_cell(board)
    known: dict[str, Known | None] = {}
    for cell in board.cells:
        own: dict[str, list[ResultRow]] = {}
        for row in by_cell.pop(grid_key(cell), []):
            own.setdefault(row[FINGERPRINT], []).append(row)
        for fingerprint, who in ((cell.scores, ""), *cell.others):
            rows = own.pop(fingerprint, [])
            if fingerprint not in known:
                known[fingerprint] = _recomputed(board, cell, fingerprint, planned)
            _compare(verdict, cell, who, rows, known[fingerprint])
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


def predictions_of(board: Board, cell: Cell) -> tuple[Tested, dict[str, NDArray[np.float32]]]:
    """The labels and logits of a cell; a UserError where the board has none that can be used."""
    with _usable(cell):
        return board.tested(board.made[cell.scores]["split"]), board.logits(cell.scores)


@contextmanager
def _usable(cell: Cell) -> Iterator[None]:
    """What goes wrong in the block lies in what the board keeps of the cell."""
    try:
        yield
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise UserError(f"the board keeps no usable predictions for {_name(cell)}: {error}") from None


def _recomputed(board: Board, cell: Cell, fingerprint: str, planned: Plan) -> Known | None:
    """Numbers of a job from what the board keeps of it; None where they cannot be had without the model. Of what kind a
    job is, the suite says; the board is asked only about jobs that the suite does not have, which are objected to.
    """
    job = planned.jobs.get(fingerprint)
    kind = job.kind if job else board.made.get(fingerprint, {}).get("kind", "scores")
    kind = "scores" if fingerprint == cell.scores else kind
    if kind in TRUSTED:
        return None
    tested, logits = predictions_of(board, cell)
    rows: list[Number]
    with _usable(cell):
        if kind == "scores":
            rows = tested.clean(logits)
        elif kind == "calibration":
            rows = tested.calibration(logits)
        else:
            attacked = board.attacked(fingerprint)
            if attacked is None:
                raise KeyError(fingerprint)
            rows = tested.attacked(logits, *attacked)
    return {(condition, metric, label): (value, count) for condition, metric, label, value, count in rows}


def _compare(verdict: Verdict, cell: Cell, who: str, rows: list[ResultRow], wanted: Known | None) -> None:
    if not rows:
        verdict.objections.append(f"{_name(cell)}: its results are missing{f' ({who})' if who else ''}")
        return
    if wanted is None:
        verdict.trusted += len(rows)
        return
    left = dict(wanted)
    for row in rows:
        place = (row[CONDITION], row[METRIC], row[LABEL])
        if place not in left:
            if row[CONDITION] == CHECKS or row[METRIC] == "largest-change":
                verdict.trusted += 1
            else:
                verdict.objections.append(f"{_name(cell)}: {_said(place)} is no number of its predictions")
            continue
        value, count = left.pop(place)
        verdict.recomputed += 1
        if row[COUNT] != count:
            verdict.objections.append(
                f"{_name(cell)}: {_said(place)} is of {row[COUNT]} samples on the board; its predictions are of {count}"
            )
        if not _same(row[VALUE], value):
            verdict.objections.append(
                f"{_name(cell)}: {_said(place)} is {row[VALUE]:.6g} on the board; its predictions give "
                f"{'nothing' if value is None else format(value, '.6g')}"
            )
    verdict.objections += [f"{_name(cell)}: {_said(place)} is missing" for place in left]
    attacked = any(condition == BEFORE for condition, _, _ in wanted)
    if attacked and not any(row[CONDITION] == CHECKS for row in rows):
        verdict.objections.append(f"{_name(cell)}: the checks of its attacks are missing")


def _same(found: float, wanted: float | None) -> bool:
    if wanted is None or isnan(found):
        return wanted is None and isnan(found)
    return isclose(found, wanted, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _said(place: Place) -> str:
    condition, metric, label = place
    return f"{metric}{f' of {label}' if label else ''} ({condition})"


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
        elif ours.others != cell.others:
            yield f"{_name(cell)}: its other measures are not those of the suite"
        elif ours != cell:
            yield f"{_name(cell)}: the board tells otherwise of it than the suite does"
    for cell in wanted.values():
        yield f"{_name(cell)}: the suite has this cell, and the board does not"
