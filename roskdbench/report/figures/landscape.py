"""Pictures of landscapes: contours with common levels, the same as surfaces, and the lines between two readings."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from roskdbench.artifact import Artifact
from roskdbench.measures.landscape import Landscape
from roskdbench.plan import Cell
from roskdbench.report.figures.drawing import Drawing, figure
from roskdbench.report.layout import text_of, varying_axes
from roskdbench.report.legend import below
from roskdbench.results import Results

PANEL = 1.7  # inches
ACROSS = 4  # panels
LEVELS = 14
COLOURS = "viridis"
STYLES = ("-", "--", ":", "-.")


@figure("landscape", caption="the loss around the trained weights, common levels", order=60)
def contours(drawing: Drawing) -> Figure | None:
    """The loss on each model's plane, first seed and fold. All panels of a problem have the same levels."""
    found = planes(drawing)
    if not found:
        return None
    lines, across = _grid(found)
    picture = Figure(figsize=(PANEL * across + 0.9, (PANEL + 0.35) * lines + 0.2), layout="constrained")
    grids = iter(picture.subplots(lines, across, squeeze=False))
    for problem, panels in found.items():
        heights = levels(panels)
        drawn: Any = None
        rows = [next(grids) for _ in range(-(-len(panels) // ACROSS))]
        axes = [panel for row in rows for panel in row]
        for panel, (name, (places, losses, _)) in zip(axes, panels.items(), strict=False):
            norm = BoundaryNorm(heights, 256)
            drawn = panel.contourf(places, places, losses, heights, cmap=COLOURS, norm=norm)
            panel.contour(places, places, losses, heights, colors="white", linewidths=0.3)
            panel.plot(0, 0, "+", color="#D55E00", markersize=5)
            panel.set_title(name, fontsize=7)
            panel.set_aspect("equal")
            panel.set_xticks([-1, 0, 1])
            panel.set_yticks([-1, 0, 1])
        for panel in axes[len(panels) :]:
            panel.axis("off")
        bar = picture.colorbar(drawn, ax=axes, format="%.3g", shrink=0.9, pad=0.02)
        bar.set_label(f"{problem}: loss", fontsize=7)
        bar.ax.tick_params(labelsize=6)
    return picture


@figure("surface", caption="the same in three dimensions", order=61)
def surfaces(drawing: Drawing) -> Figure | None:
    """The planes of `contours` in three dimensions, at a common height."""
    from mpl_toolkits.mplot3d import Axes3D  # noqa: F401

    found = planes(drawing)
    if not found:
        return None
    lines, across = _grid(found)
    picture = Figure(figsize=(PANEL * 1.25 * across, PANEL * 1.3 * lines + 0.2), layout="constrained")
    number = 0
    for problem, panels in found.items():
        heights = levels(panels)
        for name, (places, losses, _) in panels.items():
            number += 1
            panel: Any = picture.add_subplot(lines, across, number, projection="3d")
            a, b = np.meshgrid(places, places)
            panel.plot_surface(a, b, losses, cmap=COLOURS, vmin=heights[0], vmax=heights[-1], rcount=60, ccount=60)
            panel.set_zlim(heights[0], heights[-1])
            panel.set_title(f"{problem}: {name}", fontsize=7, pad=-2)
            panel.set_xticks([-1, 0, 1])
            panel.set_yticks([-1, 0, 1])
            panel.tick_params(labelsize=5, pad=-3)
            for axis, said in ((panel.xaxis, "direction 1"), (panel.yaxis, "direction 2"), (panel.zaxis, "loss")):
                axis.set_label_text(said, fontsize=5)
                axis.labelpad = -9
                axis.set_pane_color((0, 0, 0, 0))
                axis.line.set_color("#888888")
            panel.set_box_aspect((1, 1, 0.75), zoom=0.8)
        number = -(-number // across) * across
    return picture


@figure("line", caption="loss and score from last to averaged weights", order=62)
def lines(drawing: Drawing) -> Figure | None:
    """Loss and macro-F1 on the straight line from each training's last weights to its averaged ones."""
    found = [(cell, artifact) for cell, artifact in drawing.artifacts(Landscape) if _has_line(artifact)]
    palette = drawing.palette
    problems = list(dict.fromkeys(cell.problem for cell, _ in found))
    if not found:
        return None
    axes = varying_axes([cell for cell, _ in found])
    rows = list(dict.fromkeys(_row(cell, axes) for cell, _ in found))
    picture = Figure(figsize=(3.4 * len(problems), 3.6), layout="constrained")
    panels = picture.subplots(2, len(problems), squeeze=False, sharex=True)
    for column, problem in enumerate(problems):
        for cell, artifact in found:
            if cell.problem != problem:
                continue
            line = artifact.arrays("line.npz")
            for panel, values in zip(panels[:, column], (line["losses"], line["f1"]), strict=True):
                look: dict[str, Any] = {"color": palette[cell.method], "linestyle": _style(rows, _row(cell, axes))}
                panel.plot(line["places"], values, label=_name(cell, axes), linewidth=1.3, **look)
        several = any(metric.endswith(("@tuned", "@half")) for metric in _metrics(drawing.results, problem))
        for panel, label in zip(panels[:, column], ("loss", f"F1 (macro{', at .5' * several})"), strict=True):
            for place in (0, 1):
                panel.axvline(place, color="#999999", linewidth=0.6, linestyle=":")
            panel.grid(color="#dddddd", linewidth=0.5)
            panel.set_ylabel(label)
            panel.ticklabel_format(axis="y", useOffset=False)
            panel.set_ylim(bottom=max(panel.get_ylim()[0], 0))
        panels[0, column].set_title(problem)
        panels[1, column].set_xticks([0, 1], ["last\nweights", "averaged\nweights"])
    below(picture, 3)
    return picture


def _row(cell: Cell, axes: list[str]) -> tuple[Any, ...]:
    """Where a cell stands, whatever its method."""
    return tuple(getattr(cell, axis) for axis in axes)


def _style(rows: list[tuple[Any, ...]], row: tuple[Any, ...]) -> str:
    """A method has one colour; its rows differ in how their lines are drawn."""
    return STYLES[rows.index(row) % len(STYLES)]


def _metrics(results: Results, problem: str) -> list[str]:
    return list(results.frame.loc[results.frame["problem"] == problem, "metric"].unique())


class Plane(NamedTuple):
    """A landscape as it is drawn."""

    places: NDArray[np.float64]
    """On each axis."""
    losses: NDArray[np.float64]
    """Clamped for drawing."""
    most: float
    """The largest loss there is; infinite where one is not finite."""


def planes(drawing: Drawing) -> dict[str, dict[str, Plane]]:
    """By problem and row."""
    clamp = next((each.clamp for each in drawing.measures(Landscape).values()), 0.0)
    measured = list(drawing.artifacts(Landscape))
    axes = varying_axes([cell for cell, _ in measured])
    found: dict[str, dict[str, Plane]] = {}
    for cell, artifact in measured:
        plane = artifact.arrays("plane.npz")
        most = float(np.nan_to_num(plane["losses"], nan=np.inf).max())
        losses = np.minimum(np.nan_to_num(plane["losses"], nan=clamp, posinf=clamp), clamp)
        found.setdefault(cell.problem, {})[_name(cell, axes)] = Plane(plane["places"], losses, most)
    return found


def _grid(found: Mapping[str, Mapping[str, Plane]]) -> tuple[int, int]:
    """How many lines of panels, and panels in a line; each problem begins a line."""
    return sum(-(-len(panels) // ACROSS) for panels in found.values()), min(ACROSS, max(map(len, found.values())))


def _has_line(artifact: Artifact) -> bool:
    return artifact.file("line.npz").exists()


def _name(cell: Cell, axes: list[str]) -> str:
    return " / ".join([cell.method, *(text_of(getattr(cell, axis)) for axis in axes)])


def levels(panels: Mapping[str, Plane]) -> NDArray[np.float64]:
    """From the lowest loss of all panels to the highest, so that on a bowl the contours are evenly apart."""
    lowest = min(float(plane.losses.min()) for plane in panels.values())
    highest = max(float(plane.losses.max()) for plane in panels.values())
    return lowest + (max(highest - lowest, 1e-6)) * np.linspace(0, 1, LEVELS) ** 2
