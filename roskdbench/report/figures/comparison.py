"""F1 of every row."""

from matplotlib.figure import Figure

from roskdbench.report.figures.drawing import COLUMN, Drawing, figure
from roskdbench.report.figures.intervals import BARS, drawn
from roskdbench.report.table import Estimate
from roskdbench.report.tables.scores import score_table


@figure("f1", caption="F1 of every row", order=10)
def comparison(drawing: Drawing) -> Figure | None:
    """F1 of every row: the mean, and where it lies with 95 %."""
    results, experiment = drawing.results, drawing.experiment
    if drawing.layout.frame.empty:
        return None
    table = score_table(results, experiment)
    problems = drawing.layout.problems
    palette = drawing.palette
    picture = Figure(figsize=(COLUMN * len(problems), 0.6 + 0.26 * len(table.rows)), layout="constrained")
    panels = picture.subplots(1, len(problems), sharey=True, squeeze=False)[0]
    names = [" / ".join(labels) for labels, _ in table.rows]
    for panel, problem in zip(panels, problems, strict=True):
        c = next((i for i, each in enumerate(table.columns) if (each.problem, each.metric) == (problem, "f1")), None)
        if c is None:
            return None
        for row, (labels, cells) in enumerate(table.rows):
            cell = cells[c]
            if isinstance(cell, Estimate):
                colour = palette[labels[0]]
                panel.hlines(row, *drawn((cell.low, cell.high)), color=colour, linewidth=1.2)
                panel.plot(cell.mean, row, "o", color=colour, markersize=4)
            elif cell is not None:
                panel.text(0, row, cell, va="center", color="#a00000", transform=panel.get_yaxis_transform())
        panel.set_yticks(range(len(names)), names)
        panel.grid(axis="x", color="#dddddd", linewidth=0.5)
        panel.set_axisbelow(True)
        panel.set_title(problem)
    panels[0].invert_yaxis()  # shared by all panels
    picture.supxlabel(f"F1 ({results.plan.suite.protocol.average}); {BARS}", fontsize=8)
    return picture
