"""Tables for a terminal: one under the other for each problem, so that they fit in eighty columns."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from roskdbench.report.formats.text import beside, bounds, plain_number, signed
from roskdbench.report.table import Table, Value, Word
from roskdbench.statistics.comparison import Difference

WIDTH = 80  # letters
WIDE = 7  # columns
LABEL = 12  # letters that a method's name has at least
LONG = 40  # letters of a label that are told below the table
SHORT = 6  # letters of a heading where there are more, unless two were the same


def terminal_table(table: Table) -> RenderableType:
    """The table and its notes."""
    table = _with_sentences_below(table)
    problems = dict.fromkeys(column.group for column in table.columns)
    notes = [Text(f"· {note}", style="dim") for note in table.notes]
    grids = [part for problem in problems for grid in _grids(table, problem) for part in (grid, Text(""))]
    return Group(Text(table.title, style="bold"), *grids, *notes, Text(""))


def _with_sentences_below(table: Table) -> Table:
    """A column of labels that are sentences has no room here: each is said once, in a note, after the row's first. They
    stay where rows would not be told apart without them.
    """
    long = [
        place for place in range(1, len(table.labels)) if any(len(labels[place]) > LONG for labels, _ in table.rows)
    ]
    said = {(labels[0], ", ".join(labels[place] for place in long)) for labels, _ in table.rows}
    sentences = dict(sorted(said))
    if not long or len(sentences) < len(said):
        return table
    kept = [place for place in range(len(table.labels)) if place not in long]
    return replace(
        table,
        labels=[table.labels[place] for place in kept],
        rows=[([labels[place] for place in kept], cells) for labels, cells in table.rows],
        notes=[*(f"{first}: {sentence}" for first, sentence in sentences.items()), *table.notes],
    )


def _grids(table: Table, problem: str) -> Iterator[Grid]:
    """The problem's columns, in as many grids as it takes."""
    chosen = [number for number, column in enumerate(table.columns) if column.group == problem]
    brief = len(chosen) > WIDE
    headings = [table.columns[number].heading for number in chosen]
    letters = _letters(headings) if brief else None
    rows = [
        (labels, {number: _text(cells[number], brief) for number in chosen})
        for labels, cells in table.rows
        if any(cells[number] is not None for number in chosen)
    ]
    shown = {number: (table.columns[number].source or table.columns[number].heading[:letters]) for number in chosen}
    widths = {number: max(len(shown[number]), *(len(cells[number]) for _, cells in rows), 0) + 1 for number in chosen}
    labelled = sum(
        max(LABEL if label == "method" else 4, *(min(LONG, len(labels[place])) for labels, _ in rows), 0) + 1
        for place, label in enumerate(table.labels)
    )
    while chosen:
        fitting = sum(total <= WIDTH - labelled for total in accumulate(widths[number] for number in chosen))
        part, chosen = chosen[: max(1, fitting)], chosen[max(1, fitting) :]
        grid = Grid(
            title=Text(problem),
            title_justify="left",
            title_style="bold cyan",
            box=None,
            padding=(0, 1, 0, 0),
            header_style="bold underline",
        )
        for label in table.labels:
            grid.add_column(label, min_width=LABEL if label == "method" else 4, max_width=LONG, overflow="fold")
        for number in part:
            style = "dim" if table.columns[number].source else ""
            grid.add_column(Text(shown[number]), justify="right", style=style, no_wrap=True)
        for labels, cells in rows:
            grid.add_row(*(Text(label) for label in labels), *(cells[number] for number in part))
        yield grid


def _letters(headings: list[str]) -> int:
    """How many of each heading tell them apart."""
    different, longest = set(headings), max(map(len, headings))
    return next(n for n in range(SHORT, SHORT + longest + 1) if len({each[:n] for each in different}) == len(different))


def _text(cell: Value, brief: bool) -> Text:
    """The cell's text; a table with many columns has no room for spreads."""
    if cell is None:
        return Text("–", style="dim")
    if isinstance(cell, Word):
        return Text(cell.text, style="" if cell.good is None else "green" if cell.good else "red")
    if isinstance(cell, str):
        return Text(cell, style="red")
    if isinstance(cell, Difference):
        text = Text(signed(cell.value), style="bold" if cell.sure else "")
        return text.append(f" {bounds(cell)}", style="dim not bold")
    text = Text(plain_number(cell.mean), style="bold green" if cell.best else "")
    return text if brief else text.append(beside(cell, " ±"), style="dim not bold")
