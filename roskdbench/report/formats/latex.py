"""Booktabs tables for LaTeX, from a template. Text from suites and methods is escaped."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any

from roskdbench.report.formats.registering import report_format
from roskdbench.report.formats.text import cell_text
from roskdbench.report.table import Estimate, Table, TableColumn, Value
from roskdbench.results import Results

if TYPE_CHECKING:
    pass

WIDE = 8  # columns


@report_format("latex")
def as_latex(tables: Sequence[Table], results: Results) -> str:
    """Tables to be put into a document."""
    return latex(tables)


@report_format("latex-standalone", file="tables.tex")
def as_document(tables: Sequence[Table], results: Results) -> str:
    """A document that compiles by itself."""
    return latex(tables, standalone=True)


def latex(tables: Sequence[Table], standalone: bool = False) -> str:
    """Booktabs tables; `standalone` makes a document that compiles by itself."""
    text: str = _template().render(tables=[_facts(table) for table in tables], standalone=standalone)
    return text


def _facts(table: Table) -> dict[str, Any]:
    """A table as the template takes it."""
    groups, width = [], len(table.labels)
    for name, columns in groupby(table.columns, lambda column: column.group):
        span = len(list(columns))
        groups.append({"name": name, "span": span, "first": width + 1, "last": width + span})
        width += span
    rows = []
    for labels, cells in table.rows:
        fitting = [_mean_alone(cell) if len(cells) > WIDE else cell for cell in cells]
        texts = [cell_text(cell, "\\textbf{{{}}}", "\\,$\\pm$\\,") for cell in fitting]
        rows.append([*_beginning(escape(label) for label in labels), *texts])
    return {
        "title": table.title,
        "labels": table.labels,
        "groups": groups,
        "heads": [_heading(column) for column in table.columns],
        "rows": rows,
        "notes": table.notes,
    }


def _beginning(labels: Iterable[str]) -> list[str]:
    """Labels of a row, which the end of the row before would take for its own options where they begin as such."""
    first, *others = labels
    return [f"{{}}{first}" if first.startswith(("[", "*")) else first, *others]


def _mean_alone(cell: Value) -> Value:
    """Without its interval, for which a page has no room in a wide table; spreads are shorter and stay."""
    return replace(cell, low=None, high=None) if isinstance(cell, Estimate) else cell


def _heading(column: TableColumn) -> str:
    source = f"$_\\mathrm{{{escape(column.source)}}}$" if column.source else ""
    return escape(column.heading) + source


LATEX_SPECIAL = {
    "\\": "\\textbackslash{}",
    "&": "\\&",
    "%": "\\%",
    "$": "\\$",
    "#": "\\#",
    "_": "\\_",
    "{": "\\{",
    "}": "\\}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "±": "$\\pm$",
    "×": "$\\times$",
    "·": "$\\cdot$",
    "–": "--",
    "—": "---",
    "→": "$\\rightarrow$",
    "≤": "$\\leq$",
    "≥": "$\\geq$",
    "≠": "$\\neq$",
    "−": "$-$",
    "∞": "$\\infty$",
    "\n": " ",
}


GREEK_LIKE_LATIN = ("ALPHA", "BETA", "EPSILON", "ZETA", "ETA", "IOTA", "KAPPA", "MU", "NU", "RHO", "TAU", "CHI")


def escape(text: str) -> str:
    """Text that LaTeX sets as it is."""
    return "".join(_latex_letter(letter) for letter in text)


def _latex_letter(letter: str) -> str:
    """The letter for LaTeX with Latin fonts: Greek as mathematics, what they lack by its plain form or as a `?`."""
    if letter in LATEX_SPECIAL or ord(letter) < 256:
        return LATEX_SPECIAL.get(letter, letter)
    kind, _, name = unicodedata.name(letter, "").partition(" LETTER ")
    if kind in ("GREEK SMALL", "GREEK CAPITAL") and name.isalpha() and name != "OMICRON":
        word = {"LAMDA": "LAMBDA"}.get(name, name)
        roman = kind == "GREEK CAPITAL" and word in GREEK_LIKE_LATIN
        return word[0] if roman else f"$\\{word.lower() if kind == 'GREEK SMALL' else word.capitalize()}$"
    raised, _, code = unicodedata.decomposition(letter).partition("> ")
    if raised in ("<super", "<sub") and " " not in code:
        return f"${'^' if raised == '<super' else '_'}{{{escape(chr(int(code, 16))).strip('$')}}}$"
    parts = unicodedata.normalize("NFKD", letter)
    if not parts[0].isalpha() and any(map(unicodedata.combining, parts)):
        return "?"  # a sign that is struck out says another thing than without the stroke
    plain = parts.encode("ascii", "ignore").decode()
    return "".join(LATEX_SPECIAL.get(each, each) for each in plain) or "?"


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    environment: Environment = Environment(
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,  # the filter knows what LaTeX reads as commands
    )
    environment.filters["escape"] = escape
    return environment.from_string((files(__package__) / "latex.tex").read_text("utf-8"))
