"""Figures: what was learnt from, how training went, and how methods compare. PNG to look at, PDF to print.

A method has one colour everywhere: its place among all methods of the suite, in a palette that colour-blind people can
tell apart. Files hold no dates, so the same results give the same bytes.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from roskdbench.data.problem import Problem
from roskdbench.plan import Plan
from roskdbench.report import landscape, training
from roskdbench.report.curves import along_axis
from roskdbench.report.layout import AXES
from roskdbench.report.ranking import critical_difference
from roskdbench.report.robustness import attacked_pictures, reliability_diagrams, robustness_curves
from roskdbench.report.table import Estimate
from roskdbench.report.tables import score_table
from roskdbench.results import Results
from roskdbench.store import Store

# Okabe and Ito's palette with a brown for its yellow, which is too pale on white.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7A5230", "#000000")
COLUMN = 3.4  # inches: a column of a two-column page
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 200,
    "legend.frameon": False,
    "text.parse_math": False,  # a method's title is text, also with a dollar in it
    "svg.hashsalt": "roskdbench",
    "pdf.fonttype": 42,
}
EXAMPLES = 6  # images of a class in a grid


def draw_all(results: Results, store: Store, folder: Path) -> list[Path]:
    """Every figure that the results allow, as PNG and PDF; the PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[Path] = []
    with drawing():
        for problem in results.plan.problems:
            pixels = results.plan.pixels(problem)
            if pixels in store:
                grid = examples(Problem.load(store.open(pixels).path), problem)
                drawn.append(_save(grid, folder / f"examples-{problem}"))
        for experiment in results.plan.experiments:
            for name, make in makers(results, store, experiment).items():
                figure = make()
                if figure is not None:
                    drawn.append(_save(figure, folder / f"{experiment}-{name}"))
    return drawn


def drawing() -> AbstractContextManager[None]:
    """Figures that are made within look alike."""
    return mpl.rc_context(STYLE)


def makers(results: Results, store: Store, experiment: str) -> dict[str, Callable[[], Figure | None]]:
    """What draws an experiment's figures, by their names; each gives None where the results do not allow it."""
    palette = colours(results.plan)
    return {
        "f1": lambda: comparison(results, experiment),
        **{f"by-{axis}": partial(along_axis, results, experiment, axis, palette) for axis in AXES},
        "ranks": lambda: critical_difference(results, experiment, palette),
        "training": lambda: training.curves(results, store, experiment, palette),
        "weights": lambda: training.weights(results, store, experiment),
        "robustness": lambda: robustness_curves(results, experiment, palette),
        "attacked": lambda: attacked_pictures(results, store, experiment),
        "reliability": lambda: reliability_diagrams(results, experiment, palette),
        "landscape": lambda: landscape.contours(results, store, experiment),
        "surface": lambda: landscape.surfaces(results, store, experiment),
        "line": lambda: landscape.lines(results, store, experiment, palette),
    }


def colours(plan: Plan) -> dict[str, str]:
    """A colour for each method of the suite."""
    methods = dict.fromkeys(cell.method for cell in plan.cells)
    return {method: PALETTE[number % len(PALETTE)] for number, method in enumerate(methods)}


def comparison(results: Results, experiment: str) -> Figure | None:
    """F1 of every row: the mean, and the standard deviation over runs."""
    if results.frame[results.frame["experiment"] == experiment].empty:
        return None
    table = score_table(results, experiment)
    problems = list(dict.fromkeys(column.problem for column in table.columns))
    palette = colours(results.plan)
    figure = Figure(figsize=(COLUMN * len(problems), 0.6 + 0.26 * len(table.rows)), layout="constrained")
    panels = figure.subplots(1, len(problems), sharey=True, squeeze=False)[0]
    names = [" / ".join(labels) for labels, _ in table.rows]
    for panel, problem in zip(panels, problems, strict=True):
        c = next(i for i, each in enumerate(table.columns) if (each.problem, each.metric) == (problem, "f1"))
        for row, (labels, cells) in enumerate(table.rows):
            cell = cells[c]
            if isinstance(cell, Estimate):
                colour = palette[labels[0]]
                panel.errorbar(cell.mean, row, xerr=cell.spread, fmt="o", color=colour, capsize=2, markersize=4)
            elif cell is not None:
                panel.text(0, row, cell, va="center", color="#a00000", transform=panel.get_yaxis_transform())
        panel.set_yticks(range(len(names)), names)
        panel.grid(axis="x", color="#dddddd", linewidth=0.5)
        panel.set_axisbelow(True)
        panel.set_title(problem)
        panel.set_xlabel(f"F1 ({results.plan.suite.protocol.average})")
    panels[0].invert_yaxis()  # shared by all panels
    return figure


def examples(problem: Problem, name: str) -> Figure:
    """A grid with a column of images for each class."""
    classes = problem.labels.classes
    figure = Figure(figsize=(len(classes) * 0.85, EXAMPLES * 0.85 + 0.35), layout="constrained")
    panels = figure.subplots(EXAMPLES, len(classes), squeeze=False)
    alone = problem.labels.indicators.sum(1) == 1
    for c, label in enumerate(classes):
        has = problem.labels.indicators[:, c] == 1
        members = np.flatnonzero(has & alone) if (has & alone).any() else np.flatnonzero(has)
        panels[0, c].set_title(label, fontsize=7)
        for r in range(EXAMPLES):
            panels[r, c].axis("off")
            if r < len(members):
                _show(
                    panels[r, c],
                    problem.images[members[r * len(members) // EXAMPLES if len(members) > EXAMPLES else r]],
                )
    figure.suptitle(name, fontsize=9)
    return figure


def _show(panel: Axes, image: NDArray[np.uint8]) -> None:
    if image.shape[0] == 1:
        panel.imshow(image[0], cmap="gray", vmin=0, vmax=255)
    else:
        panel.imshow(np.moveaxis(image, 0, -1))


def _save(figure: Figure, stem: Path) -> Path:
    png, pdf = (stem.with_name(f"{stem.name}.{ending}") for ending in ("png", "pdf"))
    figure.savefig(pdf, metadata={"CreationDate": None, "Producer": None, "Creator": None})
    figure.savefig(png, metadata={"Software": None})
    return png
