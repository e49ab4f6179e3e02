"""The cells that a record or a board says it has, which a stranger may have written."""

from collections.abc import Mapping
from typing import Any

from roskdbench import foreign
from roskdbench.plan.graph import Cell
from roskdbench.plan.measuring_jobs import Measurement

CELL: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("experiment", "problem", "method", "registered", "student", "noise"), (str,)),
    **dict.fromkeys(("scores", "labels", "family"), (str,)),
    **dict.fromkeys(("fold", "seed", "trainings"), (int,)),
    **dict.fromkeys(("overlap", "cost"), (int, float)),
}


def cell_of(facts: Mapping[str, Any]) -> Cell:
    """A ValueError, KeyError or TypeError for what is none."""
    for name, value in facts.items():
        kinds = CELL.get(name, (type(value),))
        if type(value) not in kinds or (isinstance(value, int | float) and not abs(value) <= foreign.LARGEST):
            raise ValueError(f"a cell's {name} is {value!r:.40}")
    measurements = tuple(Measurement(**each) for each in facts["measurements"])
    points = tuple((str(axis), at) for axis, at in facts.get("points", ()))
    return Cell(**{**facts, "measurements": measurements, "points": points})
