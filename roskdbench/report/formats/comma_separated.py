"""CSV: one line a number, at full precision."""

import csv
import io
from collections.abc import Sequence
from math import isnan

from roskdbench.report.formats.registering import report_format
from roskdbench.report.table import Estimate, Table, Word
from roskdbench.results import Results
from roskdbench.sheet_cells import guarded
from roskdbench.statistics.comparison import Difference

CSV_COLUMNS = ("table", "row", "problem", "metric", "source", "mean", "spread", "runs", "low", "high", "p", "best")


@report_format("csv", file="tables.csv")
def csv_tables(tables: Sequence[Table], results: Results) -> str:
    """All tables."""
    return as_csv(tables)


def as_csv(tables: Sequence[Table]) -> str:
    """One line a number, at full precision."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*CSV_COLUMNS, "state"])
    for table in tables:
        for labels, cells in table.rows:
            for column, cell in zip(table.columns, cells, strict=True):
                texts = [table.name, " / ".join(labels), column.group, column.heading, column.source or "measured"]
                head = [guarded(text) for text in texts]
                if isinstance(cell, Estimate):
                    spread, low, high = (
                        "" if each is None else repr(each) for each in (cell.spread, cell.low, cell.high)
                    )
                    writer.writerow([*head, repr(cell.mean), spread, cell.runs, low, high, "", int(cell.best), ""])
                elif isinstance(cell, Difference):
                    low, high, p = ("" if isnan(each) else repr(each) for each in (cell.low, cell.high, cell.p))
                    writer.writerow([*head, repr(cell.value), "", "", low, high, p, int(cell.sure), ""])
                elif cell is not None:
                    writer.writerow([*head, *[""] * 7, guarded(cell.text if isinstance(cell, Word) else cell)])
    return out.getvalue()
