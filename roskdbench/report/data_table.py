"""What `data check` shows of a problem: its classes in every part, and what a user should know before a run."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from roskdbench.data.inspection import PARTS, Inspection


def data_table(name: str, where: str, found: Inspection, remarks: Sequence[str]) -> RenderableType:
    """Images and groups, positives, share, uncertain ones and negatives of each class, and its positives by part."""
    labels = found.labels
    total, uncertain = len(labels), found.uncertain
    grid = Grid(box=None, padding=(0, 1, 0, 1), header_style="bold")
    grid.add_column("  class")
    unsure, empty = bool(uncertain.any()), found.blank is not None
    marks = ["uncertain"] * unsure + ["without"] + ["of these blank"] * empty
    for heading in ("with", "share", *marks, *PARTS):
        grid.add_column(heading, justify="right")
    by_part = {part: found.counts(part) for part in PARTS}
    positive = found.positive.sum(0)
    for c, label in enumerate(labels.classes):
        with_it, without = int(positive[c]), total - int(positive[c]) - int(uncertain[c])
        grid.add_row(
            Text(f"  {label}"),
            f"{with_it:,}",
            f"{with_it / total:.1%}",
            *[f"{uncertain[c]:,}"] * unsure,
            f"{without:,}",
            *([] if found.blank is None else [f"{found.blank[c]:,}"]),
            *(Text(f"{count:,}", style="" if count else "bold red") for count in (by_part[part][c] for part in PARTS)),
        )
    if labels.task == "multi-label":
        nothing = found.positive.sum(1) == 0
        none = [int(nothing[found.parts[part]].sum()) for part in PARTS]
        cells = [f"{int(nothing.sum()):,}", f"{nothing.mean():.1%}", *[""] * len(marks)]
        grid.add_row(Text("  none of these", style="dim"), *cells, *(f"{each:,}" for each in none))
    kind = found.grouped_by or "image"
    groups = len(set(labels.groups.tolist()))
    of = f" of {groups:,} {kind}s" if found.grouped_by else ""
    parts = "; ".join(
        f"{part} {len(found.parts[part]):,}" + (f" of {found.groups(part):,} {kind}s" if found.grouped_by else "")
        for part in PARTS
    )
    lines: list[RenderableType] = [Text.assemble((name, "bold cyan"), f": {total:,} images{of}")]
    lines += [Text(f"  {where}", style="dim"), Text(f"  {parts}"), grid]
    return Group(*lines, *(Text(f"  ! {line}", style="yellow") for line in (*remarks, *found.warnings())))
