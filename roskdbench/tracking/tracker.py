"""What a tracker is: somebody else who wants to be told of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from roskdbench.plan import Cell
from roskdbench.report.table import Table
from roskdbench.values import Facts, MetricValue

CURVES = ("loss", "lr", "validation")
"""What a training's history has a number of for each epoch."""


class Tracker:
    """Derive from it, and say what is to happen with what you are told; the rest is passed over.

    It is told of all that the store holds of a run each time, so that a run that goes on, or is asked for again, gives
    the same whole. It sees what is kept and changes nothing.
    """

    def __init__(self, folder: Path) -> None:
        """The folder is the tracker's own, empty, and may not be there yet."""
        self.folder = folder

    def begun(self, run: str, parameters: Mapping[str, Any]) -> None:
        """A run has this name, and its suite this protocol: `epochs`, `optimiser.lr` and so on, each a plain value."""

    def trained(self, label: str, parameters: Mapping[str, Any], history: Mapping[str, list[Any]]) -> None:
        """A network was trained: all that its training depends on; its loss, lr, validation score and teachers' weights
        by epoch. No two trainings of a run have one label.
        """

    def measured(self, cell: Cell, numbers: Sequence[MetricValue]) -> None:
        """A cell of the tables has numbers: metric, value, samples, class, facts. Metrics of its teachers begin with
        `teacher 1` and so on.
        """

    def reported(self, tables: Sequence[Table], pictures: Sequence[Path]) -> None:
        """The run has come to its end: what its report shows. No picture shows somebody's images."""

    def close(self) -> None:
        """There is nothing more to tell."""


def curves_of(history: Mapping[str, list[Any]]) -> dict[str, list[float | None]]:
    """A training's history as curves: a number, or none, for each epoch."""
    found = {f"training/{name}": list(history[name]) for name in CURVES if history.get(name)}
    for number, weights in enumerate(zip(*history.get("weights", ()), strict=True), 1):
        found[f"weights/teacher {number}"] = list(weights)
    return found


def parameters_of(cell: Cell) -> dict[str, Any]:
    """Where a cell stands in the grid."""
    return {
        **{name: getattr(cell, name) for name in ("experiment", "problem", "method", "registered", "student")},
        **{name: getattr(cell, name) for name in ("overlap", "noise", "fold", "seed")},
        **dict(cell.points),
    }


def name_of(cell: Cell) -> str:
    """What tells a cell from all others, but its seed."""
    points = "".join(f", {axis} {at}" for axis, at in cell.points)
    where = f"{cell.experiment}, {cell.student}, overlap {cell.overlap:g}, noise {cell.noise}, fold {cell.fold + 1}"
    return f"{cell.problem}, {cell.method}, {where}{points}"


def scalars_of(numbers: Sequence[MetricValue]) -> dict[str, float]:
    """Means over classes, under the condition that they were measured in."""
    return {
        f"{_condition(facts)}/{metric}": value
        for metric, value, _, label, facts in numbers
        if not label and value is not None
    }


def _condition(facts: Facts) -> str:
    parts = ["clean" if facts.perturbation == "none" else facts.perturbation_label]
    parts += [f"on {facts.test_set}"] * bool(facts.test_set) + [facts.group] * bool(facts.group)
    return ", ".join(parts if facts.labels == "data" else [*parts, f"{facts.labels} labels"])


def flat(nested: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    """Plain values under names with points, as `--set` takes them."""
    found: dict[str, Any] = {}
    for key, value in nested.items():
        name = f"{under}{key}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{name}.")
        elif isinstance(value, list | tuple) and any(isinstance(each, Mapping | list | tuple) for each in value):
            found |= flat({str(number): each for number, each in enumerate(value)}, f"{name}.")
        elif isinstance(value, list | tuple):
            found[name] = ", ".join(map(str, value))
        else:
            found[name] = value
    return found
