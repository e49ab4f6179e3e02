"""Method files on their way to other machines: as text, and as files again where the work is done."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from roskdbench.errors import UserError
from roskdbench.fingerprint import fingerprint
from roskdbench.registry import VARIABLE

Shipped = tuple[Mapping[str, str], ...]
"""For each folder its method files, by name."""


def packed(folders: Iterable[Path]) -> Shipped:
    """The files of these folders and of those that the environment names."""
    named = [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    return tuple(_files(folder) for folder in (*named, *folders))


def _files(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise UserError(f"no folder of methods at {folder}")
    return {file.name: file.read_text("utf-8") for file in sorted(folder.glob("*.py"))}


def unpacked(shipped: Shipped) -> tuple[Path, ...]:
    """Folders with these files, written once for each content and user of this machine."""
    os.environ.pop(VARIABLE, None)  # what it named there has come along
    top = Path(tempfile.gettempdir()) / f"roskdbench-methods-{os.getuid()}"
    top.mkdir(mode=0o700, exist_ok=True)
    if top.stat().st_uid != os.getuid():
        raise UserError(f"{top} belongs to someone else; remove it, or set TMPDIR")
    places = []
    for files in shipped:
        place = top / fingerprint(dict(files))
        if not place.is_dir():
            draft = Path(tempfile.mkdtemp(dir=top))
            for name, text in files.items():
                (draft / name).write_text(text, "utf-8")
            try:
                draft.rename(place)
            except OSError:  # another worker was first
                if not place.is_dir():
                    raise
        places.append(place)
    return tuple(places)
