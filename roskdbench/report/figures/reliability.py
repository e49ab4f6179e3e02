"""How often a model is right against how sure it is."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from roskdbench.measures.calibration import Calibration
from roskdbench.measuring import BINS
from roskdbench.report.figures.drawing import Drawing, figure
from roskdbench.report.legend import below

if TYPE_CHECKING:
    import pandas

WIDTH = 3.4  # inches a panel


@figure("reliability", caption="reliability diagrams", order=55)
def reliability_diagrams(drawing: Drawing) -> Figure | None:
    """How often a model is right against how sure it is, before and after temperature scaling, by problem and noise."""
    names = list(drawing.measures(Calibration))
    frame = drawing.layout.numbers_of(names[0]) if names else drawing.layout.frame[:0]
    places = list(dict.fromkeys(zip(frame["problem"], frame["noise"], strict=True)))
    if not places:
        return None
    noises = len({noise for _, noise in places})
    picture = Figure(figsize=(WIDTH * 1.6, 2.6 * len(places) + 0.5), layout="constrained")
    axes: list[Axes] = list(picture.subplots(len(places), 2, squeeze=False).ravel())
    for number, (problem, noise) in enumerate(places):
        part = frame[(frame["problem"] == problem) & (frame["noise"] == noise)]
        where = f"{problem}, {noise}" if noises > 1 else problem
        for panel, suffix, title in zip(axes[2 * number :], ("", "@scaled"), ("as it is", "scaled"), strict=False):
            panel.plot([0, 1], [0, 1], color="#888888", linewidth=0.8, linestyle=":")
            for method in part["method"].unique():
                own, colour = part[part["method"] == method], drawing.palette[method]
                mean, share = (_bins(own, f"{what}{suffix}") for what in ("confidence", "right"))
                panel.plot(mean, share, color=colour, linewidth=1.1, marker="o", markersize=2.5, label=method)
            panel.set_title(f"{where}, {title}")
            panel.set_xlabel("probability given")
            panel.set_aspect("equal")
            panel.grid(color="#dddddd", linewidth=0.5)
    for panel in axes[::2]:
        panel.set_ylabel("observed frequency")
    below(picture, 4)
    return picture


def _bins(own: "pandas.DataFrame", metric: str) -> NDArray[np.float64]:
    """The mean over runs in each bin, each run by how many it had there; NaN where there was none."""
    part = own[(own["metric"] == metric) & own["value"].notna()]
    found = np.full(BINS, np.nan)
    for number in range(BINS):
        rows = part[part["class"] == f"bin {number + 1}"]
        if len(rows):
            found[number] = np.average(rows["value"].astype(float), weights=rows["n"])
    return found
