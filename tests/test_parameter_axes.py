"""A parameter as an axis is the rows one would have written out, and a figure and claims over them."""

import numpy as np
import pytest
from conftest import TINY, command, run_inline

from roskdbench.board.adding import board_of
from roskdbench.board.content import read_board, write_board
from roskdbench.board.readme import page
from roskdbench.board.verifying import verify
from roskdbench.plan import plan
from roskdbench.plan.claims import placed
from roskdbench.plugins import bundled_registry
from roskdbench.report.figures.along_parameter import by_parameter
from roskdbench.report.figures.drawing import Drawing
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.suite.parameter_axes import spread_out

WRITTEN_OUT = """[
  {method: ros-kd, title: "RoS-KD, temperature 0.5, alpha 0.9", temperature: 0.5, alpha: 0.9},
  {method: ros-kd, title: "RoS-KD, temperature 0.5, alpha 0.5", temperature: 0.5, alpha: 0.5},
  {method: ros-kd, title: "RoS-KD, temperature 2, alpha 0.9", temperature: 2, alpha: 0.9},
  {method: ros-kd, title: "RoS-KD, temperature 2, alpha 0.5", temperature: 2, alpha: 0.5}]"""
AXES = "[{method: ros-kd, temperature: {axis: [0.5, 2]}, alpha: {axis: [0.9, 0.5]}}]"


def planned(tmp_path, methods, claims=""):
    (tmp_path / "suite.yaml").write_text(TINY.replace("[baseline-i, baseline-v, ros-kd]", methods) + claims)
    return plan(read_suite(tmp_path / "suite.yaml"), bundled_registry())


def test_axes_are_the_rows_that_one_would_have_written_out(tmp_path):
    spread, written = planned(tmp_path, AXES), planned(tmp_path, WRITTEN_OUT)
    assert spread.jobs.keys() == written.jobs.keys()
    ours, theirs = ([(cell.method, cell.scores) for cell in each.cells] for each in (spread, written))
    assert ours == theirs
    assert spread.cells[3].points == (("temperature", 2), ("alpha", 0.5))


def test_an_axis_inside_a_part_and_one_of_labelled_parts(tmp_path):
    inside = planned(tmp_path, "[{method: baseline-v, weighting: {kind: dirichlet, concentration: {axis: [0.1, 10]}}}]")
    assert [cell.method for cell in inside.cells] == [
        "Baseline V, concentration 0.1",
        "Baseline V, concentration 10",
    ]
    parts = "[{method: baseline-v, weighting: {axis: {even: {kind: equal}, odd: {kind: one-hot}}}}]"
    labelled = planned(tmp_path, parts)
    assert [cell.method for cell in labelled.cells] == ["Baseline V, weighting even", "Baseline V, weighting odd"]
    again = type(labelled.suite).model_validate(labelled.suite.model_dump(mode="json"))
    assert again == labelled.suite


@pytest.mark.parametrize(
    ("axis", "said"),
    [
        ("2", "an axis is a list of points"),
        ("[2]", "two different points at least"),
        ("[2, 2]", "two different points at least"),
        ("[{kind: equal}, {kind: one-hot}]", "points that are mappings need labels"),
        ("[0.5, warm]", "temperature"),
    ],
)
def test_what_is_no_axis_is_one_line(tmp_path, axis, said):
    methods = f"[{{method: ros-kd, temperature: {{axis: {axis}}}}}]"
    (tmp_path / "suite.yaml").write_text(TINY.replace("[baseline-i, baseline-v, ros-kd]", methods))
    done = command("plan", tmp_path / "suite.yaml", "--store", tmp_path / "store")
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_methods_without_axes_are_left_as_they_are():
    assert spread_out(["ros-kd", {"method": "gce", "q": 0.5}]) == ["ros-kd", {"method": "gce", "q": 0.5}]


def test_claims_go_along_an_axis_at_each_point_of_the_others(tmp_path):
    claims = "claims:\n  hot: f1 of ros-kd at temperature 2 > at .5\n"
    found = placed(planned(tmp_path, AXES, claims))
    assert [(each.left[0], [right[0] for right in each.rights], each.where) for each in found] == [
        (f"RoS-KD, temperature 2, alpha {alpha}", [f"RoS-KD, temperature 0.5, alpha {alpha}"], f"lesion, alpha {alpha}")
        for alpha in ("0.9", "0.5")
    ]
    path = tmp_path / "suite.yaml"
    path.write_text(path.read_text().replace("at .5", "at 3"))
    done = command("plan", path, "--store", tmp_path / "store")
    assert "has no temperature 3" in done.stderr


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    """One training, read at its last and at its averaged weights as points of an axis, and a row beside."""
    folder = tmp_path_factory.mktemp("averaged")
    readings = "{axis: {last: {kind: last-weights}, averaged: {kind: running-mean}}}"
    methods = f"[{{method: baseline-i, averaging: {readings}}}, swa]"
    (folder / "suite.yaml").write_text(
        TINY.replace("[baseline-i, baseline-v, ros-kd]", methods) + "    seeds: [0, 1, 2]\n"
    )
    results = run_inline(folder / "suite.yaml", folder)
    assert results.gaps == []
    return folder, results


def test_the_figure_has_a_line_along_the_axis_and_a_level_for_other_rows(averaged):
    folder, results = averaged
    picture = by_parameter(Drawing(results, Store(folder / "store"), "main"))
    (panel,) = picture.axes
    line, level = panel.get_lines()
    frame = results.frame
    frame = frame[(frame["metric"] == "f1-macro") & (frame["class"] == "") & (frame["measure"] == "scores")]
    means = frame.groupby("method")["value"].mean()
    assert line.get_ydata() == pytest.approx(
        [means["Baseline I, averaging last"], means["Baseline I, averaging averaged"]]
    )
    assert [each.get_text() for each in panel.get_xticklabels()] == ["last", "averaged"]
    swa = next(title for title in means.index if not title.startswith("Baseline I"))
    assert np.asarray(level.get_ydata()) == pytest.approx([means[swa]] * 2)
    assert line.get_label() == "Baseline I"


def test_a_board_keeps_where_rows_stand(averaged, tmp_path):
    folder, results = averaged
    board = board_of(results, Store(folder / "store"), "tester", bundled_registry())
    write_board(board, tmp_path, page(board, tmp_path))
    again = read_board(tmp_path)
    assert again.cells == list(results.plan.cells)
    assert verify(again, bundled_registry()).objections == []
