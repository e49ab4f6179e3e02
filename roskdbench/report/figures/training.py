"""How training went, epoch by epoch: loss, score on validation, and what the teachers counted. Of several noises, seeds
and folds the first is shown, and named.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from roskdbench.history import History, history_in
from roskdbench.plan import Cell
from roskdbench.report.figures.drawing import Drawing, figure
from roskdbench.report.legend import below

WIDTH = 3.4  # inches a panel
DEVIATION = "shaded: one standard deviation over the steps of an epoch"
DASHES = (6, 6)  # points of a colour and of the other
TEACHERS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7A5230", "#56B4E9", "#E69F00", "#000000")


@figure("training", caption="training loss, and AUC on validation", on_method_pages=True, order=40)
def curves(drawing: Drawing) -> Figure | None:
    """Training loss above, mean AUC on validation below; methods that share a training share a line of both colours."""
    found, palette = _histories(drawing), drawing.palette
    if not found:
        return None
    picture = Figure(figsize=(WIDTH * len(found), 4.4), layout="constrained")
    losses, scores = picture.subplots(2, len(found), squeeze=False, sharex="col")
    for upper, lower, (problem, trainings) in zip(losses, scores, found.items(), strict=True):
        for titles, history in trainings:
            look: dict[str, Any] = {"color": palette[titles[0]], "label": " = ".join(titles), "linewidth": 1.2}
            if len(titles) > 1:
                look |= {"linestyle": (0, DASHES), "gapcolor": palette[titles[-1]]}  # of both
            epochs = range(1, len(history["loss"]) + 1)
            upper.plot(epochs, history["loss"], **look)
            lower.plot(epochs, [float("nan") if score is None else score for score in history["validation"]], **look)
        upper.set_title(problem)
        upper.set_yscale("log")  # with and without soft labels, losses are of different size
        upper.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        upper.yaxis.set_major_formatter("{x:g}")
        upper.yaxis.set_minor_formatter(NullFormatter())
        lower.set_xlabel("epoch")
        lower.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        for panel in (upper, lower):
            panel.grid(color="#dddddd", linewidth=0.5)
    losses[0].set_ylabel("training loss")
    scores[0].set_ylabel("AUC on validation, mean")
    below(picture, 3)
    return picture


@figure(
    "weights",
    caption="what the teachers counted: mean and standard deviation over the steps of an epoch",
    on_method_pages=True,
    order=41,
)
def weights(drawing: Drawing) -> Figure | None:
    """What each teacher counted in each epoch, a panel a problem and training: the mean over steps, and one standard
    deviation over steps around it.
    """
    found = {
        problem: [(titles, history) for titles, history in trainings if _varies(history)]
        for problem, trainings in _histories(drawing).items()
    }
    rows = {problem: trainings for problem, trainings in found.items() if trainings}
    if not rows:
        return None
    most = max(len(trainings) for trainings in rows.values())
    picture = Figure(figsize=(max(WIDTH, 2.3 * most), 1.9 * len(rows) + 0.5), layout="constrained")
    panels = picture.subplots(len(rows), most, squeeze=False, sharex=True, sharey=True)
    for line, (problem, trainings) in zip(panels, rows.items(), strict=True):
        for panel, training in zip_longest(line, trainings):
            if training is None:
                panel.axis("off")
            else:
                _draw(panel, training[1])
                panel.set_title(f"{problem}: {' = '.join(training[0])}", fontsize=7)
        line[0].set_ylabel("weight of a teacher")
    below(picture, 5, DEVIATION)
    return picture


def _draw(panel: Axes, history: History) -> None:
    epochs = range(1, len(history["weights"]) + 1)
    for number, (means, spreads) in enumerate(
        zip(zip(*history["weights"], strict=True), zip(*history["deviation"], strict=True), strict=True)
    ):
        colour = TEACHERS[number % len(TEACHERS)]
        low, high = ([max(m + sign * s, min(m, 0.0)) for m, s in zip(means, spreads, strict=True)] for sign in (-1, 1))
        panel.plot(epochs, means, color=colour, linewidth=1.2, label=f"teacher {number + 1}")
        panel.fill_between(epochs, low, high, color=colour, alpha=0.12, linewidth=0)
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.label_outer()
    panel.grid(color="#dddddd", linewidth=0.5)


def _varies(history: History) -> bool:
    """Whether the teachers' weights were ever others than they began with."""
    given = history.get("weights", [])
    return bool(given) and (any(each != given[0] for each in given) or any(map(any, history["deviation"])))


def _histories(drawing: Drawing) -> dict[str, list[tuple[list[str], History]]]:
    """For each problem, and the run that is shown of it, its trainings, with the titles of the methods that read
    something off each.
    """
    store = drawing.store
    found: dict[str, dict[str, list[str]]] = {}
    seen = set[tuple[str, str]]()
    for cell, training in _trainings(drawing):
        if (cell.problem, cell.method) not in seen and training in store and not store.diverged(training):
            seen.add((cell.problem, cell.method))
            found.setdefault(_run(drawing, cell), {}).setdefault(training, []).append(cell.method)
    return {
        problem: [(titles, store.read(training, "history.json", history_in)) for training, titles in trainings.items()]
        for problem, trainings in found.items()
    }


def _run(drawing: Drawing, cell: Cell) -> str:
    """The problem, and which of its runs, where there are several."""
    cells = drawing.layout.cells
    several = [axis for axis in ("noise", "seed", "fold") if len({getattr(each, axis) for each in cells}) > 1]
    said = {"noise": cell.noise, "seed": f"seed {cell.seed}", "fold": f"fold {cell.fold + 1}"}
    return ", ".join([cell.problem, *(said[axis] for axis in several)])


def _trainings(drawing: Drawing) -> Iterator[tuple[Cell, str]]:
    for cell in drawing.layout.cells:
        model = drawing.results.plan.model(cell)
        if model is not None and model.kind == "trajectory":
            yield cell, model.fingerprint
