"""Reading label files: CSV as people have them, with a BOM, with CRLF, with semicolons, and JSON lines; gzipped or not.
What is wrong in one is a line that names the file and the row.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from roskdbench import foreign
from roskdbench.errors import UserError, nearest

SEPARATORS = ",;\t"
JSON_LINES = ".jsonl"


@dataclass(frozen=True)
class LabelFile:
    """Some columns of a label file, and the line that each row stands on."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]
    header: tuple[str, ...] = ()
    """Every column there is, also those that nobody asked for."""
    files: list[str] | None = None
    """The file of each row, where several are read as one."""

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, column: str) -> list[str]:
        return self.columns[column]

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def place(self, row: int) -> str:
        """Where a row stands, for an error."""
        return f"{self.path.name if self.files is None else self.files[row]}:{self.lines[row]}"

    def take(self, rows: Sequence[int]) -> "LabelFile":
        """Some of the rows."""
        return replace(
            self,
            columns={name: [cells[row] for row in rows] for name, cells in self.columns.items()},
            lines=[self.lines[row] for row in rows],
            files=None if self.files is None else [self.files[row] for row in rows],
        )

    def refuse_duplicates(self, names: Sequence[str]) -> None:
        """A UserError if two rows have the same name."""
        if len(set(names)) == len(names):
            return
        seen: dict[str, int] = {}
        for row, name in enumerate(names):
            if name in seen:
                raise UserError(f"{self.place(row)}: '{name}' was listed before, on line {self.lines[seen[name]]}")
            seen[name] = row


def read_label_file(path: Path, needed: Sequence[str], identity: str | None, optional: Iterable[str] = ()) -> LabelFile:
    """The needed columns, and the optional ones that are there, stripped of spaces; a UserError for a file that cannot
    be read, a column that is not there, a row that is too short, or two rows with the same text in the column
    `identity`, where there is one. A file that ends in .jsonl (or .jsonl.gz) holds a JSON object a line.
    """
    text = _text(path)
    read = _read_json_lines if path.name.removesuffix(".gz").endswith(JSON_LINES) else _read_csv
    found = read(path, text, needed, optional)
    if not found.lines:
        raise UserError(f"{path} has no rows")
    if identity is not None:
        found.refuse_duplicates(found[identity])
    return found


def joined(files: Sequence[LabelFile], folder: Path) -> LabelFile:
    """The columns that all files have, one file after another; a row's place names its file from `folder`."""
    columns = [name for name in files[0].columns if all(name in file for file in files)]
    return LabelFile(
        folder,
        {name: [cell for file in files for cell in file[name]] for name in columns},
        [line for file in files for line in file.lines],
        tuple(dict.fromkeys(name for file in files for name in file.header)),
        [file.path.relative_to(folder).as_posix() for file in files for _ in file.lines],
    )


def refuse_absent(column: str, header: Sequence[str], path: Path) -> None:
    """A UserError for a column that is not in the file."""
    if column not in header:
        known = nearest(column, header) if len(header) > 1 else "its first line is one cell: no comma, semicolon or tab"
        raise UserError(f"{path}: there is no column '{column}'; {known}")


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
    return foreign.text_of(path, foreign.LABELS)


def _read_csv(path: Path, text: str, needed: Sequence[str], optional: Iterable[str]) -> LabelFile:
    first, _, _ = text.partition("\n")
    separator = max(SEPARATORS, key=first.count)
    letters = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8", newline="")  # a StringIO takes four bytes each
    rows = csv.reader(letters, delimiter=separator, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        wanted = [*needed, *(column for column in optional if column in header)]
        places = {column: _position(column, header, path) for column in wanted}
        columns: dict[str, list[str]] = {column: [] for column in wanted}
        lines: list[int] = []
        width = max(places.values()) + 1
        shortest, last = len(header), len(header)
        for cells in rows:
            if not any(cells):
                continue
            if len(cells) < width or any(cells[len(header) :]):
                raise UserError(f"{path.name}:{rows.line_num}: {len(cells)} cells where the header has {len(header)}")
            for column, position in places.items():
                columns[column].append(cells[position].strip())
            lines.append(rows.line_num)
            shortest, last = min(shortest, last), len(cells)
    except csv.Error as error:
        raise UserError(f"{path.name}:{rows.line_num}: not a CSV: {error}") from None
    if last < shortest:
        raise UserError(
            f"{path.name}:{lines[-1]}: the last row has {last} cells, and every other {shortest} or more: the file was "
            "cut"
        )
    return LabelFile(path, columns, lines, tuple(header))


def _position(column: str, header: list[str], path: Path) -> int:
    refuse_absent(column, header, path)
    if header.count(column) > 1:
        raise UserError(f"{path}: the column '{column}' is there twice")
    return header.index(column)


def _read_json_lines(path: Path, text: str, needed: Sequence[str], optional: Iterable[str]) -> LabelFile:
    """Texts are taken as they are, numbers as they are written, true and false as these words; null is a blank cell."""
    columns: dict[str, list[str]] = {column: [] for column in (*needed, *optional)}
    header: dict[str, None] = {}
    lines: list[int] = []
    without: dict[str, int] = {}  # the first line that lacks a column
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        row = _object(line, f"{path.name}:{number}")
        if not header.keys() >= row.keys():
            header |= dict.fromkeys(row)
        for column, cells in columns.items():
            value = row.get(column)
            if value is None and column not in row:
                without.setdefault(column, number)
            cells.append(value.strip() if isinstance(value, str) else _cell(value, column, f"{path.name}:{number}"))
        lines.append(number)
    for column in needed if lines else ():
        refuse_absent(column, list(header), path)
    there = {column: cells for column, cells in columns.items() if column in header}
    for column in there:
        if column in without:
            raise UserError(f"{path.name}:{without[column]}: '{column}' is not there; say null where nothing is known")
    return LabelFile(path, there, lines, tuple(header))


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        row = JSON.decode(line.strip())
    except json.JSONDecodeError as error:
        raise UserError(f"{place}: not a JSON object on a line of its own: {error.msg.lower()}") from None
    except ValueError as error:
        raise UserError(f"{place}: {error}") from None
    except RecursionError:
        raise UserError(f"{place}: not a JSON object that a label could be in: it is too deep") from None
    if not isinstance(row, dict):
        raise UserError(f'{place}: not a JSON object, such as {{"file_name": "1.png", "label": "a"}}')
    return row


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"'{next(name for name in names if names.count(name) > 1)}' is there twice")
    return found


JSON = json.JSONDecoder(parse_int=str, parse_float=str, object_pairs_hook=_without_duplicates)


def _cell(value: Any, column: str, place: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    kind = "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "not a number"
    raise UserError(f"{place}: '{column}' is {kind}; it should be a text, a number, true, false or null")
