"""A site that is written where an earlier one is: what is there of boards and methods that are gone."""

from collections.abc import Collection
from pathlib import Path

ALWAYS = ("index.html", "submit.html", "board.schema.json")
"""What every site has. A folder that lacks one of these is somebody else's."""


def remove_what_is_gone(folder: Path, pages: Collection[str], boards: Collection[str], files: Collection[str]) -> None:
    """Of an earlier site the pages that are not among these, and the files and pictures of other boards."""
    if not all((folder / each).is_file() for each in ALWAYS):
        return
    for path in (*folder.glob("board-*.html"), *folder.glob("method-*.html")):
        if path.name not in pages:
            path.unlink()
    for path in (folder / "boards").glob("*/*"):
        if path.parent.name not in boards and (path.name in files or path.suffix == ".png"):
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
