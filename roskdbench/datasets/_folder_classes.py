"""`folder` without a label file: a folder a class, perhaps in a folder a part."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from roskdbench.data.attribute_sources import read_attributes
from roskdbench.data.catalogue import Catalogue, ImageFiles, image_files, numbered, some
from roskdbench.data.column_or_path import texts_of
from roskdbench.data.group_hint import group_hint
from roskdbench.data.named_parts import is_part, numbered_parts
from roskdbench.data.problem import Labels
from roskdbench.errors import UserError, nearest

if TYPE_CHECKING:
    from roskdbench.datasets.folder import Folder

MASK = re.compile(r"(?:^|/)(?:masks?|segmentations?)/|[_-](?:mask|seg|segmentation)(?:[_-]?\d+)?\.\w+$", re.IGNORECASE)
ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".dcm", ".dicom")


def from_folders(spec: Folder, root: Path) -> Catalogue:
    """The images in the folders of classes, in alphabetical order."""
    listed = _listed(spec, root)
    refuse_masks([path for _, _, path in listed], root)
    names = [path.relative_to(root).as_posix() for _, _, path in listed]
    classes = _classes(spec, root, listed)
    number = {name: c for c, name in enumerate(classes)}
    groups = texts_of(spec.group, None, names, "group") if spec.group else [""] * len(names)
    parts = None
    if spec.split == "official":
        said = texts_of(spec.part, None, names, "part") if spec.part else [part for part, _, _ in listed]
        parts = numbered_parts(said, groups, names.__getitem__, "part" if spec.part else f"the folders in {root}")
    labels = Labels(
        task="single-label",
        classes=classes,
        targets=np.array([number[name] for _, name, _ in listed], dtype=np.int64),
        groups=numbered(groups),
        parts=parts,
    )
    attributes, remarks = read_attributes(spec.attributes or {}, None, names)
    if not (spec.group or spec.part or spec.attributes):
        remarks.append(_alike(names, classes))
    if not spec.group:
        remarks.append(group_hint((), names))
    remark = " ".join(filter(None, remarks))
    images = ImageFiles(names, [path for _, _, path in listed])
    named = groups if spec.group else ()
    return Catalogue(images, labels, spec.channels, spec.size, remark, attributes, groups=named)


def _listed(spec: Folder, root: Path) -> list[tuple[str, str, Path]]:
    """The part, if folders are parts, the class and the path of each image."""
    tops = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    parted = any(is_part(name) for name in tops)
    others = [name for name in tops if not is_part(name)]
    if parted and others:
        raise UserError(f"{root} has folders for parts, and beside them {some(others)}; put these elsewhere")
    if parted and spec.part:
        raise UserError(f"{root} has folders for parts, so what 'part' finds in the path is not needed; leave it out")
    if spec.split == "official" and not parted and not spec.part:
        raise UserError(f"{root}: split: official needs folders called train, validation (or val) and test")
    places = [(top, root / top) for top in tops] if parted else [("", root)]
    return [(part, *found) for part, place in places for found in _images_by_class(place)]


def _images_by_class(folder: Path) -> list[tuple[str, Path]]:
    found = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        found += [(place.name, path) for path in image_files(place, ENDINGS)]
    return found


def _alike(names: list[str], classes: tuple[str, ...]) -> str:
    """A remark where the folders of all classes hold the same folders, which may be the classes."""
    below: dict[str, set[str]] = {}
    for folders in (name.split("/")[:-1] for name in names):
        place = next(number for number, folder in enumerate(folders) if folder in classes)
        below.setdefault(folders[place], set()).add("/".join(folders[place + 1 : place + 2]))
    held = next(iter(below.values()))
    if "" in held or len(held) < 2 or any(each != held for each in below.values()):
        return ""
    return (
        f"Each class's folder holds the same ones, {some(sorted(held))}: if these are the classes, let root be one of "
        f"{some(sorted(below))}."
    )


def refuse_masks(paths: list[Path], root: Path) -> None:
    """A UserError where some of the images are masks of others by their names: they would be samples like these."""
    masks = [path for path in paths if MASK.search(path.relative_to(root).as_posix())]
    if masks and len(masks) < len(paths):
        shown = some(path.relative_to(root).as_posix() for path in masks)
        raise UserError(
            f"{root}: {len(masks):,} of {len(paths):,} images are masks by their names ({shown}); move them elsewhere, "
            "or list the images in a csv"
        )


def _classes(spec: Folder, root: Path, listed: list[tuple[str, str, Path]]) -> tuple[str, ...]:
    classes = tuple(spec.classes or sorted({name for _, name, _ in listed}))
    for _, name, path in listed:
        if name not in classes:
            raise UserError(f"{path}: unknown class '{name}'; {nearest(name, classes)}")
    if len(classes) < 2:
        raise UserError(f"{root} has {len(classes)} folders with images; each class needs one, and there should be two")
    return classes
