"""Reading label files: CSV as people have them, with a BOM, with CRLF, with semicolons, gzipped. What is wrong in one
is a line that names the file and the row.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from roskdbench.errors import UserError, nearest, refusal

SEPARATORS = ",;\t"


@dataclass(frozen=True)
class LabelFile:
    """Some columns of a CSV, and the line that each row stands on."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, column: str) -> list[str]:
        return self.columns[column]

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def place(self, row: int) -> str:
        """Where a row stands, for an error."""
        return f"{self.path.name}:{self.lines[row]}"


def read_label_file(path: Path, needed: Sequence[str], identity: str | None, optional: Iterable[str] = ()) -> LabelFile:
    """The needed columns, and the optional ones that are there, stripped of spaces; a UserError for a file that cannot
    be read, a column that is not there, a row that is too short, or two rows with the same text in the column
    `identity`, where there is one.
    """
    text = _text(path)
    first, _, _ = text.partition("\n")
    separator = max(SEPARATORS, key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        wanted = [*needed, *(column for column in optional if column in header)]
        places = {column: _position(column, header, path) for column in wanted}
        columns: dict[str, list[str]] = {column: [] for column in wanted}
        lines: list[int] = []
        width = max(places.values()) + 1
        for cells in rows:
            if not any(cells):
                continue
            if len(cells) < width or any(cells[len(header) :]):
                raise UserError(f"{path.name}:{rows.line_num}: {len(cells)} cells where the header has {len(header)}")
            for column, position in places.items():
                columns[column].append(cells[position].strip())
            lines.append(rows.line_num)
    except csv.Error as error:
        raise UserError(f"{path.name}:{rows.line_num}: not a CSV: {error}") from None
    if not lines:
        raise UserError(f"{path} has no rows")
    found = LabelFile(path, columns, lines)
    if identity is not None:
        _refuse_duplicates(found, identity)
    return found


def one_of(folder: Path, names: Iterable[str], what: str) -> Path:
    """The one of these files, or their .gz, that is in the folder; a UserError if there is none, or several."""
    wanted = list(names)
    found = [path for name in wanted for path in (folder / name, folder / f"{name}.gz") if path.is_file()]
    if not found:
        raise UserError(f"{folder} has no {' or '.join(wanted)}, the file with {what}")
    if len(found) > 1:
        raise UserError(f"{folder} has both {found[0].name} and {found[1].name}; keep the one that counts")
    return found[0]


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text in UTF-8") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UserError(f"{path} is not a whole gzip file") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {refusal(error)}") from None


def _position(column: str, header: list[str], path: Path) -> int:
    if column not in header:
        raise UserError(f"{path}: there is no column '{column}'; {nearest(column, header)}")
    if header.count(column) > 1:
        raise UserError(f"{path}: the column '{column}' is there twice")
    return header.index(column)


def _refuse_duplicates(file: LabelFile, identity: str) -> None:
    names = file[identity]
    if len(set(names)) == len(names):
        return
    seen: dict[str, int] = {}
    for row, name in enumerate(names):
        if name in seen:
            raise UserError(f"{file.place(row)}: '{name}' was listed before, on line {file.lines[seen[name]]}")
        seen[name] = row
