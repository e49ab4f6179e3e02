"""F1 of every row."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from roskdbench.report.figures.drawing import Drawing, figure
from roskdbench.report.figures.intervals import BARS, drawn
from roskdbench.report.table import Estimate
from roskdbench.report.tables.scores import score_table

LETTER, PANEL = 0.062, 1.9
"""Inches that a letter of a row's name, and a panel, take."""


@figure("f1", caption="F1 of every row", order=10)
def comparison(drawing: Drawing) -> Figure | None:
    """F1 of every row: the mean, and where it lies with 95 %."""
    results, experiment = drawing.results, drawing.experiment
    if drawing.layout.frame.empty:
        return None
    table = score_table(results, experiment)
    problems = drawing.layout.problems
    palette = drawing.palette
    place = {each.problem: c for c, each in enumerate(table.columns) if each.metric == "f1" and not each.under}
    if place.keys() != set(problems):
        return None
    rows = [row for row in table.rows if any(row[1][c] is not None for c in place.values())]
    if not rows:
        return None
    names = [" / ".join(labels) for labels, _ in rows]
    width = LETTER * max(map(len, names)) + PANEL * len(problems)
    picture = Figure(figsize=(width, 0.6 + 0.24 * len(rows)), layout="constrained")
    panels = picture.subplots(1, len(problems), sharey=True, squeeze=False)[0]
    for panel, problem in zip(panels, problems, strict=True):
        for row, (labels, cells) in enumerate(rows):
            cell = cells[place[problem]]
            if isinstance(cell, Estimate):
                colour = palette[labels[0]]
                panel.hlines(row, *drawn((cell.low, cell.high)), color=colour, linewidth=1.2)
                panel.plot(cell.mean, row, "o", color=colour, markersize=4)
            elif cell is not None:
                panel.text(0, row, cell, va="center", color="#a00000", transform=panel.get_yaxis_transform())
        panel.set_yticks(range(len(names)), names, fontsize=8)
        panel.xaxis.set_major_locator(MaxNLocator(4))
        panel.grid(axis="x", color="#dddddd", linewidth=0.5)
        panel.set_axisbelow(True)
        panel.set_title(problem)
    panels[0].invert_yaxis()  # shared by all panels
    picture.supxlabel(f"F1 ({results.plan.suite.protocol.average}); {BARS}", fontsize=8)
    return picture
