"""A report as a folder: tables in every format, the frame, and figures."""

from collections.abc import Sequence
from pathlib import Path

from roskdbench.errors import UserError, refusal
from roskdbench.report.figures import draw_all
from roskdbench.report.formats import as_csv, as_json, latex, markdown
from roskdbench.report.table import Table
from roskdbench.results import Results
from roskdbench.store import DamagedArtifactError, Store


def write_folder(results: Results, tables: Sequence[Table], store: Store, folder: Path) -> list[Path]:
    """Write everything; the paths, tables first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
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
        raise UserError(f"cannot write to {folder}: {refusal(error)}") from None
