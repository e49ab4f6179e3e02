"""Figures say what their bars are, draw no interval that says nothing, and have a version for dark pages."""

import math

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure

from roskdbench.report.figures.comparison import comparison
from roskdbench.report.figures.dark import GROUND, INK, darken
from roskdbench.report.figures.drawing import Drawing, _save, drawing_style, on_dark
from roskdbench.report.figures.intervals import drawn
from roskdbench.report.tables.scores import score_table
from roskdbench.results import collect


@pytest.mark.parametrize(
    ("between", "wanted"),
    [
        ((0.2, 0.4), (0.2, 0.4)),
        ((0.0, 0.9), (0.0, 0.9)),
        ((0.0, 1.0), None),
        ((0.0004, 0.9996), None),
        (None, None),
        ((None, None), None),
    ],
)
def test_an_interval_of_all_there_is_is_not_drawn(between, wanted):
    found = drawn(between)
    assert found == wanted if wanted else all(math.isnan(end) for end in found)


def test_bars_of_f1_are_the_intervals_of_the_table(smoke):
    made, store, _ = smoke
    results = collect(made, store)
    table = score_table(results, "table1")
    picture = comparison(Drawing(results, store, "table1"))
    assert picture.get_supxlabel() == "F1 (macro); bars: 95 % intervals"
    for panel in picture.axes:
        (column,) = (
            number
            for number, each in enumerate(table.columns)
            if (each.problem, each.metric) == (panel.get_title(), "f1")
        )
        bars = [each.get_segments()[0] for each in panel.collections if isinstance(each, LineCollection)]
        cells = [cells[column] for _, cells in table.rows]
        assert [(bar[0][0], bar[1][0]) for bar in bars] == [(cell.low, cell.high) for cell in cells]


def test_on_a_dark_page_greys_turn_and_colours_and_images_stay():
    with drawing_style():
        picture = Figure()
        panel = picture.subplots()
        black, orange = panel.plot([0, 1], [0, 1], "o-", color="black") + panel.plot([1, 0], color="#E69F00")
        image = panel.imshow(np.full((2, 2), 0.3), cmap="gray", vmin=0, vmax=1)
        before = image.to_rgba(image.get_array()).tolist()
        darken(picture)
    assert to_rgba(picture.get_facecolor()) == to_rgba(panel.get_facecolor()) == pytest.approx(GROUND)
    for colour in (black.get_color(), black.get_markerfacecolor(), black.get_markeredgecolor()):
        assert to_rgba(colour) == pytest.approx(INK)
    assert to_hex(orange.get_color()) == "#e69f00"
    assert to_rgba(panel.xaxis.label.get_color()) == pytest.approx(INK)
    assert image.to_rgba(image.get_array()).tolist() == before


def test_a_figure_has_a_version_for_dark_pages(smoke, tmp_path):
    from PIL import Image

    made, store, _ = smoke
    with drawing_style():
        path = _save(comparison(Drawing(collect(made, store), store, "table1")), tmp_path / "f1", dark=True)
    with Image.open(path) as light, Image.open(path.with_name(on_dark(path.name))) as dark:
        assert light.size == dark.size
        assert light.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
        assert dark.convert("RGB").getpixel((1, 1)) == tuple(round(255 * part) for part in GROUND[:3])
