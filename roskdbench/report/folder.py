"""A report as a folder: tables in every format, the frame, and figures."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from roskdbench.artifact import DamagedArtifactError
from roskdbench.errors import UserError, refusal
from roskdbench.plugins import Registry
from roskdbench.report.figures.drawing import draw_all
from roskdbench.report.table import Table
from roskdbench.results import Results
from roskdbench.store import Store


def make_folder(folder: Path) -> None:
    """A folder that can be written, or a UserError: ask before computing what is to be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _refused(folder, error) from None


def write_folder(
    results: Results, tables: Sequence[Table], store: Store, folder: Path, registry: Registry, images: bool = False
) -> list[Path]:
    """Write everything, with images of data that are not generated only if so wished; the paths, tables first."""
    make_folder(folder)
    try:
        written = []
        for entry in registry.of("format").values():
            if entry.thing.file:
                made = entry.thing.write(tables, results)
                (folder / entry.thing.file).write_bytes(made.encode() if isinstance(made, str) else made)
                written.append(folder / entry.thing.file)
        return written + draw_all(results, store, folder, registry, images)
    except DamagedArtifactError as error:
        raise UserError(f"{error}; run the suite again, then report") from None
    except OSError as error:
        raise _refused(folder, error) from None


def _refused(folder: Path, error: OSError) -> UserError:
    return UserError(f"cannot write to {folder}: {refusal(error)}")
