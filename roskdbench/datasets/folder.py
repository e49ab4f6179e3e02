"""`folder`: any images on disk: a CSV with a path and labels a row, or a folder a class."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from roskdbench.data.catalogue import (
    Catalogue,
    ImageFiles,
    count,
    image_files,
    numbered,
    refuse_split_groups,
    second_labels,
    some,
)
from roskdbench.data.labelfile import LabelFile, read_label_file
from roskdbench.data.problem import NOWHERE, TEST, TRAIN, VALIDATION, Labels
from roskdbench.errors import UserError, nearest
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, RealProblem, Task

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
PARTS = {"train": TRAIN, "val": VALIDATION, "validation": VALIDATION, "valid": VALIDATION, "test": TEST}
MARKS = {"0": 0, "0.0": 0, "1": 1, "1.0": 1, "-1": -1, "-1.0": -1}
UNCERTAIN = -1


@register("folder")
class Folder(RealProblem):
    """Any images: a CSV with a path and labels a row, or a folder a class.

    Without `csv`, the folders in `root` are classes; folders called train, validation (or val) and test, if there are
    any, are the parts and hold the classes.
    """

    card: ClassVar[Card] = Card(
        "Your own images", "yours", "yours", "a CSV with a path and labels a row, or a folder a class"
    )

    csv: str | None = None
    """The label file, inside `root`."""
    image: str = "image"
    """The column with the path of each image, from `root`."""
    extension: str = ""
    """What is added to that path, such as .jpg."""
    label: str | None = None
    """The column with the class, for single-label problems."""
    labels: Annotated[list[str], Field(min_length=1)] | None = None
    """The columns of 0 and 1 (-1: uncertain), for multi-label problems."""
    group: str | None = None
    """The column with the patient or lesion."""
    part: str | None = None
    """The column that says train, validation (or val) or test."""
    classes: list[str] | None = None
    """The classes in the order that tables show; in alphabetical order if left out."""
    colour: Literal["rgb", "grey"] = "rgb"

    @property
    def channels(self) -> int:  # type: ignore[override]
        """3 or 1."""
        return 3 if self.colour == "rgb" else 1

    @property
    def task(self) -> Task:  # type: ignore[override]
        """Multi-label where there are several label columns."""
        return "multi-label" if self.labels else "single-label"

    @model_validator(mode="after")
    def _columns_fit(self) -> "Folder":
        columns = [key for key in ("label", "labels", "group", "part") if getattr(self, key)]
        if self.csv is None and columns:
            raise ValueError(f"'{columns[0]}' names a column, and there is no csv")
        if self.csv is None and self.corrected is not None:
            raise ValueError("'corrected' needs a csv that it is written like")
        if self.csv is not None and bool(self.label) == bool(self.labels):
            raise ValueError("a csv needs either label (one column of classes) or labels (columns of 0 and 1)")
        for key in ("labels", "classes"):
            names = getattr(self, key) or []
            if len(set(names)) < len(names):
                raise ValueError(f"'{key}' names '{next(name for name in names if names.count(name) > 1)}' twice")
        if self.part and self.split != "official":
            raise ValueError("'part' is the column of the official split; say split: official, or leave it out")
        if self.labels and self.classes:
            raise ValueError("with labels, the columns are the classes; leave out 'classes'")
        if self.csv is not None and self.split == "official" and not self.part:
            raise ValueError("split: official needs the column with the parts: part")
        return self

    @classmethod
    def found_under(cls, folder: Path) -> None:
        """Nobody knows what yours is called there."""

    def catalogue(self, root: Path) -> Catalogue:
        """The images that the CSV lists, in its order; or those in the folders, in alphabetical order."""
        return _from_csv(self, root) if self.csv is not None else _from_folders(self, root)


def _from_csv(spec: Folder, root: Path) -> Catalogue:
    file = read_label_file(root / str(spec.csv), _columns(spec), spec.image)
    names = file[spec.image]
    paths = [root / f"{name}{spec.extension}" for name in names]
    absent = [name for name, path in zip(names, paths, strict=True) if not path.is_file()]
    if absent:
        raise UserError(f"{count(len(absent), len(names))} not in {root}: {some(absent)}")
    groups = file[spec.group] if spec.group else [""] * len(names)
    classes, targets = _targets(spec, file)
    uncertain = (targets == UNCERTAIN).astype(np.uint8) if spec.labels else None
    labels = Labels(
        task=spec.task,
        classes=classes,
        targets=targets if uncertain is None else np.maximum(targets, 0).astype(np.uint8),
        groups=numbered(groups),
        corrected=None if spec.corrected is None else _corrected(spec, spec.corrected, classes, names, targets),
        uncertain=uncertain if uncertain is not None and uncertain.any() else None,
        parts=_parts(spec, file, groups) if spec.split == "official" else None,
    )
    return Catalogue(ImageFiles(names, paths), labels, spec.channels, spec.size)


def _columns(spec: Folder) -> list[str]:
    part = spec.part if spec.split == "official" else None
    return [name for name in (spec.image, spec.label, *(spec.labels or ()), spec.group, part) if name is not None]


def _targets(spec: Folder, file: LabelFile, blank: int = 0) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Class names, and the number of each row's class or [N, C] of 0, 1 and -1; `blank` is what an empty cell means."""
    marks = {**MARKS, "": blank}
    if spec.labels:
        columns = []
        for name in spec.labels:
            for row, text in enumerate(file[name]):
                if text not in marks:
                    raise UserError(f"{file.place(row)}: {name} is '{text}'; it should be 1, 0 or -1 (uncertain)")
            columns.append([marks[text] for text in file[name]])
        return tuple(spec.labels), np.array(columns, dtype=np.int64).T
    texts = file[str(spec.label)]
    classes = tuple(spec.classes or sorted(set(texts)))
    number = {name: c for c, name in enumerate(classes)}
    for row, text in enumerate(texts):
        if not text or text not in number:
            hint = nearest(text, classes) if text else "every row needs one"
            raise UserError(f"{file.place(row)}: {f'unknown class {text!r}' if text else 'no class'}; {hint}")
    if len(classes) < 2:
        raise UserError(f"{file.path}: all rows have the class '{classes[0]}'; there should be two or more")
    return classes, np.array([number[text] for text in texts], dtype=np.int64)


def _corrected(
    spec: Folder, path: Path, classes: tuple[str, ...], names: list[str], own: NDArray[np.int64]
) -> NDArray[np.signedinteger]:
    columns = [name for name in (spec.image, spec.label, *(spec.labels or ())) if name is not None]
    file = read_label_file(path, columns, spec.image)
    named = spec if spec.labels else spec.model_copy(update={"classes": list(classes)})
    _, targets = _targets(named, file, blank=-1)
    return second_labels(names, file[spec.image], targets, own, path)


def _parts(spec: Folder, file: LabelFile, groups: list[str]) -> NDArray[np.int8]:
    parts = np.full(len(file), NOWHERE, dtype=np.int8)
    for row, text in enumerate(file[str(spec.part)]):
        if text.lower() not in PARTS:
            raise UserError(f"{file.place(row)}: the part is '{text}'; it should be train, validation (or val) or test")
        parts[row] = PARTS[text.lower()]
    refuse_split_groups(parts, groups, f"the column '{spec.part}'")
    return parts


def _from_folders(spec: Folder, root: Path) -> Catalogue:
    tops = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    parted = any(name.lower() in PARTS for name in tops)
    others = [name for name in tops if name.lower() not in PARTS]
    if parted and others:
        raise UserError(f"{root} has folders for parts, and beside them {some(others)}; put these elsewhere")
    if spec.split == "official" and not parted:
        raise UserError(f"{root}: split: official needs folders called train, validation (or val) and test")
    places = [(top, root / top) for top in tops] if parted else [("", root)]
    listed = [(part, *found) for part, place in places for found in _images_by_class(place)]
    classes = tuple(spec.classes or sorted({name for _, name, _ in listed}))
    for _, name, path in listed:
        if name not in classes:
            raise UserError(f"{path}: unknown class '{name}'; {nearest(name, classes)}")
    if len(classes) < 2:
        raise UserError(f"{root} has {len(classes)} folders with images; each class needs one, and there should be two")
    number = {name: c for c, name in enumerate(classes)}
    parts = np.array([PARTS[part.lower()] if part else NOWHERE for part, _, _ in listed], dtype=np.int8)
    labels = Labels(
        task="single-label",
        classes=classes,
        targets=np.array([number[name] for _, name, _ in listed], dtype=np.int64),
        groups=np.arange(len(listed)),
        parts=parts if spec.split == "official" else None,
    )
    names = [path.relative_to(root).as_posix() for _, _, path in listed]
    return Catalogue(ImageFiles(names, [path for _, _, path in listed]), labels, spec.channels, spec.size)


def _images_by_class(folder: Path) -> list[tuple[str, Path]]:
    found = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        found += [(place.name, path) for path in image_files(place, ENDINGS)]
    return found
