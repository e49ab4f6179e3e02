"""What `data check` shows of a problem: its classes in every part, and what a user should know before a run."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from roskdbench.data.inspection import PARTS, Inspection

SHOWN = 12
"""Values of an attribute."""


def data_table(
    name: str,
    where: str,
    found: Inspection,
    remarks: Sequence[str],
    attributes: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> RenderableType:
    """Images and groups in each part, and in all and in each part the samples of each class; of several findings, also
    those that are uncertain about it, those without it, and of these the empty cells. Then how many samples have each
    value of an attribute.
    """
    labels = found.labels
    kind = found.grouped_by or "image"
    of = f" of {len(set(labels.groups.tolist())):,} {kind}s" if found.grouped_by else ""
    parts = "; ".join(
        f"{part} {len(found.parts[part]):,}" + (f" of {found.groups(part):,} {kind}s" if found.grouped_by else "")
        for part in PARTS
    )
    lines: list[RenderableType] = [Text.assemble((name, "bold cyan"), f": {len(labels):,} images{of}")]
    lines += [Text(f"  {where}", style="dim"), Text(f"  {parts}")]
    several = labels.task == "multi-label"
    grids = {"with" if several else "class": found.positive, **(found.marks if several else {})}
    lines += [_grid(heading, found, marks) for heading, marks in grids.items()]
    lines += [Text(f"  {each}", style="dim") for each in [*found.other_labels(), *_on_attributes(attributes)]]
    return Group(*lines, *(Text(f"  ! {line}", style="yellow") for line in (*remarks, *found.warnings())))


def _on_attributes(attributes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """How many samples have each value, the most frequent first."""
    for name, texts in attributes.items():
        count = Counter(texts)
        unknown = count.pop("", 0)
        first = sorted(count.items(), key=lambda each: (-each[1], each[0]))
        shown = [f"{value} ({number:,})" for value, number in first[:SHOWN]] + ["…"] * (len(first) > SHOWN)
        yield f"{name}: {', '.join([*shown, *[f'not known ({unknown:,})'] * bool(unknown)])}"


def _grid(heading: str, found: Inspection, marks: NDArray[np.integer] | NDArray[np.bool_]) -> Grid:
    """How many samples have a mark at each class, in all and in each part."""
    grid = Grid(box=None, padding=(0, 1, 0, 1), header_style="bold")
    width = max(map(len, (*found.labels.classes, "surely none of these")))
    grid.add_column(f"  {heading}", min_width=min(width + 2, 34), overflow="fold")
    for column in ("all", "share", *PARTS):
        grid.add_column(column, justify="right", min_width=7, no_wrap=True)
    rows = {label: marks[:, c] for c, label in enumerate(found.labels.classes)}
    for label, marked in rows.items():
        grid.add_row(Text(f"  {label}"), *_cells(found, marked, "bold red" if marks is found.positive else ""))
    if marks is found.positive and found.labels.task == "multi-label":
        unsure = np.zeros_like(found.positive) if found.labels.uncertain is None else found.labels.uncertain > 0
        none = np.asarray(~(found.positive | unsure).any(1))
        grid.add_row(Text("  surely none of these", style="dim"), *_cells(found, none, ""))
    return grid


def _cells(found: Inspection, marked: NDArray[np.integer] | NDArray[np.bool_], lacking: str) -> list[Text]:
    """In all, as a share, and in each part; parts that lack it in a style of their own."""
    counts = [int(marked[found.parts[part]].sum()) for part in PARTS]
    return [
        Text(f"{int(marked.sum()):,}"),
        Text(f"{marked.mean():.1%}"),
        *(Text(f"{count:,}", style="" if count else lacking) for count in counts),
    ]
