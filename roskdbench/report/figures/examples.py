"""A grid of a problem's images."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from roskdbench.data.problem import Problem

EXAMPLES = 6  # images of a class


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
