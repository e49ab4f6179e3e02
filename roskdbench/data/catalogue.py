"""A dataset on disk before its pixels are read: which images there are, where each is, and what is said of them."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from roskdbench import foreign
from roskdbench.data.decoding import Decoder, UnreadableError
from roskdbench.data.problem import Labels
from roskdbench.errors import UserError

SHOWN = 3  # names in an error

Loaded = tuple[bytes, NDArray[np.uint8] | str]
"""The digest of an image's bytes, and its pixels or why it cannot be read."""


class Images(Protocol):
    """Where pixels come from."""

    @property
    def names(self) -> list[str]:
        """What each image is called."""

    def __len__(self) -> int: ...

    def stamps(self) -> NDArray[np.int64]:
        """Numbers that change when a file does, or is another one, without reading it. [N, 5]"""

    def load(self, start: int, stop: int, decoder: Decoder, pool: ThreadPoolExecutor) -> Iterator[Loaded]:
        """The images from `start` to `stop`, in order."""


@dataclass(frozen=True)
class ImageFiles:
    """One file an image."""

    names: list[str]
    paths: list[Path]

    def __len__(self) -> int:
        return len(self.paths)

    def stamps(self) -> NDArray[np.int64]:
        """Where each file is on its disk, its size and when it changed; zeros for one that is gone."""
        found = np.zeros((len(self.paths), len(STAMP)), np.int64)
        for row, path in enumerate(self.paths):
            with suppress(OSError):
                found[row] = stamp(path)
        return found

    def load(self, start: int, stop: int, decoder: Decoder, pool: ThreadPoolExecutor) -> Iterator[Loaded]:
        """Read and decoded by the pool's threads; decoders let go of Python while they work."""
        return pool.map(lambda path: _load_file(path, decoder), self.paths[start:stop])


def _load_file(path: Path, decoder: Decoder) -> Loaded:
    try:
        data = foreign.bytes_of(path, foreign.IMAGE)
    except UserError as error:
        return b"", str(error).removeprefix(f"cannot read {path}: ")
    try:
        return decoder.file(data)
    except UnreadableError as error:
        return b"", str(error)


STAMP = ("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")


def stamp(path: Path) -> list[int]:
    """What tells a file from another, and from itself as it was before."""
    status = path.stat()
    return [int(getattr(status, name)) for name in STAMP]


@dataclass(frozen=True)
class Catalogue:
    """Everything about a problem but its pixels. Row i of the labels is image i."""

    images: Images
    labels: Labels
    channels: int
    size: int
    remark: str = ""
    """What a reader of its tables should know, such as how many rows had no image."""
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What is known of each sample beside its labels, such as its sex; empty texts where it is not known."""
    blank: NDArray[np.uint8] | None = None
    """Of a multi-label problem, 1 where a label was left empty and counts as absent. [N, C]"""
    groups: Sequence[str] = ()
    """What each sample's patient or lesion is called, where somebody asked; empty texts where nobody is named."""


def find_files(folder: Path, endings: tuple[str, ...]) -> dict[str, Path]:
    """The image files in a folder and the folders in it, by name; a UserError if two have the same name."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    found: dict[str, Path] = {}
    for path in image_files(folder, endings):
        if path.name in found:
            raise UserError(f"the image {path.name} is in both {found[path.name].parent} and {path.parent}; keep one")
        found[path.name] = path
    return found


def image_files(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """Every image file in a folder and the folders in it, in alphabetical order, but for hidden ones. A folder that is
    linked into itself is gone through once.
    """
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if os.path.realpath(place) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(place))
        for name in sorted(files):
            if name.lower().endswith(endings) and not name.startswith("."):
                yield Path(place) / name


def match(
    wanted: list[str],
    found: dict[str, Path],
    only_present: bool,
    folder: Path,
    listed: Iterable[str] | None = None,
    endings: str = "",
) -> tuple[NDArray[np.int64], ImageFiles, str]:
    """The rows whose images are there, these images, and a remark on the rows that have none; a UserError if there are
    such, unless only those that are present are wanted. `listed` are the names in all rows, where images beside them
    tell of a label file that was cut; `endings` is what was looked for.
    """
    present = np.array([name in found for name in wanted], dtype=bool)
    if not present.any():
        looked = f", where {endings} files were looked for" if endings else ""
        raise UserError(
            f"none of the {len(wanted):,} images of the label file (such as {wanted[0]}) is in {folder}{looked}"
        )
    absent = [wanted[row] for row in np.flatnonzero(~present)]
    if absent and not only_present:
        raise UserError(
            f"{count(len(absent), len(wanted))} not in {folder}: {some(absent)}; "
            "get them, or say only_present: true to go without"
        )
    rows = np.flatnonzero(present)
    names = [wanted[row] for row in rows]
    remark = f"{len(absent):,} of {len(wanted):,} rows have no image and are left out." if absent else ""
    beside = 0 if listed is None else len(found.keys() - set(listed))
    if beside:
        said = f"{beside:,} of {len(found):,} images in the folder are in no row of the label file."
        remark = f"{remark} {said}".strip()
    return rows, ImageFiles(names, [found[name] for name in names]), remark


def count(number: int, total: int) -> str:
    """1 of 9 images is, 2 of 9 images are."""
    return f"{number:,} of {total:,} images {'is' if number == 1 else 'are'}"


def second_labels(
    names: list[str], listed: list[str], targets: NDArray[np.signedinteger], own: NDArray[Any], path: Path
) -> NDArray[np.signedinteger]:
    """The targets of a second label set in the order of `names`, -1 where it says nothing; a UserError if it lists no
    image that is there, or differs from the problem's `own` targets nowhere.
    """
    row_of = {name: row for row, name in enumerate(listed)}
    found = np.full((len(names), *targets.shape[1:]), -1, dtype=targets.dtype)
    for row, name in enumerate(names):
        if name in row_of:
            found[row] = targets[row_of[name]]
    if (found < 0).all():
        raise UserError(f"{path} lists none of the images; a second label set has labels for some of them")
    refuse_same(found, own, str(path))
    return found


def refuse_same(
    second: NDArray[np.signedinteger], own: NDArray[Any], what: str, uncertain: NDArray[Any] | None = None
) -> None:
    """A UserError for a second label set that says nothing new."""
    said = second >= 0
    decided = uncertain is not None and bool((said & (uncertain == 1)).any())
    if not decided and not (second[said] != own.astype(second.dtype)[said]).any():
        raise UserError(
            f"{what}: {int(said.sum()):,} labels, and none differs from the problem's own; it is not a second label "
            "set, or its columns are not those that were corrected"
        )


def some(names: Iterable[str]) -> str:
    """The first few names, and that there are more."""
    listed = list(names)
    return ", ".join(listed[:SHOWN]) + (", …" if len(listed) > SHOWN else "")


NOTHING = ("", "na", "n/a", "nan", "null", "none")


def is_nothing(text: str) -> bool:
    """Whether a text is what programs write where there is none."""
    return text.strip().casefold() in NOTHING


def numbered(texts: Sequence[str]) -> NDArray[np.int64]:
    """A number for each different text; each that is nothing is a group of its own."""
    named = [f"\0{row}" if is_nothing(text) else text for row, text in enumerate(texts)]
    found: NDArray[np.int64] = np.unique(named, return_inverse=True)[1].astype(np.int64)
    return found


def refuse_split_groups(parts: NDArray[np.int8], groups: list[str], what: str) -> None:
    """A UserError if a patient or lesion is in more than one part."""
    part_of: dict[str, int] = {}
    both = {
        group: None
        for group, part in zip(groups, parts.tolist(), strict=True)
        if group and part_of.setdefault(group, part) != part
    }
    if both:
        verb = "is" if len(both) == 1 else "are"
        raise UserError(f"{what}: {some(both)} {verb} in more than one part; a split keeps them apart")
