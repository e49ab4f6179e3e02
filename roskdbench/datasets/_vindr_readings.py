"""What radiologists said of VinDr-CXR's films, from either form of its label files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.labelfile import LabelFile, read_label_file
from roskdbench.errors import UserError, nearest

MARKS = {"0": 0, "0.0": 0, "1": 1, "1.0": 1, "": -1}
IMAGE, RADIOLOGIST, NAME = "image_id", "rad_id", "class_name"

Marks = NDArray[np.int8]
"""1 where a finding is said to be there, 0 where it is said to be absent, -1 where nothing is said."""
Pair = tuple[str, str]
"""An image and who read it."""


@dataclass(frozen=True)
class Readings:
    """The images that radiologists read one by one, and what each of them said. `votes` [N, R, C]"""

    names: list[str]
    votes: Marks

    def with_consensus(self, consensus: Marks) -> tuple[Marks, Marks]:
        """Votes of all images, those with a consensus having none; and marks [N, C]: a finding is there if more than
        half of those who said something of it say so.
        """
        present, said = (self.votes == 1).sum(1), (self.votes >= 0).sum(1)
        most = np.where(said == 0, -1, 2 * present > said).astype(np.int8)
        none = np.full((len(consensus), *self.votes.shape[1:]), -1, np.int8)
        return np.concatenate([self.votes, none]), np.concatenate([most, consensus])


def read_by_each(path: Path, classes: Sequence[str], names: Sequence[str] | None) -> Readings:
    """What each radiologist said of these classes, from a file with a column a class, or, where `names` are given, with
    a row a finding, called by one of them.
    """
    if names is not None:
        file = _file(path, [NAME])
        return _arranged(*_from_rows(file, classes, names))
    file = _file(path, classes)
    pairs: dict[Pair, int] = {}
    for row, pair in enumerate(zip(file[IMAGE], file[RADIOLOGIST], strict=True)):
        if pairs.setdefault(pair, row) != row:
            raise UserError(
                f"{file.place(row)}: {pair[1]} has read {pair[0]} before, on line {file.lines[pairs[pair]]}"
            )
    return _arranged(list(pairs), _from_columns(file, classes))


def consensus_marks(path: Path, classes: Sequence[str]) -> tuple[list[str], Marks]:
    """The images of a file with one row an image, and their marks [N, C]."""
    file = read_label_file(path, [IMAGE, *classes], IMAGE)
    return file[IMAGE], _from_columns(file, classes)


def _file(path: Path, columns: Sequence[str]) -> LabelFile:
    """These columns of a file that says in each row of which image it is, and who read it."""
    file = read_label_file(path, [IMAGE, RADIOLOGIST, *columns], None)
    for key in (IMAGE, RADIOLOGIST):
        if "" in file[key]:
            raise UserError(f"{file.place(file[key].index(''))}: no {key}; every row needs one")
    return file


def _from_columns(file: LabelFile, classes: Sequence[str]) -> Marks:
    """[rows, C]"""
    columns = []
    for name in classes:
        for row, text in enumerate(file[name]):
            if text not in MARKS:
                raise UserError(f"{file.place(row)}: {name} is '{text}'; it should be 0 or 1")
        columns.append([MARKS[text] for text in file[name]])
    return np.ascontiguousarray(np.array(columns, np.int8).T)


def _from_rows(file: LabelFile, classes: Sequence[str], names: Sequence[str]) -> tuple[list[Pair], Marks]:
    """Who read what, and what was found: an absent finding has no row, and a film without any has one that says so."""
    column = {name: c for c, name in enumerate(classes)}
    number: dict[Pair, int] = {}
    found = []
    for row, name in enumerate(file[NAME]):
        if name not in names:
            raise UserError(f"{file.place(row)}: unknown finding '{name}'; {nearest(name, names)}")
        pair = number.setdefault((file[IMAGE][row], file[RADIOLOGIST][row]), len(number))
        if name in column:
            found.append((pair, column[name]))
    marks = np.zeros((len(number), len(classes)), np.int8)
    rows, columns = np.array(found, np.int64).reshape(-1, 2).T
    marks[rows, columns] = 1
    return list(number), marks


def _arranged(pairs: list[Pair], marks: Marks) -> Readings:
    """The marks of each image, in the order of rad_id (R2 before R10); -1 after those of an image that fewer read."""
    number = {name: n for n, name in enumerate(dict.fromkeys(image for image, _ in pairs))}
    readers = sorted({reader for _, reader in pairs}, key=lambda text: (len(text), text))
    rank = {reader: n for n, reader in enumerate(readers)}
    image: NDArray[np.int64] = np.array([number[name] for name, _ in pairs], np.int64)
    reader: NDArray[np.int64] = np.array([rank[who] for _, who in pairs], np.int64)
    order = np.lexsort((reader, image))
    first = np.searchsorted(image[order], np.arange(len(number)))
    seat = np.arange(len(order)) - first[image[order]]
    votes = np.full((len(number), int(seat.max()) + 1, marks.shape[1]), -1, np.int8)
    votes[image[order], seat] = marks[order]
    return Readings(list(number), votes)
