"""How scores move along a parameter of the methods, such as a temperature."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from roskdbench.plan import Cell
from roskdbench.report.figures.drawing import Drawing, figure
from roskdbench.report.figures.intervals import SHADED, drawn, means_over
from roskdbench.report.layout import CLEAN, Layout, layout_of, number_of, varying_axes
from roskdbench.report.legend import below
from roskdbench.report.table import Estimate
from roskdbench.suite.parameter_axes import point_text

WIDTH = 3.4  # inches a panel
FAR = 8  # times the least point, from which on an axis is logarithmic

Points = list[str | float]
Found = list[tuple[float, Estimate, tuple[float, float] | None]]


@figure("by-parameter", caption="F1 along a parameter of the methods", order=23)
def by_parameter(drawing: Drawing) -> Figure | None:
    """A line for each method and point of its other parameters, a panel a problem, with 95 % intervals; where students,
    overlaps or noises vary too, their mean stands for them, without an interval. Rows that do not stand on the axis are
    level lines; None where there is no axis.
    """
    layout = layout_of(drawing.results, drawing.experiment, [])
    axis = next((axis for cell in layout.cells for axis, _ in cell.points), None)
    if axis is None:
        return None
    (lines, levels), palette = _lines(layout.cells, axis), drawing.palette
    points: Points = list(dict.fromkeys(at for line in lines.values() for at in line))
    others = varying_axes(layout.cells)
    alone = not others
    picture = Figure(figsize=(WIDTH * len(layout.problems), 2.9), layout="constrained")
    panels: list[Axes] = list(picture.subplots(1, len(layout.problems), squeeze=False)[0])
    for panel, problem in zip(panels, layout.problems, strict=True):
        for label, line in lines.items():
            _draw(panel, layout, problem, line, points, label, palette[next(iter(line.values()))], alone)
        for title in levels:
            mean = number_of(layout.whole((title,), problem, CLEAN, "f1"))
            if mean:
                panel.axhline(mean.mean, color=palette[title], linewidth=1, linestyle="--", label=title)
        _scale(panel, axis, points)
        panel.set_title(problem)
        panel.grid(color="#dddddd", linewidth=0.5)
        panel.set_axisbelow(True)
    panels[0].set_ylabel(f"F1 ({drawing.results.plan.suite.protocol.average})")
    below(picture, 3, SHADED if alone else means_over(["method", *others]))
    return picture


def _lines(cells: Sequence[Cell], axis: str) -> tuple[dict[str, dict[str | float, str]], list[str]]:
    """Titles of rows along the axis, by what else they are; and those of rows that do not stand on it."""
    lines: dict[str, dict[str | float, str]] = {}
    levels: dict[str, None] = {}
    for cell in cells:
        points = dict(cell.points)
        if axis not in points:
            levels[cell.method] = None
            continue
        ending = f", {axis} {point_text(points[axis])}"
        lines.setdefault(cell.method.replace(ending, "", 1), {})[points[axis]] = cell.method
    return lines, list(levels)


def _draw(
    panel: Axes,
    layout: Layout,
    problem: str,
    line: dict[str | float, str],
    points: Points,
    label: str,
    colour: str,
    alone: bool,
) -> None:
    found: Found = []
    for at, title in line.items():
        runs = layout.whole((title,), problem, CLEAN, "f1")
        mean = number_of(runs)
        if runs and mean:
            x = float(at) if _is_number(points) else points.index(at)
            between = layout.evidence.interval((title, problem), runs, layout.source("f1")) if alone else None
            found.append((x, mean, between))
    if not found:
        return
    found.sort(key=lambda each: each[0])
    places, means = [each[0] for each in found], [each[1].mean for each in found]
    panel.plot(places, means, marker="o", markersize=3, color=colour, linewidth=1.2, label=label)
    low, high = zip(*(drawn(each[2]) for each in found), strict=True)
    panel.fill_between(places, low, high, color=colour, alpha=0.12, linewidth=0)


def _scale(panel: Axes, axis: str, points: Points) -> None:
    if not _is_number(points):
        panel.set_xticks(range(len(points)), [point_text(each) for each in points], rotation=20, ha="right")
        return
    numbers = sorted(float(each) for each in points)
    panel.set_xlabel(axis)
    if numbers[0] > 0 and numbers[-1] / numbers[0] >= FAR:
        panel.set_xscale("log")
        panel.set_xticks(numbers, [f"{each:g}" for each in numbers])
        panel.minorticks_off()


def _is_number(points: Points) -> bool:
    return all(isinstance(each, int | float) for each in points)
