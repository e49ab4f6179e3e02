"""Tables for a terminal."""

from rich.table import Table as Grid
from rich.text import Text

from roskdbench.report.formats import plain_number
from roskdbench.report.tables import Number, Table


def terminal_table(table: Table) -> Grid:
    """The table with its problems above their columns."""
    grid = Grid(title=table.title, title_style="bold", caption="\n".join(table.notes), caption_justify="left")
    for label in table.labels:
        grid.add_column(label)
    shown = ""
    for column in table.columns:
        group = column.group if column.group != shown else ""
        shown = column.group
        heading = Text(f"{group}\n{column.heading}{' paper' if column.printed else ''}")
        grid.add_column(heading, justify="right", style="dim" if column.printed else "")
    for labels, cells in table.rows:
        grid.add_row(*(Text(label) for label in labels), *(_text(cell) for cell in cells))
    return grid


def _text(cell: Number | str | None) -> Text:
    if cell is None:
        return Text("–", style="dim")
    if isinstance(cell, str):
        return Text(cell, style="red")
    text = Text(plain_number(cell.mean), style="bold green" if cell.best else "")
    if cell.spread is not None:
        text.append(f" ±{plain_number(cell.spread)}", style="dim not bold")
    return text
