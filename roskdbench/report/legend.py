"""A legend under the panels of a figure."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def below(figure: Figure, panel: Axes, most: int, note: str | None = None) -> None:
    """Tell what the lines of a panel are, in as many columns up to `most` as fit into the figure's width, under a note
    on what else is drawn.
    """
    handles, labels = panel.get_legend_handles_labels()
    for columns in range(most, 0, -1):
        legend = figure.legend(
            handles, labels, loc="outside lower center", ncols=columns, fontsize=7, title=note, title_fontsize=7
        )
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()
