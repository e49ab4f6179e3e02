"""Decision curves: what models are worth to who acts from a probability on, against acting always and never."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from roskdbench.measures.decision_curve import MODEL, PREVALENCE, DecisionCurve, at
from roskdbench.measuring.decision_curve import CURVE
from roskdbench.report.figures.drawing import Drawing, figure
from roskdbench.report.figures.intervals import means_over
from roskdbench.report.legend import below

if TYPE_CHECKING:
    import pandas

WIDTH, HEIGHT = 1.75, 1.55  # inches a panel
ACROSS = 5  # panels
ROOM = 0.15  # under zero and over the highest curve, of its height
GREY = "#666666"


@figure("decision-curve", caption="net benefit over the probability from which one acts", order=56)
def decision_curves(drawing: Drawing) -> Figure | None:
    """Net benefit over threshold probability: of each problem a panel for the mean over classes, and for each class."""
    layout, blocks = drawing.layout, []
    for name, measure in drawing.measures(DecisionCurve).items():
        frame = layout.numbers_of(name)
        for problem in frame["problem"].unique():
            part = frame[frame["problem"] == problem]
            blocks.append((problem, part, measure.scaled, ["", *(each for each in part["class"].unique() if each)]))
    if not blocks:
        return None
    across = min(ACROSS, max(len(classes) for *_, classes in blocks))
    lines = sum(-(-len(classes) // across) for *_, classes in blocks)
    picture = Figure(figsize=(WIDTH * across + 0.5, HEIGHT * lines + 0.6), layout="constrained")
    axes: list[Axes] = list(picture.subplots(lines, across, squeeze=False).ravel())
    place = 0
    for problem, part, scaled, classes in blocks:
        for number, label in enumerate(classes):
            panel = axes[place + number]
            _draw(panel, part[part["class"] == label], scaled, drawing.palette)
            name = label or f"{problem}, {'scaled, ' * scaled}mean"
            panel.set_title(name, fontsize=7.5, weight="normal" if label else "bold")
            if number % across == 0:
                panel.set_ylabel("net benefit", fontsize=7)
            if number + across >= len(classes):
                panel.set_xlabel("threshold probability", fontsize=7)
        end = place + across * -(-len(classes) // across)
        for panel in axes[place + len(classes) : end]:
            panel.axis("off")
        place = end
    below(picture, 4, means_over(drawing.layout.labels))
    return picture


def _draw(panel: Axes, part: "pandas.DataFrame", scaled: bool, palette: dict[str, str]) -> None:
    """The curves of one panel. The axis shows what is above zero, where all that matters is."""
    odds = np.array(CURVE) / (1 - np.array(CURVE))
    prevalence = float(part[part["metric"] == PREVALENCE]["value"].mean())
    panel.plot(CURVE, prevalence - (1 - prevalence) * odds, color=GREY, linewidth=0.9, linestyle="--", label="all")
    panel.axhline(0, color=GREY, linewidth=0.9, linestyle=":", label="nobody")
    for method in part["method"].unique():
        means = part[part["method"] == method].groupby("metric")["value"].mean()  # over runs and rows
        curve = [means.get(at(MODEL, each, scaled), np.nan) for each in CURVE]
        panel.plot(CURVE, curve, color=palette[method], linewidth=1.1, label=method)
    panel.set_xlim(0, CURVE[-1])
    if prevalence > 0:
        panel.set_ylim(-ROOM * prevalence, (1 + ROOM) * prevalence)
    panel.grid(color="#dddddd", linewidth=0.5)
    panel.tick_params(labelsize=6)
