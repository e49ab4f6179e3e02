"""A board's results.csv: its numbers, a row each."""

import csv
import io
from collections.abc import Callable, Iterable
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any

from roskdbench import foreign
from roskdbench.errors import UserError
from roskdbench.results import COLUMNS
from roskdbench.sheet_cells import guarded, unguarded

ResultRow = tuple[Any, ...]
"""As the columns of the results frame."""


def as_csv(rows: Iterable[ResultRow]) -> str:
    """The rows under their heads, as results.csv has them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    whole = [name in WHOLE for name in COLUMNS]
    for row in rows:
        writer.writerow([_text(value, exact) for value, exact in zip(row, whole, strict=True)])
    return out.getvalue()


WHOLE = ("severity", "steps", "restarts")
"""Numbers that are whole where they are not empty."""


def _text(value: Any, whole: bool) -> Any:
    if _is_nan(value):
        return ""
    return int(value) if whole else guarded(value) if isinstance(value, str) else value


def _is_nan(value: Any) -> bool:
    return value is None or (isinstance(value, float) and isnan(value))


def _whole(text: str) -> int:
    """A ValueError for what is none, or beyond all bounds."""
    number = int(text) if len(text) < LONGEST_NUMBER else foreign.LARGEST + 1
    if abs(number) > foreign.LARGEST:
        raise ValueError(f"{text[:LONGEST_NUMBER]} is too large")
    return number


LONGEST_NUMBER = 20
KINDS: dict[str, Callable[[str], Any]] = {"overlap": float} | dict.fromkeys(("fold", "seed", "n", "member"), _whole)
MAYBE = ("value", "radius", "severity", "steps", "step", "restarts")
"""Numbers that may be empty."""


def rows_in(path: Path) -> list[ResultRow]:
    """The rows of a file; a UserError for anything that is none."""
    try:
        with foreign.reading(path):
            if foreign.regular(path) > foreign.ROWS:
                raise UserError(f"{path} is larger than the {foreign.ROWS >> 20} MiB that a board's rows may take")
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            heads = next(reader, [])
            if tuple(heads) != COLUMNS:
                raise UserError(f"{path} has other columns than a board's: {', '.join(heads)[:120]}")
            rows, readers = [], [_reader(name) for name in COLUMNS]
            for number, row in enumerate(reader, 2):
                try:
                    rows.append(tuple(read(text) for read, text in zip(readers, row, strict=True)))
                except ValueError:
                    raise UserError(f"{path}:{number}: not a row of results: {','.join(row)[:120]}") from None
            return rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {error}") from None


def _reader(column: str) -> Callable[[str], Any]:
    """What reads the cells of a column. Most columns say few things many times: each is read once."""
    if column == "value":
        return _maybe
    return cache(_maybe if column in MAYBE else KINDS.get(column, unguarded))


def _maybe(text: str) -> float:
    return float(text) if text else float("nan")
