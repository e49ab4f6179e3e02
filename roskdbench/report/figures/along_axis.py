"""How scores move along an axis of an experiment: overlap (the paper's Figure 3), students (Figure 2), noise."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from roskdbench.plan import Cell
from roskdbench.report.figures.drawing import Drawing, figure
from roskdbench.report.figures.intervals import BARS, SHADED, drawn, means_over
from roskdbench.report.layout import CLEAN, Layout, layout_of, number_of
from roskdbench.report.legend import below
from roskdbench.report.table import Estimate

WIDTH = 3.4  # inches a panel
APART, ROOM = 0.09, 0.8  # methods at one place of an axis without numbers, and what all of them take


@figure("by-student", caption="F1 by student", on_method_pages=True, order=20)
def by_student(drawing: Drawing) -> Figure | None:
    """Over the students."""
    return along_axis(drawing, "student")


@figure("by-overlap", caption="F1 over the overlap of the teachers' subsets", on_method_pages=True, order=21)
def by_overlap(drawing: Drawing) -> Figure | None:
    """Over the overlap."""
    return along_axis(drawing, "overlap")


@figure("by-noise", caption="F1 by label noise", on_method_pages=True, order=22)
def by_noise(drawing: Drawing) -> Figure | None:
    """Over label noises."""
    return along_axis(drawing, "noise")


def along_axis(drawing: Drawing, axis: str) -> Figure | None:
    """F1 of every method along an axis, a panel a problem, with 95 % intervals; None where nothing varies on it."""
    results, palette = drawing.results, drawing.palette
    layout = layout_of(results, drawing.experiment, [axis])
    places = list(dict.fromkeys(getattr(cell, axis) for cell in layout.cells))
    if len(places) < 2:
        return None
    picture = Figure(figsize=(WIDTH * len(layout.problems), 2.9), layout="constrained")
    panels: list[Axes] = list(picture.subplots(1, len(layout.problems), squeeze=False)[0])
    apart = 0.0 if _is_number(places) else min(APART, ROOM / len(layout.methods))
    for panel, problem in zip(panels, layout.problems, strict=True):
        for number, method in enumerate(layout.methods):
            own = [cell for cell in layout.cells if (cell.problem, cell.method) == (problem, method)]
            shift = apart * (number - (len(layout.methods) - 1) / 2)
            _curve(panel, layout, own, places, palette[method], shift)
        if _is_number(places):
            panel.set_xlabel({"overlap": "overlap of the teachers' subsets"}.get(axis, axis))
        else:
            panel.set_xticks(range(len(places)), [str(place) for place in places], rotation=20, ha="right")
        panel.set_title(problem)
        panel.grid(color="#dddddd", linewidth=0.5)
        panel.set_axisbelow(True)
    if not any(panel.has_data() for panel in panels):
        return None  # nothing of it was run
    panels[0].set_ylabel(f"F1 ({results.plan.suite.protocol.average})")
    bars = SHADED if _is_number(places) else BARS
    others = [axis, *(each for each in drawing.layout.labels[1:] if each != axis)]
    below(picture, 4, bars if any(_has_bars(panel) for panel in panels) else means_over(others))
    return picture


def _curve(
    panel: Axes,
    layout: Layout,
    cells: Sequence[Cell],
    places: Sequence[object],
    colour: str,
    shift: float,
) -> None:
    """One method's points, of which all runs have a number. Where other axes vary too, their mean stands for them,
    without an interval.
    """
    alone = len({(cell.student, cell.overlap, cell.noise) for cell in cells}) == len(
        {layout.row(cell) for cell in cells}
    )
    found: list[tuple[float, Estimate, tuple[float, float] | None]] = []
    for number, place in enumerate(places):
        row = (cells[0].method, place, cells[0].problem)
        runs = layout.whole(row[:-1], cells[0].problem, CLEAN, "f1")
        mean = number_of(runs)
        if runs and mean:
            x = float(place) if isinstance(place, int | float) else number + shift
            found.append((x, mean, layout.evidence.interval(row, runs, layout.source("f1")) if alone else None))
    if not found:
        return
    found.sort(key=lambda each: each[0])
    places_found = [each[0] for each in found]
    style = "-" if _is_number(places) else ""
    panel.plot(places_found, [each[1].mean for each in found], linestyle=style or "none", marker="o", markersize=3,
               color=colour, linewidth=1.2, label=cells[0].method)  # fmt: skip
    low, high = zip(*(drawn(each[2]) for each in found), strict=True)
    if style:
        panel.fill_between(places_found, low, high, color=colour, alpha=0.12, linewidth=0)
    else:
        panel.vlines(places_found, low, high, color=colour, linewidth=0.9)


def _has_bars(panel: Axes) -> bool:
    return any(np.isfinite(path.vertices).all(axis=1).any() for each in panel.collections for path in each.get_paths())


def _is_number(places: Sequence[object]) -> bool:
    return all(isinstance(place, int | float) for place in places)
