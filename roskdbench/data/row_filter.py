"""Which rows of a label file a problem takes: those with certain values in certain columns."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator

from roskdbench.data.catalogue import some
from roskdbench.data.labelfile import LabelFile
from roskdbench.errors import UserError, nearest

Value = str | int | float | bool
FEW = 20
"""Values of a column that an error lists, or looks for the nearest among."""


def _texts(value: Any) -> Any:
    """Every value as a list of texts, so that those that mean the same are the same."""
    if not isinstance(value, Mapping) or not value:
        raise ValueError("write the columns with the values to keep, such as {Frontal/Lateral: Frontal}")
    found = {}
    for column, values in value.items():
        listed = list(values) if isinstance(values, list | tuple) else [values]
        if not listed or not all(isinstance(each, Value | date) for each in listed):
            raise ValueError(f"'{column}' needs a value, or a list of values (\"\" for empty cells)")
        found[str(column)] = [str(each).lower() if isinstance(each, bool) else str(each).strip() for each in listed]
    return found


RowFilter = Annotated[
    dict[str, list[str]], BeforeValidator(_texts, json_schema_input_type=dict[str, Value | list[Value]])
]
"""Columns, and the value or values of each that a row must have."""


def rows_kept(wanted: RowFilter, file: LabelFile) -> list[int]:
    """The rows that have one of the wanted values in each of the columns; a UserError for a value that no row has, or
    if no row is left.
    """
    kept = list(range(len(file)))
    for column, values in wanted.items():
        cells = file[column]
        there = set(cells)
        matching = set().union(*(_meant(value, there, column, file) for value in values))
        kept = [row for row in kept if cells[row] in matching]
    if not kept:
        raise UserError(f"{file.path}: no row is left by only; each of its values is there, but never together")
    return kept


def _meant(value: str, there: set[str], column: str, file: LabelFile) -> set[str]:
    """The texts of the column that a value means: itself, or else the same number or the same word of a truth."""
    if value in there:
        return {value}
    if same := {text for text in there if _same(value, text)}:
        return same
    if len(there) <= FEW:
        hint = nearest(value, there - {""})
    else:
        hint = f"it has {len(there):,} values, such as {some(sorted(there - {''}))}"
    raise UserError(f"{file.path}: only: no row has '{value}' in the column '{column}'; {hint}")


def _same(value: str, text: str) -> bool:
    if value in ("true", "false"):
        return text.lower() == value
    try:
        return float(value) == float(text)
    except ValueError:
        return False
