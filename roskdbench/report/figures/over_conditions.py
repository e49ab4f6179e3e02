"""A method's F1 over radii or severities: the mean over its rows and runs. It has no intervals, and figures say so: of
what is measured under perturbations no patients are drawn again.
"""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from roskdbench.report.layout import Condition, Layout, number_of

METRIC = "f1"


def line_over(
    panel: Axes, layout: Layout, place: tuple[str, str], conditions: Mapping[float, Condition], **look: Any
) -> list[float]:
    """Draw a problem's method. Returns at which of the places it has a number; a single one is not drawn, and none of
    a method of which runs lack numbers.
    """
    problem, method = place
    rows = [row for row in layout.rows if row[0] == method]
    if any(layout.state(row, problem, each.measure) for row in rows for each in conditions.values()):
        return []
    found: dict[float, float] = {}
    for at, condition in sorted(conditions.items()):
        numbers = [number_of(layout.values.get((*row, problem, condition, METRIC))) for row in rows]
        if means := [number.mean for number in numbers if number]:
            found[at] = sum(means) / len(means)
    if len(found) < 2:
        return []
    panel.plot(list(found), list(found.values()), linewidth=1.2, marker="o", markersize=2.5, **look)
    return list(found)
