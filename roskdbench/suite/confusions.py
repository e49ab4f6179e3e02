"""A confusion matrix that a suite gives for label noise: as rows, or as a CSV file."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from roskdbench import foreign
from roskdbench.errors import UserError, nearest
from roskdbench.suite.declared import Declared


class Confusions(Declared):
    """How often each class (row) is called each other (column). Rows may be counts: their shares are taken."""

    classes: list[str] = []
    """The classes in the order of rows and columns; the problem's order if left out."""
    rows: list[list[Annotated[float, Field(ge=0)]]]

    @model_validator(mode="after")
    def _is_square(self) -> "Confusions":
        size = len(self.rows)
        if size < 2 or any(len(row) != size for row in self.rows):
            raise ValueError("a confusion matrix has as many columns as rows, and at least two")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("a confusion matrix names a class twice")
        if self.classes and len(self.classes) != size:
            raise ValueError(f"a confusion matrix of {size} rows with {len(self.classes)} names")
        if any(sum(row) <= 0 for row in self.rows):
            raise ValueError("a row of a confusion matrix sums to 0: say what becomes of that class")
        return self

    def objection(self, classes: Sequence[str]) -> str | None:
        """Why it is not a matrix of these classes, if it is not."""
        if len(self.rows) != len(classes):
            return f"a confusion matrix of {len(self.rows)} classes for a problem of {len(classes)}"
        unknown = [name for name in self.classes if name not in classes]
        return (
            f"the confusion matrix names the class '{unknown[0]}'; {nearest(unknown[0], classes)}" if unknown else None
        )


def _read_matrix(value: Any) -> Any:
    """A path stands for the matrix in that CSV: numbers alone, or with the classes in the first row and column."""
    if not isinstance(value, str | Path):
        return value
    try:
        text = foreign.text_of(Path(value), foreign.SUITE)
    except UserError as error:
        raise ValueError(f"the confusion matrix: {error}") from None
    separator = ";" if text.count(";") > text.count(",") else ","
    lines = [
        [cell.strip() for cell in line] for line in csv.reader(io.StringIO(text), delimiter=separator) if any(line)
    ]
    try:
        float(lines[0][-1])
    except ValueError:
        classes, lines = lines[0][1:], lines[1:]
        if [line[0] for line in lines] != classes:
            raise ValueError(
                f"{value}: the first row and the first column name the same classes in one order"
            ) from None
        lines = [line[1:] for line in lines]
    except IndexError:
        raise ValueError(f"{value} is empty") from None
    else:
        classes = []
    try:
        return {"classes": classes, "rows": [[float(cell) for cell in line] for line in lines]}
    except ValueError:
        raise ValueError(f"{value}: a confusion matrix holds numbers") from None


Matrix = Annotated[Confusions, BeforeValidator(_read_matrix, json_schema_input_type=str | Confusions)]
