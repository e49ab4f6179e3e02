"""A legend under the panels of a figure."""

from typing import Any

from matplotlib.figure import Figure


def below(figure: Figure, most: int, note: str | None = None) -> None:
    """Tell what the lines of all panels are, in as many columns up to `most` as fit into the figure's width, under a
    note on what else is drawn.
    """
    told: dict[str, Any] = {}
    for panel in figure.axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            told.setdefault(label, handle)
    handles, labels = list(told.values()), list(told)
    for columns in range(most, 0, -1):
        legend = figure.legend(
            handles, labels, loc="outside lower center", ncols=columns, fontsize=7, title=note, title_fontsize=7
        )
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()
