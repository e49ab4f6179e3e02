"""The critical-difference diagram (Demsar 2006): mean ranks, and bars over methods that do not differ."""

import numpy as np
from matplotlib.figure import Figure

from roskdbench.report.figures.drawing import Drawing, figure
from roskdbench.report.tables.differences import ranking
from roskdbench.statistics.ranks import cliques

LINE = 0.2  # inches


@figure("ranks", caption="mean ranks and the critical difference", order=30)
def critical_difference(drawing: Drawing) -> Figure | None:
    """Methods by their mean rank over blocks of problem and noise; None where the blocks are too few."""
    found, palette = ranking(drawing.results, drawing.experiment), drawing.palette
    if found is None:
        return None
    names, (mean, p, critical) = found
    order = np.argsort(mean, kind="stable")
    bars = cliques(mean, critical)
    picture = Figure(figsize=(4.6, 0.9 + LINE * (len(names) + len(bars))), layout="constrained")
    panel = picture.subplots()
    for line, number in enumerate(order):
        panel.plot([mean[number], mean[number]], [0, line + 1], color="#bbbbbb", linewidth=0.8)
        panel.plot(mean[number], line + 1, "o", color=palette[names[number]], markersize=4)
        panel.annotate(f"{names[number]}  {mean[number]:.2f}", (mean[number], line + 1), (6, 0),
                       textcoords="offset points", va="center", fontsize=7)  # fmt: skip
    ranked = mean[order]
    for line, (first, last) in enumerate(bars):
        panel.plot([ranked[first], ranked[last]], [-0.5 - 0.4 * line] * 2, color="black", linewidth=2.2)
    panel.set_xlim(1 - 0.1, len(names) + 0.9)
    panel.set_ylim(len(names) + 0.7, -0.8 - 0.4 * len(bars))
    panel.xaxis.tick_top()
    panel.set_xticks(range(1, len(names) + 1))
    panel.set_yticks([])
    panel.spines["left"].set_visible(False)
    panel.spines["bottom"].set_visible(False)
    panel.spines["top"].set_visible(True)
    panel.set_title(f"mean rank by F1; bars: no difference (CD {critical:.2f}); Friedman p = {p:.2g}", fontsize=7)
    return picture
