"""The parts of a split by the names that people give them."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.catalogue import refuse_split_groups
from roskdbench.data.problem import TEST, TRAIN, VALIDATION
from roskdbench.errors import UserError

PARTS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "validation", "valid", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}


def is_part(name: str) -> bool:
    """Whether a part is called so."""
    return name.lower() in PARTS


def numbered_parts(names: Sequence[str], groups: list[str], place: Callable[[int], str], what: str) -> NDArray[np.int8]:
    """The part of each row; a UserError for a name that is none (`place` says where), or a group in two parts."""
    for row, name in enumerate(names):
        if not is_part(name):
            raise UserError(f"{place(row)}: the part is '{name}'; it should be train, validation (or val) or test")
    parts = np.array([PARTS[name.lower()] for name in names], dtype=np.int8)
    refuse_split_groups(parts, groups, what)
    return parts
