"""Labels from the columns of a label file: a class a row, or a column of 0, 1 and -1 for each finding."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.labelfile import LabelFile
from roskdbench.errors import UserError, nearest

UNCERTAIN = -1
MARKS = {
    **dict.fromkeys(("0", "0.0", "false", "False", "FALSE"), 0),
    **dict.fromkeys(("1", "1.0", "true", "True", "TRUE"), 1),
    **dict.fromkeys(("-1", "-1.0"), UNCERTAIN),
}


def class_names(file: LabelFile, column: str) -> tuple[str, ...]:
    """The classes of a column, in alphabetical order."""
    return tuple(sorted(set(file[column])))


def class_numbers(file: LabelFile, column: str, classes: Sequence[str], blank: int | None = None) -> NDArray[np.int64]:
    """The number of each row's class. `blank` is what a blank cell means; None: it is an error. [N]"""
    number = {name: c for c, name in enumerate(classes)}
    if blank is not None:
        number[""] = blank
    texts = file[column]
    for row, text in enumerate(texts):
        if text not in number or (not text and blank is None):
            hint = nearest(text, classes) if text else "every row needs one"
            raise UserError(f"{file.place(row)}: {f'unknown class {text!r}' if text else 'no class'}; {hint}")
    return np.array([number[text] for text in texts], dtype=np.int64)


def findings(file: LabelFile, columns: Sequence[str], blank: int) -> NDArray[np.int64]:
    """0, 1 and -1 of each row; `blank` is what a blank cell means. [N, C]"""
    marks = {**MARKS, "": blank}
    found = []
    for name in columns:
        for row, text in enumerate(file[name]):
            if text not in marks:
                raise UserError(f"{file.place(row)}: {name} is '{text}'; it should be 1, 0 or -1 (uncertain)")
        found.append([marks[text] for text in file[name]])
    return np.array(found, dtype=np.int64).T


def blank_cells(file: LabelFile, columns: Sequence[str]) -> NDArray[np.uint8] | None:
    """1 where a cell is blank; None where none is. [N, C]"""
    found = np.array([[not text for text in file[name]] for name in columns], np.uint8).T
    return found if found.any() else None


def cells_without_mark(file: LabelFile, columns: Sequence[str]) -> tuple[int, int]:
    """How many cells of these columns are blank, and how many are -1."""
    counts = [Counter(file[name]) for name in columns]
    uncertain = sum(count[text] for count in counts for text, mark in MARKS.items() if mark == UNCERTAIN)
    return sum(count[""] for count in counts), uncertain
