"""Parameters of a method as axes: `temperature: {axis: [.5, 1, 2]}` is a row at each point, and a figure over them.

Points are values, or under labels where values are mappings: `weighting: {axis: {even: {kind: equal}, ...}}`.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from roskdbench.suite.declared import Declared

AXIS = "axis"
Path = tuple[str, ...]


class AxisPoint(Declared):
    """Where a row stands on an axis."""

    label: str | float
    """What tables and claims call the point."""
    value: Any
    """What the parameter is there."""


def spread_out(methods: Any) -> Any:
    """A list of methods in which each that has axes stands once at each of their points. A ValueError says what is
    wrong with an axis; what is no list of methods is given back as it is.
    """
    if not isinstance(methods, list):
        return methods
    return [each for method in methods for each in _of_method(method)]


def _of_method(method: Any) -> list[Any]:
    axes = dict(_axes(method, ())) if isinstance(method, Mapping) else {}
    if not axes:
        return [method]
    bare = _without(method, set(axes))
    points = [[(path, *point) for point in _points(path, axis)] for path, axis in axes.items()]
    return [
        {**bare, "along": {".".join(path): {"label": label, "value": value} for path, label, value in chosen}}
        for chosen in product(*points)
    ]


def _axes(value: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    for key, inside in value.items():
        if isinstance(inside, Mapping) and key != "along":
            if set(inside) == {AXIS}:
                yield (*path, str(key)), inside[AXIS]
            else:
                yield from _axes(inside, (*path, str(key)))


def _without(value: Mapping[str, Any], paths: set[Path], path: Path = ()) -> dict[str, Any]:
    kept = {key: inside for key, inside in value.items() if (*path, str(key)) not in paths}
    return {
        key: _without(inside, paths, (*path, str(key))) if isinstance(inside, Mapping) else inside
        for key, inside in kept.items()
    }


def _points(path: Path, axis: Any) -> list[tuple[str | float, Any]]:
    name = ".".join(path)
    if isinstance(axis, Mapping):
        found: list[tuple[str | float, Any]] = [(str(label), value) for label, value in axis.items()]
    elif isinstance(axis, Sequence) and not isinstance(axis, str):
        if any(isinstance(value, Mapping | list) for value in axis):
            raise ValueError(f"{name}: points that are mappings need labels: axis: {{LABEL: ..., LABEL: ...}}")
        found = [(value if isinstance(value, int | float | str) else str(value), value) for value in axis]
    else:
        raise ValueError(f"{name}: an axis is a list of points, such as axis: [.5, 1, 2]")
    if len({label for label, _ in found}) < max(2, len(found)):
        raise ValueError(f"{name}: an axis has two different points at least, and none twice")
    return found


def with_points(parameters: Mapping[str, Any], along: Mapping[str, AxisPoint]) -> dict[str, Any]:
    """Parameters of a method, those of its axes among them."""
    found: dict[str, Any] = dict(parameters)
    for name, point in along.items():
        *parents, last = name.split(".")
        here = found
        for key in parents:
            here[key] = dict(here.get(key, {}))
            here = here[key]
        here[last] = point.value
    return found


def axis_name(path: str) -> str:
    """What an axis is called: the last part of its parameter's path."""
    return path.rpartition(".")[2]


def point_text(label: str | float) -> str:
    """A point as titles have it."""
    return label if isinstance(label, str) else f"{label:g}"
