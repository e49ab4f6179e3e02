"""What others have printed for a dataset stands in tables of those who train on it with clean labels, only there."""

from dataclasses import replace
from pathlib import Path

import pytest

from roskdbench.board.content import read_board
from roskdbench.datasets.medmnist import PneumoniaMnist
from roskdbench.report.layout import layout_of
from roskdbench.report.table import Estimate
from roskdbench.report.tables.published import published_rows
from roskdbench.report.tables.scores import score_table

BOARDS = Path(__file__).parent.parent / "leaderboards"
ROW = "ResNet-18 (Yang et al. 2023), as printed"


@pytest.fixture(scope="module")
def pneumonia():
    return read_board(BOARDS / "pneumonia").results()


def test_a_published_result_stands_under_the_metrics_it_has_and_is_told_from_ours(pneumonia):
    table = score_table(pneumonia, "table1")
    (values,) = [values for labels, values in table.rows if labels == [ROW, "none"]]
    there = {(column.metric, column.under): value for column, value in zip(table.columns, values, strict=True) if value}
    assert there == {("auc", ""): Estimate(0.944, None, 1)}
    (note,) = [note for note in table.notes if note.startswith("ResNet-18")]
    assert "5,856" in note
    assert f"{pneumonia.plan.located['pneumonia'].content.samples:,}" in note


def test_without_clean_labels_or_a_metric_of_its_own_there_is_no_row(pneumonia):
    layout = layout_of(pneumonia, "table1")
    table = score_table(pneumonia, "table1")
    condition = layout_of(pneumonia, "table1").conditions
    shown = [(column, next(each for _, each in condition if each.measure == "scores")) for column in table.columns]
    assert published_rows(layout, [pair for pair in shown if pair[0].metric == "f1"], 0) == []
    cells, layout.cells = layout.cells, [cell for cell in layout.cells if cell.noise != "none"]
    assert published_rows(layout, shown, 0) == []
    layout.cells = cells


def test_it_stands_beside_images_of_its_own_size_whatever_file_they_are_from(pneumonia, monkeypatch):
    spec = pneumonia.plan.suite.problems["pneumonia"].model_copy(update={"size": None})
    located = pneumonia.plan.located["pneumonia"]

    def rows(size):
        content = replace(located.content, size=size)
        suite = pneumonia.plan.suite.model_copy(update={"problems": {"pneumonia": spec}})
        planned = replace(pneumonia.plan, suite=suite, located={"pneumonia": replace(located, content=content)})
        table = score_table(replace(pneumonia, plan=planned), "table1")
        return [labels[0] for labels, _ in table.rows if labels[0] == ROW], " ".join(table.notes)

    assert rows(28)[0] == [ROW] and "of 28 px" in rows(28)[1]
    assert rows(64)[0] == [] and "of 64 px" in rows(64)[1]
    assert rows(0)[0] == [ROW] and " px" not in rows(0)[1]  # a record from before does not say


@pytest.mark.parametrize(
    "settings", [{"size": 64}, {"split": "ours"}, {"size": 64, "split": "ours"}], ids=["size", "parts", "both"]
)
def test_it_holds_for_the_size_and_the_parts_it_was_printed_for(settings):
    assert PneumoniaMnist.model_validate({}).published
    assert PneumoniaMnist.model_validate({"size": 28}).published
    assert not PneumoniaMnist.model_validate(settings).published
