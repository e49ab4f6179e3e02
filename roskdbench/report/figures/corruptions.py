"""Pictures of corruptions: scores over severity, and what the corruptions do to an image."""

import json
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from roskdbench.measures.corruptions import MEAN, Corruptions
from roskdbench.report.figures.drawing import Drawing, figure
from roskdbench.report.figures.intervals import means_over
from roskdbench.report.figures.over_conditions import line_over
from roskdbench.report.layout import Condition
from roskdbench.report.legend import below
from roskdbench.suite.corruption import SEVERITIES
from roskdbench.values import Facts

WIDTH = 2.3  # inches a panel
ACROSS = 3  # panels


@figure("severity", caption="F1 over the severity of corruptions", on_method_pages=True, order=52)
def over_severity(drawing: Drawing) -> Figure | None:
    """F1 against severity: a panel for the mean over corruptions and for each of them, of each problem."""
    layout = drawing.layout
    panels = [
        (problem, name, kind)
        for name, measure in layout.measures.items()
        if isinstance(measure, Corruptions)
        for problem in layout.problems
        for kind in (MEAN, *(each.name for each in measure.corruptions))
        if (problem, Condition(name, facts=Facts(perturbation=MEAN))) in layout.conditions
    ]
    if not panels:
        return None
    lines = -(-len(panels) // ACROSS)
    picture = Figure(figsize=(WIDTH * ACROSS + 0.5, 1.7 * lines + 0.6), layout="constrained")
    axes: list[Axes] = list(picture.subplots(lines, ACROSS, squeeze=False, sharey=True).ravel())
    for panel, (problem, name, kind) in zip(axes, panels, strict=False):
        for method in layout.methods:
            conditions: dict[float, Condition] = {0: Condition(name)}
            for each in SEVERITIES:
                conditions[each] = Condition(name, facts=Facts(perturbation=kind, severity=each))
            line_over(panel, layout, (problem, method), conditions, color=drawing.palette[method], label=method)
        panel.set_title(f"{problem}, {'mean of all' if kind == MEAN else kind}", fontsize=8)
        panel.set_xticks([0, *SEVERITIES])
        panel.set_xlabel("severity (0: as it is)", fontsize=7)
        panel.grid(color="#dddddd", linewidth=0.5)
    for panel in axes[len(panels) :]:
        panel.axis("off")
    for panel in axes[::ACROSS]:
        panel.set_ylabel(f"F1 ({drawing.results.plan.suite.protocol.average})", fontsize=7)
    below(picture, 3, means_over(layout.labels))
    return picture


@figure("corrupted", caption="an image under each corruption, by severity", order=53)
def corrupted_pictures(drawing: Drawing) -> Figure | None:
    """The first test image of each problem: as it is, and under every corruption at each severity."""
    rows: list[tuple[str, list[NDArray[Any]]]] = []
    seen: set[str] = set()
    severities: set[int] = set()
    for cell, artifact in drawing.artifacts(Corruptions):
        if cell.problem in seen or not drawing.shows(cell.problem):
            continue
        seen.add(cell.problem)
        pixels = drawing.store.open(drawing.results.plan.pixels(cell.problem)).array("images.npy")
        kept = artifact.arrays("corrupted.npz")
        clean = pixels[kept.pop("samples")[0]]
        severities |= {json.loads(facts)["severity"] for facts in kept}
        for name, worse in artifact.arrays("pictures.npz").items():
            rows.append((f"{cell.problem}\n{name}", [clean, *worse]))
    if not rows:
        return None
    across = max(len(images) for _, images in rows)
    picture = Figure(figsize=(0.95 * across + 0.6, 0.95 * len(rows) + 0.2), layout="constrained")
    panels = picture.subplots(len(rows), across, squeeze=False)
    for line, (name, images) in zip(panels, rows, strict=True):
        for panel in line:
            panel.axis("off")
        for panel, image in zip(line, images, strict=False):
            values = np.moveaxis(image, 0, -1)
            panel.imshow(values if values.shape[2] == 3 else values[..., 0], cmap="gray", vmin=0, vmax=255)
        line[0].text(-0.12, 0.5, name, rotation=90, va="center", ha="right", ma="center", fontsize=6,
                     transform=line[0].transAxes)  # fmt: skip
    for panel, heading in zip(panels[0], ["clean", *(f"severity {each}" for each in sorted(severities))], strict=False):
        panel.set_title(heading, fontsize=7)
    return picture
