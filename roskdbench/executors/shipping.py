"""Method files on their way to other machines: as text, and as files again where the work is done."""

import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from roskdbench.errors import UserError, refusal
from roskdbench.fingerprint import fingerprint
from roskdbench.plugins import VARIABLE, named_folders

BYTES = "latin-1"  # every byte is a letter, whatever the file's own encoding
Shipped = tuple[Mapping[str, str], ...]
"""For each folder its method files, by name."""


def make_private(folder: Path) -> None:
    """A folder whose files will be run: nobody else may write there. A UserError where somebody might have."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {refusal(error)}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise UserError(f"{folder} can be written by others, and what is in it will be run; remove it, or chmod 700 it")
    folder.chmod(0o700)


def packed(folders: Iterable[Path]) -> Shipped:
    """The files of these folders and of those that the environment names."""
    return tuple(_files(folder) for folder in (*named_folders(), *folders))


def _files(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise UserError(f"no folder of plugins at {folder}")
    return {file.name: file.read_bytes().decode(BYTES) for file in sorted(folder.glob("*.py"))}


def unpacked(shipped: Shipped) -> tuple[Path, ...]:
    """Folders with these files, written once for each content and user of this machine."""
    os.environ.pop(VARIABLE, None)  # what it named there has come along
    top = Path(tempfile.gettempdir()) / f"roskdbench-plugins-{os.getuid()}"
    make_private(top)
    places = []
    for files in shipped:
        place = top / fingerprint(dict(files))
        if not place.is_dir():
            draft = Path(tempfile.mkdtemp(dir=top))
            for name, text in files.items():
                (draft / name).write_bytes(text.encode(BYTES))
            try:
                draft.rename(place)
            except OSError:  # another worker was first
                if not place.is_dir():
                    raise
        places.append(place)
    return tuple(places)
