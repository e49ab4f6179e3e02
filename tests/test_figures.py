"""Figures say what their bars are, draw no interval that says nothing, and have a version for dark pages."""

import math
from dataclasses import replace

import numpy as np
import pytest
import yaml
from matplotlib.collections import LineCollection
from matplotlib.colors import rgb_to_hsv, to_hex, to_rgb, to_rgba
from matplotlib.figure import Figure

from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.report.figures.along_axis import along_axis
from roskdbench.report.figures.along_parameter import by_parameter
from roskdbench.report.figures.comparison import comparison
from roskdbench.report.figures.dark import GROUND, INK, darken
from roskdbench.report.figures.drawing import Drawing, _save, drawing_style, on_dark
from roskdbench.report.figures.intervals import drawn
from roskdbench.report.figures.training import curves
from roskdbench.report.layout import layout_of
from roskdbench.report.legend import below
from roskdbench.report.tables.differences import _blocks
from roskdbench.report.tables.scores import score_table
from roskdbench.results import COLUMNS, GRID, Gap, Results, collect, grid_key, typed
from roskdbench.session import Session
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.values import Facts


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


def contrast(colour):
    """With the dark ground, as WCAG 2 has it, in numbers that do not come from there."""

    def luminance(shade):
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(shade)]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((luminance(colour), luminance(GROUND)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_on_a_dark_page_greys_turn_and_colours_and_images_stay():
    with drawing_style():
        picture = Figure()
        panel = picture.subplots()
        black, orange = panel.plot([0, 1], [0, 1], "o-", color="black") + panel.plot([1, 0], color="#E69F00")
        (brown,) = panel.plot([1, 1], color="#7A5230")
        image = panel.imshow(np.full((2, 2), 0.3), cmap="gray", vmin=0, vmax=1)
        before = image.to_rgba(image.get_array()).tolist()
        darken(picture)
    assert to_rgba(picture.get_facecolor()) == to_rgba(panel.get_facecolor()) == pytest.approx(GROUND)
    for colour in (black.get_color(), black.get_markerfacecolor(), black.get_markeredgecolor()):
        assert to_rgba(colour) == pytest.approx(INK)
    assert to_hex(orange.get_color()) == "#e69f00"
    assert to_rgba(brown.get_color()) != to_rgba("#7A5230")  # 2.5 times as light as the ground
    assert all(contrast(each.get_color()) >= 4.5 for each in (black, orange, brown))
    hues = [rgb_to_hsv(to_rgb(each))[0] for each in ("#7A5230", brown.get_color())]
    assert hues[0] == pytest.approx(hues[1], abs=0.07)
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


def test_a_training_that_two_methods_read_has_the_colours_of_both(smoke):
    made, store, _ = smoke
    drawing = Drawing(collect(made, store), store, "table1")
    lines = {line.get_label(): line for line in curves(drawing).axes[0].lines}
    shared = lines["Baseline V = RoS-KD"]
    assert (shared.get_color(), shared.get_gapcolor()) == tuple(
        drawing.palette[each] for each in ("Baseline V", "RoS-KD")
    )
    assert shared.is_dashed() and not lines["Baseline I"].is_dashed()


def test_a_figure_over_noises_of_which_nothing_was_run_is_left_out(tiny, tmp_path):
    two = "experiments.main.noise=[none, {kind: symmetric, rate: 0.3}]"
    planned, store = plan(read_suite(tiny, [two]), discover()), Store.at(tmp_path / "store")
    assert along_axis(Drawing(collect(planned, store), store, "main"), "noise") is None


def test_a_figure_without_bars_does_not_speak_of_bars(tiny, tmp_path):
    """Over noises, of two networks together: their mean has no interval. Of one network it has."""
    declared = yaml.safe_load(tiny.read_text())
    declared["protocol"]["epochs"] = 2
    main = declared["experiments"]["main"]
    main |= {"methods": ["baseline-i"], "noise": ["none", "own"]}
    main["students"].append(
        {**main["students"][0], "title": "B", "options": declared["protocol"]["teachers"][1]["options"]}
    )
    tiny.write_text(yaml.safe_dump(declared))
    results, _ = Session(tiny, tmp_path / "store").run()
    notes = []
    for each in (results, only_first_student(results)):
        figure = along_axis(Drawing(each, Store(tmp_path / "store"), "main"), "noise")
        notes.append(figure.legends[0].get_title().get_text())
    assert notes == ["means over runs and students; no intervals", "bars: 95 % intervals"]


def only_first_student(results):
    first = results.plan.cells[0].student
    cells = [cell for cell in results.plan.cells if cell.student == first]
    return replace(
        results,
        plan=replace(results.plan, cells=cells),
        frame=results.frame[results.frame["student"] == first],
    )


def invented(planned, value, lacking=()):
    """Results in which each cell has the F1 that a function gives, and some runs diverged."""
    import pandas

    (name, *_) = layout_of(Results(planned, pandas.DataFrame(columns=list(COLUMNS)), []), "main").source("f1").names
    rows = [
        {
            **dict(zip(GRID, grid_key(cell), strict=True)),
            **{"measure": "scores", "subject": "student", "member": 0},
            **Facts()._asdict(),
            **{"metric": name, "class": "", "value": value(cell), "n": 9, "fingerprint": cell.scores},
        }
        for cell in planned.cells
        if cell not in lacking
    ]
    gaps = [Gap(cell, "diverged", "for the test") for cell in lacking]
    return Results(planned, typed(pandas.DataFrame(rows, columns=list(COLUMNS))), gaps)


def planned_with(tiny, *settings):
    return plan(read_suite(tiny, settings), discover())


MANY = "[" + ", ".join(f"{{method: ros-kd, alpha: .{number + 10}, title: M{number}}}" for number in range(40)) + "]"
TWO_NOISES = "experiments.main.noise=[none, {kind: symmetric, rate: 0.3}]"


def test_points_of_many_methods_stay_by_their_tick(tiny, tmp_path):
    planned = planned_with(tiny, TWO_NOISES, f"experiments.main.methods={MANY}")
    results = invented(planned, lambda cell: 0.5 + 0.2 * (cell.noise == "none"))
    (panel,) = along_axis(Drawing(results, Store.at(tmp_path / "store"), "main"), "noise").axes
    for line in panel.lines:
        for place, mean in zip(*line.get_data(), strict=True):
            tick = panel.get_xticklabels()[round(place)].get_text()
            assert abs(place - round(place)) < 0.5 and mean == pytest.approx(0.7 if tick == "none" else 0.5)


def test_a_method_of_which_a_run_diverged_has_no_point_and_no_rank(tiny, tmp_path):
    three = "[none, {kind: symmetric, rate: 0.2}, {kind: symmetric, rate: 0.3}]"
    planned = planned_with(tiny, f"experiments.main.noise={three}", "experiments.main.seeds=[0, 1]")
    lacking = [cell for cell in planned.cells if (cell.method, cell.seed, cell.noise) == ("RoS-KD", 1, "symmetric 0.3")]
    results = invented(planned, lambda cell: 0.4, lacking)
    (panel,) = along_axis(Drawing(results, Store.at(tmp_path / "store"), "main"), "noise").axes
    assert {line.get_label(): len(line.get_xdata()) for line in panel.lines} == {
        "Baseline I": 3,
        "Baseline V": 3,
        "RoS-KD": 2,
    }
    assert list(_blocks(layout_of(results, "main")).index) == [("lesion", "none"), ("lesion", "symmetric 0.2")]


@pytest.mark.parametrize("noises", [False, True])
def test_a_band_along_a_parameter_is_of_what_is_drawn(tiny, tmp_path, noises):
    """Over noises together there is none: each cell has draws of its own."""
    methods = "experiments.main.methods=[{method: ros-kd, temperature: {axis: [0.5, 2]}}]"
    planned = planned_with(tiny, methods, *([TWO_NOISES] if noises else []))
    results = replace(
        invented(planned, lambda cell: 0.8 if cell.noise == "none" else 0.4),
        drawn=lambda fingerprint: dict.fromkeys(
            layout_of(invented(planned, lambda cell: 0.5), "main").source("f1").names, np.linspace(0.38, 0.42, 50)
        ),
    )
    figure = by_parameter(Drawing(results, Store.at(tmp_path / "store"), "main"))
    note = figure.legends[0].get_title().get_text()
    assert note == ("means over runs and noises; no intervals" if noises else "shaded: 95 % intervals")
    bands = [path.vertices[:, 1] for each in figure.axes[0].collections for path in each.get_paths()]
    assert any(np.isfinite(band).any() for band in bands) != noises


def test_a_legend_tells_of_the_lines_of_all_panels():
    picture = Figure()
    first, second = picture.subplots(1, 2)
    first.plot([0, 1], label="A")
    second.plot([0, 1], label="A")
    second.plot([1, 0], label="B")
    below(picture, 4)
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["A", "B"]
