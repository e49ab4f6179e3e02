"""The network behind a row of a run's tables: which training left it, and whether its last weights or the averaged ones
are meant.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roskdbench.artifact import DamagedArtifactError
from roskdbench.errors import UserError, nearest
from roskdbench.job import Job
from roskdbench.plan import Cell, Plan
from roskdbench.results import GRID
from roskdbench.store import Store

PLACE = tuple(name for name in GRID if name != "method")
"""What tells the cells of a method apart."""
COUNTED = ("fold", "seed")
"""Of these the first is taken where none is named."""
READINGS = {"last": "last weights", "averaged": "averaged weights"}


@dataclass(frozen=True)
class Model:
    """A student of a run."""

    cell: Cell
    training: Job
    reading: str
    """`last` or `averaged`."""

    def weights(self, store: Store) -> Path:
        """The file of its weights. A UserError where the store does not have it, or not whole."""
        try:
            return store.open(self.training.fingerprint).file(f"{self.reading}.safetensors")
        except DamagedArtifactError as error:
            raise UserError(f"{error}; run the suite, which makes it again") from None

    @property
    def identity(self) -> tuple[str, str]:
        """Two cells with the same have one model."""
        return self.training.fingerprint, self.reading


def every_model(plan: Plan) -> Iterator[Model]:
    """The models of a plan's cells. An ensemble is several networks, and is none of them."""
    for cell in plan.cells:
        predictions = plan.jobs[plan.jobs[cell.scores].inputs["predictions"]]
        if "model" in predictions.inputs:
            yield Model(cell, plan.jobs[predictions.inputs["model"]], predictions.spec["reading"])


def the_model(plan: Plan, method: str, place: Mapping[str, Any]) -> Model:
    """The one model of a method at a place in the grid, such as {"problem": "lesion", "seed": 0}. A UserError that says
    what else to name where there are several.
    """
    of_method = [cell for cell in plan.cells if method in (cell.registered, cell.method)]
    if not of_method:
        known = {cell.registered or cell.method for cell in plan.cells}
        raise UserError(f"the run has no method '{method}'; {nearest(method, known)}")
    cells = _at(of_method, {name: value for name, value in place.items() if value is not None}, method)
    for name in COUNTED:
        first = min(getattr(cell, name) for cell in cells)
        cells = [cell for cell in cells if getattr(cell, name) == first]
    wanted = {cell.scores for cell in cells}
    models = {model.identity: model for model in every_model(plan) if model.cell.scores in wanted}
    if not models:
        raise UserError(
            f"'{method}' is several networks, whose answers are averaged: there is no one model to give away"
        )
    if len(models) > 1:
        raise UserError(f"{len(models)} models are '{method}' here; {_what_tells_apart(cells, method)}")
    return next(iter(models.values()))


def _at(cells: list[Cell], place: Mapping[str, Any], method: str) -> list[Cell]:
    for name, value in place.items():
        if name not in PLACE:
            raise UserError(f"cells have no '{name}'; {nearest(name, set(PLACE))}")
        there = {str(getattr(cell, name)) for cell in cells}
        cells = [cell for cell in cells if str(getattr(cell, name)) == str(value)]
        if not cells:
            raise UserError(f"'{method}' has no {name} '{value}' here; there is: {', '.join(sorted(there))}")
    return cells


def _what_tells_apart(cells: list[Cell], method: str) -> str:
    for name in PLACE:
        there = sorted({str(getattr(cell, name)) for cell in cells})
        if len(there) > 1:
            return f"say which {name}: {', '.join(there)}"
    titles = sorted({cell.method for cell in cells} - {method})
    return f"name the row: {', '.join(titles)}"
