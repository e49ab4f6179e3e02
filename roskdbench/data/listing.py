"""Finding image files by where they lie: one walk of the folders, whatever the number of folders and files."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from roskdbench.errors import UserError


def files_below(folder: Path, endings: tuple[str, ...]) -> Iterator[str]:
    """The path from `folder` of every file in it and in the folders in it that has one of these endings, in
    alphabetical order, a folder's own files first; hidden ones are left out. A folder that is linked into itself is
    gone through once. Only links are looked up: what is a folder is known from the listing of the one it is in.
    """
    seen: set[str] = set()
    waiting = [(str(folder), os.path.realpath(folder), "")]
    while waiting:
        place, real, prefix = waiting.pop()
        if real in seen:
            continue
        seen.add(real)
        files, folders = [], []
        with os.scandir(place) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                if entry.is_dir():
                    target = os.path.realpath(entry.path) if entry.is_symlink() else f"{real}/{name}"
                    folders.append((entry.path, target, f"{prefix}{name}/"))
                elif name.lower().endswith(endings):
                    files.append(f"{prefix}{name}")
        yield from sorted(files)
        waiting += sorted(folders, reverse=True)


def find_by_path(
    folders: Sequence[Path], endings: tuple[str, ...], wanted: Iterable[str], length: int
) -> dict[str, Path]:
    """Those of the wanted files that are in the folders. A file is known by the last `length` names of its path, such
    as patient00001/study1/view1_frontal.jpg for 3; a UserError if one is there twice.
    """
    names = set(wanted)
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"there is no folder {folder}")
        for path in files_below(folder, endings):
            name = "/".join(path.split("/")[-length:])
            if name not in names:
                continue
            if name in found:
                raise UserError(f"the image {name} is there twice, as {found[name]} and {folder / path}; keep one")
            found[name] = folder / path
    return found
