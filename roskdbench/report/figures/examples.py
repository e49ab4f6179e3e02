"""A grid of a problem's images."""

import numpy as np
from matplotlib.figure import Figure

from roskdbench.data.problem import Problem

EXAMPLES = 6  # images of a class
GAP = 0.1  # between images, each 1 wide
CELL = 0.85  # inches


def examples(problem: Problem, name: str) -> Figure:
    """A grid with a column of images for each class."""
    classes = problem.labels.classes
    figure = Figure(figsize=(len(classes) * CELL, EXAMPLES * CELL + 0.35), layout="constrained")
    panel = figure.subplots()
    alone = problem.labels.indicators.sum(1) == 1
    for c, label in enumerate(classes):
        has = problem.labels.indicators[:, c] == 1
        members = np.flatnonzero(has & alone) if (has & alone).any() else np.flatnonzero(has)
        panel.text(c + 0.5 - GAP / 2, -GAP, label, fontsize=7, ha="center", va="bottom")
        for r in range(min(EXAMPLES, len(members))):
            image = problem.images[members[r * len(members) // EXAMPLES if len(members) > EXAMPLES else r]]
            shown = image[0] if image.shape[0] == 1 else np.moveaxis(image, 0, -1)
            panel.imshow(shown, cmap="gray", vmin=0, vmax=255, extent=(c, c + 1 - GAP, r + 1 - GAP, r))
    panel.set_xlim(0, len(classes) - GAP)
    panel.set_ylim(EXAMPLES - GAP, 0)
    panel.axis("off")
    figure.suptitle(name, fontsize=9)
    return figure
