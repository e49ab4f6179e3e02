"""What a training noted after each epoch, as it stands in the store."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roskdbench.foreign import json_of

History = Mapping[str, list[Any]]
"""By name what was noted in one epoch after the other: a number, None where there was none, or a number a teacher."""
EVERY_EPOCH = ("loss", "lr", "validation")


def history_in(path: Path) -> History:
    """The history of a training; a ValueError, TypeError or KeyError for a file that is none."""
    found = json_of(path)
    history = {name: list(values) for name, values in found.items()}
    epochs = len(history["loss"])
    history.setdefault("validation", [None] * epochs)
    for name, values in history.items():
        if not all(map(_is_noted, values)):
            raise ValueError(f"'{name}' holds what is no number")
        if name in EVERY_EPOCH and (len(values) != epochs or any(isinstance(each, list) for each in values)):
            raise ValueError(f"'{name}' is not a number for each of {epochs} epochs")
    shapes = [[len(each) for each in history.get(name, [])] for name in ("weights", "deviation")]
    if shapes[0] != shapes[1] or len(set(shapes[0])) > 1:
        raise ValueError("the teachers' weights are not those of the same teachers in every epoch")
    return history


def _is_noted(value: object) -> bool:
    numbers = value if isinstance(value, list) else [value]
    return all(type(each) in (int, float, type(None)) for each in numbers)
