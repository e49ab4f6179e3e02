"""Rows of a score table that others have printed: what datasets know of models trained on them with clean labels."""

from collections.abc import Iterator, Sequence

from roskdbench.report.layout import CLEAN, Condition, Layout
from roskdbench.report.table import Estimate, TableColumn, Value
from roskdbench.suite.problems import Published

CLEAN_LABELS = "none"


def published_rows(
    layout: Layout, columns: Sequence[tuple[TableColumn, Condition]], beside: int
) -> list[tuple[list[str], list[Value]]]:
    """A row for each published model of a problem that the experiment trains on with clean labels, and that has one of
    the scores which its table shows. `beside` are the labels that follow the axes.
    """
    rows: list[tuple[list[str], list[Value]]] = []
    for problem, each in _published(layout):
        numbers: list[Value] = [
            Estimate(each.scores[column.metric], None, 1)
            if column.problem == problem and condition == CLEAN and not column.source and column.metric in each.scores
            else None
            for column, condition in columns
        ]
        if any(numbers):
            at = [CLEAN_LABELS if axis == "noise" else "" for axis in layout.axes]
            rows.append(([f"{each.title}, as printed", *at, *[""] * beside], numbers))
    return rows


def published_notes(layout: Layout) -> list[str]:
    """What sets a run apart from what was printed."""
    lines = []
    for problem, each in _published(layout):
        located = layout.results.plan.located.get(problem)
        here = located.content.samples if located else each.images
        less = f" Its data had {each.images:,} images, here there are {here:,}." if here != each.images else ""
        lines.append(
            f"{each.title}: as its authors print it, trained on clean labels by a recipe of theirs; it stands beside "
            f"labels alone and is compared with nothing.{less}"
        )
    return lines


def _published(layout: Layout) -> Iterator[tuple[str, Published]]:
    """By problem, where labels are clean."""
    clean = {cell.problem for cell in layout.cells if cell.noise == CLEAN_LABELS}
    for problem in layout.problems:
        if problem in clean:
            plan = layout.results.plan
            size = plan.image_size(problem)
            yield from ((problem, each) for each in plan.suite.problems[problem].published if size in (None, each.size))
