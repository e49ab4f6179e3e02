"""A plain table for notebooks."""

from html import escape

from roskdbench.report.formats.text import cell_text, heading
from roskdbench.report.table import Table, Value


def html(table: Table) -> str:
    """A plain table for notebooks."""
    heads = [*table.labels, *(f"{column.group} {heading(column)}" for column in table.columns)]
    lines = [f"<h4>{escape(table.title)}</h4><table><thead><tr>", *(f"<th>{escape(head)}</th>" for head in heads)]
    lines.append("</tr></thead><tbody>")
    for labels, cells in table.rows:
        shown = [*(escape(label) for label in labels), *(_html_cell(cell) for cell in cells)]
        lines.append(f"<tr>{''.join(f'<td>{each}</td>' for each in shown)}</tr>")
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    return "".join([*lines, f"</tbody></table><ul>{notes}</ul>"])


def _html_cell(cell: Value) -> str:
    return cell_text(escape(cell) if isinstance(cell, str) else cell, "<b>{}</b>", " ± ")
