"""`folder` with a label file: a path and labels a row, and what else its columns say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.attribute_sources import read_attributes
from roskdbench.data.catalogue import Catalogue, ImageFiles, count, numbered, refuse_same, second_labels, some
from roskdbench.data.column_or_path import texts_of
from roskdbench.data.group_hint import group_hint
from roskdbench.data.label_columns import (
    UNCERTAIN,
    blank_cells,
    cells_without_mark,
    class_names,
    class_numbers,
    findings,
)
from roskdbench.data.labelfile import LabelFile, joined, read_label_file, refuse_absent
from roskdbench.data.named_parts import is_part, numbered_parts
from roskdbench.data.problem import Labels
from roskdbench.data.row_filter import rows_kept
from roskdbench.errors import UserError

if TYPE_CHECKING:
    from roskdbench.datasets.folder import Folder

IMAGE = "image"
FILE_NAME = "file_name"
"""What Hugging Face's image folders call that column."""


@dataclass(frozen=True)
class _Rows:
    """The rows of the label file that are taken, what the image of each is called in it, and a remark on the others."""

    file: LabelFile
    names: list[str]
    remarks: list[str]


def from_table(spec: Folder, root: Path) -> Catalogue:
    """The images that the label file lists, in its order."""
    rows = _rows(spec, root)
    file, names, remarks = rows.file, rows.names, list(rows.remarks)
    found = [f"{name}{spec.extension}".removeprefix("./") for name in names]
    paths = [root / each for each in found]
    absent = [name for name, path in zip(names, paths, strict=True) if not path.is_file()]
    if absent:
        slashes = "; paths are written with / and not with \\" if any("\\" in name for name in absent) else ""
        raise UserError(f"{count(len(absent), len(names))} not in {root}: {some(absent)}{slashes}")
    groups = texts_of(spec.group, file, found, "group") if spec.group else [""] * len(names)
    classes, own = _own(spec, file)
    corrected, remark = _corrected(spec, root, rows, classes, own)
    attributes, not_understood = read_attributes(spec.attributes or {}, file, found)
    uncertain = (own == UNCERTAIN).astype(np.uint8) if spec.labels else None
    labels = Labels(
        task=spec.task,
        classes=classes,
        targets=own if uncertain is None else np.maximum(own, 0).astype(np.uint8),
        groups=numbered(groups),
        noisy_targets=_noisy(spec, file, classes, own),
        corrected=corrected,
        uncertain=uncertain if uncertain is not None and uncertain.any() else None,
        parts=_parts(spec, file, found, groups) if spec.split == "official" else None,
    )
    blank = blank_cells(file, spec.labels) if spec.labels else None
    remarks += [*_cells(spec, file), remark, *not_understood, _hint(spec, file, found)]
    remark = " ".join(filter(None, remarks))
    return Catalogue(
        ImageFiles(names, paths),
        labels,
        spec.channels,
        spec.size,
        remark,
        attributes,
        blank,
        groups if spec.group else (),
    )


def _rows(spec: Folder, root: Path) -> _Rows:
    read = [(part, *_read(spec, path, _columns(spec))) for part, path in _label_files(root, str(spec.csv))]
    names = [f"{part}/{name}" if part else name for part, _, listed in read for name in listed]
    file = joined([each for _, each, _ in read], root) if read[0][0] else read[0][1]
    remarks = []
    if spec.only is not None:
        total, kept = len(file), rows_kept(spec.only, file)
        file, names = file.take(kept), [names[row] for row in kept]
        wanted = " and ".join(
            f"{column}: {some(each or 'blank' for each in values)}" for column, values in spec.only.items()
        )
        remarks = [f"{total - len(kept):,} of {total:,} rows are left out, as only {wanted} is asked for."]
    file.refuse_duplicates(names)
    return _Rows(file, names, remarks)


def _label_files(root: Path, name: str) -> list[tuple[str, Path]]:
    """The label file, and the folder that its paths begin in: `root`, or one of its own for each part."""
    if (root / name).exists():
        return [("", root / name)]
    parts = sorted(path.name for path in root.iterdir() if path.is_dir() and is_part(path.name))
    having = [part for part in parts if (root / part / name).is_file()]
    if not having:
        return [("", root / name)]
    if lacking := [part for part in parts if part not in having]:
        raise UserError(f"{root}: {some(lacking)} without {name}, and {some(having)} with it; each part needs its own")
    return [(part, root / part / name) for part in having]


def _read(spec: Folder, path: Path, columns: list[str]) -> tuple[LabelFile, list[str]]:
    """Some columns, and the names of the images."""
    file = read_label_file(path, columns, None, optional=(spec.image, FILE_NAME)[: 1 + (spec.image == IMAGE)])
    image = FILE_NAME if spec.image == IMAGE and IMAGE not in file and FILE_NAME in file else spec.image
    refuse_absent(image, file.header, path)
    return file, [normpath(name) if name else name for name in file[image]]


def _columns(spec: Folder) -> list[str]:
    """All that are needed, but for the image's."""
    named = (spec.group, spec.part if spec.split == "official" else None)
    return [
        *_label_columns(spec),
        *(name for name in named if isinstance(name, str)),
        *(each.column for each in (spec.attributes or {}).values() if each.column),
        *(spec.only or ()),
    ]


def _label_columns(spec: Folder) -> list[str]:
    single = (spec.label, spec.noisy_label, spec.corrected_label)
    several = (spec.labels, spec.noisy_labels, spec.corrected_labels)
    return [*(name for name in single if name), *(name for names in several for name in names or ())]


def _own(spec: Folder, file: LabelFile) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Class names, and the number of each row's class or [N, C] of 0, 1 and -1; a blank cell of findings is 0."""
    if spec.labels:
        return tuple(spec.labels), findings(file, spec.labels, blank=0)
    classes = tuple(spec.classes or class_names(file, str(spec.label)))
    numbers = class_numbers(file, str(spec.label), classes)
    if len(classes) < 2:
        raise UserError(f"{file.path}: all rows have the class '{classes[0]}'; there should be two or more")
    return classes, numbers


def _noisy(spec: Folder, file: LabelFile, classes: tuple[str, ...], own: NDArray[np.int64]) -> NDArray[Any] | None:
    """The labels with errors; of findings, NaN where they are uncertain, which training then ignores."""
    if not spec.has_noisy_copy:
        return None
    if spec.noisy_label:
        marks = class_numbers(file, spec.noisy_label, classes)
    else:
        marks = findings(file, spec.noisy_labels or (), blank=0)
    if not ((marks != own) & (marks >= 0) & (own >= 0)).any():
        what = f"noisy_label: '{spec.noisy_label}'" if spec.noisy_label else "noisy_labels"
        raise UserError(f"{file.path}: {what}: no label differs from the clean one; name the columns with the errors")
    if spec.noisy_label:
        return marks
    return np.where(marks < 0, np.nan, marks).astype(np.float32) if (marks < 0).any() else marks.astype(np.uint8)


def _corrected(
    spec: Folder, root: Path, rows: _Rows, classes: tuple[str, ...], own: NDArray[np.int64]
) -> tuple[NDArray[np.signedinteger] | None, str]:
    """The second label set, -1 where it says nothing, and a remark if it was not where the suite says."""
    if spec.corrected is not None:
        path, remark = _corrected_file(spec, spec.corrected, root)
        columns = [spec.label] if spec.label else spec.labels or []
        file, listed = _read(spec, path, columns)
        file.refuse_duplicates(listed)
        targets = _second(file, spec.label, columns, classes)
        return second_labels(rows.names, listed, targets, own, path), remark
    columns = [spec.corrected_label] if spec.corrected_label else spec.corrected_labels or []
    if not columns:
        return None, ""
    found = _second(rows.file, spec.corrected_label, columns, classes)
    what = f"{rows.file.path}: {some(columns)}"
    if (found < 0).all():
        raise UserError(f"{what}: every cell is blank; a second label set has labels for some of the images")
    refuse_same(found, np.maximum(own, 0), what, own < 0)
    return found, ""


def _second(file: LabelFile, column: str | None, columns: list[str], classes: tuple[str, ...]) -> NDArray[np.int64]:
    return class_numbers(file, column, classes, blank=-1) if column else findings(file, columns, blank=-1)


def _corrected_file(spec: Folder, path: Path, root: Path) -> tuple[Path, str]:
    """Where the suite says, or else under `root`: a suite's paths begin at the suite, and its csv's at `root`."""
    if path.is_file():
        return path, ""
    parts = path.parts[1:] if path.is_absolute() else path.parts
    for start in range(len(parts)):
        inside = Path(*parts[start:])
        if (root / inside).is_file() and inside != Path(str(spec.csv)):
            return root / inside, f"The second label set is {inside.as_posix()} in the folder of the data."
    raise UserError(f"the second label set is neither {path} nor {path.name} in {root}; say where it is with corrected")


def _parts(spec: Folder, file: LabelFile, paths: list[str], groups: list[str]) -> NDArray[np.int8]:
    if isinstance(spec.part, str):
        return numbered_parts(file[spec.part], groups, file.place, f"the column '{spec.part}'")
    if spec.part is not None:
        return numbered_parts(texts_of(spec.part, file, paths, "part"), groups, paths.__getitem__, "part")
    folders = [path.split("/", 1)[0] for path in paths]
    outside = [path for path, folder in zip(paths, folders, strict=True) if not is_part(folder)]
    if outside:
        raise UserError(
            f"split: official without part goes by the folders train, validation (or val) and test, and "
            f"{count(len(outside), len(paths))} in none of them: {some(outside)}"
        )
    return numbered_parts(folders, groups, paths.__getitem__, "the folders of parts")


def _cells(spec: Folder, file: LabelFile) -> list[str]:
    """What cells without a 0 or 1 were taken as."""
    remarks = []
    for columns, what, fate in ((spec.labels, "label", "uncertain"), (spec.noisy_labels, "noisy label", "ignored")):
        blank, unsure = cells_without_mark(file, columns or ())
        total = len(file) * len(columns or ())
        if blank:
            remarks.append(f"{blank:,} of {total:,} {what} cells are blank and count as 0.")
        if unsure:
            remarks.append(f"{unsure:,} of {total:,} {what} cells are -1 ({fate}).")
    return remarks


def _hint(spec: Folder, file: LabelFile, paths: list[str]) -> str:
    if spec.group:
        return ""
    used = {spec.image, *_label_columns(spec)}
    return group_hint([name for name in file.header if name not in used], paths)
