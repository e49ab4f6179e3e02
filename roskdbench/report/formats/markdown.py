"""GitHub-flavoured Markdown."""

from collections.abc import Sequence

from roskdbench.report.formats.registering import report_format
from roskdbench.report.formats.text import cell_text, heading
from roskdbench.report.table import Table
from roskdbench.results import Results


@report_format("markdown", file="tables.md")
def as_markdown(tables: Sequence[Table], results: Results) -> str:
    """All tables."""
    return markdown(tables)


def markdown(tables: Sequence[Table]) -> str:
    """GitHub-flavoured tables."""
    return "\n".join(_markdown(table) for table in tables)


def _markdown(table: Table) -> str:
    groups = {column.group for column in table.columns}
    heads = [
        escape_markdown(f"{column.group} {heading(column)}" if len(groups) > 1 else heading(column))
        for column in table.columns
    ]
    lines = [
        f"### {escape_markdown(table.title)}",
        "",
        _markdown_row([*table.labels, *heads]),
        _markdown_row(["---"] * len(table.labels) + ["---:"] * len(heads)),
    ]
    for labels, cells in table.rows:
        texts = [cell_text(cell, "**{}**", " ± ") for cell in cells]
        lines.append(_markdown_row([*(escape_markdown(label) for label in labels), *texts]))
    return "\n".join([*lines, "", *(f"- {escape_markdown(note)}" for note in table.notes), ""])


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is."""
    escaped = "".join(f"\\{letter}" if letter in "\\|`*_[]#" else letter for letter in text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
