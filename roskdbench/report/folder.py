"""A report as a folder: tables in every format, the frame, and figures."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from roskdbench.errors import UserError, refusal
from roskdbench.report.figures import draw_all
from roskdbench.report.formats import as_csv, as_json, latex, markdown
from roskdbench.report.table import Table
from roskdbench.results import Results
from roskdbench.store import DamagedArtifactError, Store


def make_folder(folder: Path) -> None:
    """A folder that can be written, or a UserError: ask before computing what is to be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _refused(folder, error) from None


def write_folder(results: Results, tables: Sequence[Table], store: Store, folder: Path) -> list[Path]:
    """Write everything; the paths, tables first."""
    make_folder(folder)
    try:
        written = []
        for name, text in (
            ("tables.md", markdown(tables)),
            ("tables.tex", latex(tables, standalone=True)),
            ("tables.csv", as_csv(tables)),
            ("results.json", as_json(results)),
        ):
            (folder / name).write_text(text, "utf-8")
            written.append(folder / name)
        return written + draw_all(results, store, folder)
    except DamagedArtifactError as error:
        raise UserError(f"{error}; run the suite again, then report") from None
    except OSError as error:
        raise _refused(folder, error) from None


def _refused(folder: Path, error: OSError) -> UserError:
    return UserError(f"cannot write to {folder}: {refusal(error)}")
