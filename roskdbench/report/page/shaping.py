"""Tables as templates take them: texts, what to sort by, and links; and the pieces that pages are put together from."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from itertools import groupby
from math import isnan
from typing import TYPE_CHECKING, Any

from roskdbench.report.formats.text import cell_text, heading
from roskdbench.report.table import Estimate, Table, Value, Word
from roskdbench.statistics.comparison import Difference

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

PageOf = Callable[[str], str]
"""The page of a method, by the title of its row; empty where it has none."""
LinkOf = Callable[[Sequence[str], str], str]
"""Where a number comes from, by the labels of its row and its problem; empty where that is not told."""


def shaped(table: Table, page_of: PageOf, link_of: LinkOf = lambda labels, problem: "") -> dict[str, Any]:
    """A table for the template table.html."""
    spans = [(name, len(list(each))) for name, each in groupby(table.columns, lambda column: column.group)]
    rows = []
    for labels, cells in table.rows:
        shown = []
        for column, cell in zip(table.columns, cells, strict=True):
            kind = "others" if column.source else _kind(cell)
            link = "" if column.source or cell is None else link_of(labels, column.problem)
            shown.append(
                {"text": shown_text(cell), "value": _value(cell), "kind": kind, "id": link, "more": _more(cell)}
            )
        rows.append({"labels": labels, "page": page_of(labels[0]), "cells": shown})
    return {
        "name": table.name,
        "title": table.title,
        "labels": table.labels,
        "groups": [{"name": name, "span": span} for name, span in spans],
        "heads": [heading(column) for column in table.columns],
        "whole_heads": [f"{column.group} {heading(column)}" for column in table.columns],
        "rows": rows,
        "notes": table.notes,
    }


def shown_text(cell: Value) -> str:
    """What stands in a cell."""
    return cell_text(cell, "{}", " ± ")


def _value(cell: Value) -> float | None:
    return cell.mean if isinstance(cell, Estimate) else cell.value if isinstance(cell, Difference) else None


def _kind(cell: Value) -> str:
    if isinstance(cell, Word):
        return "" if cell.good is None else "best" if cell.good else "bad"
    if isinstance(cell, str):
        return "bad"
    return "best" if (isinstance(cell, Estimate) and cell.best) or (isinstance(cell, Difference) and cell.sure) else ""


def _more(cell: Value) -> str:
    if isinstance(cell, Estimate) and cell.low is not None:
        return f"95 %: {cell.low:.3f} to {cell.high:.3f}; {cell.runs} {'run' if cell.runs == 1 else 'runs'}"
    if isinstance(cell, Difference):
        return "" if isnan(cell.p) else f"p = {cell.p:.2g} after correction"
    return f"{cell.runs} {'run' if cell.runs == 1 else 'runs'}" if isinstance(cell, Estimate) else ""


def script_data(data: Any) -> "Markup":
    """JSON that cannot end the script it stands in."""
    from markupsafe import Markup

    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def part(name: str, package: str = "roskdbench.report.page") -> "Markup":
    """A file of ours, as it is."""
    from markupsafe import Markup

    return Markup((files(package) / name).read_text("utf-8"))


@cache
def templates(*packages: str) -> "Environment":
    """Templates of the report's pages, and before them those of other packages."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader(each, ".") for each in (*packages, "roskdbench.report.page")])
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
