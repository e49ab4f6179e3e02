"""A second, better label set: scores, intervals, differences, and what was memorised are judged by it, too."""

import csv

import numpy as np
import pytest
from conftest import TINY, command

from roskdbench.data.problem import Labels
from roskdbench.measures.scores import Scores
from roskdbench.measuring import tested as parts
from roskdbench.measuring.predictions import Predictions
from roskdbench.report.tables.differences import comparison_table
from roskdbench.results import find_run
from roskdbench.statistics.bootstrap import draws_of
from roskdbench.store import Store


def predicted(better, task="single-label", samples=90):
    random = np.random.default_rng(0)
    shape = (samples,) if task == "single-label" else (samples, 3)

    def part():
        targets = random.integers(0, 3 if task == "single-label" else 2, shape)
        logits = random.normal(size=(samples, 3)).astype(np.float32)
        return targets if task == "single-label" else targets.astype(np.uint8), logits

    (first, one), (second, two) = part(), part()
    groups = random.integers(0, 30, samples)
    validation = Labels(task, ("a", "b", "c"), first, groups)
    test = Labels(task, ("a", "b", "c"), second, groups, corrected=better(second))
    return Predictions(parts.Tested(task, ("a", "b", "c"), validation, test), {"validation": one, "test": two})


def test_draws_against_better_labels_are_those_of_the_samples_that_have_such():
    def better(targets):
        found = (targets + 1) % 3
        found[:40] = -1
        return found

    predictions = predicted(better)
    drawn = Scores().draws(predictions, 5)
    own = predictions.tested.test
    listed = Labels("single-label", own.classes, (own.targets[40:] + 1) % 3, own.groups[40:])
    tested = parts.Tested("single-label", own.classes, predictions.tested.validation, listed)
    logits = {**predictions.logits, "test": predictions.logits["test"][40:]}
    wanted = draws_of(Predictions(tested, logits), 5)
    for metric in ("f1-macro", "auc-macro", "accuracy"):
        assert np.array_equal(drawn[f"{metric}@corrected"], wanted[metric])
        assert not np.array_equal(drawn[f"{metric}@corrected"], drawn[metric])


def test_a_finding_of_which_the_better_labels_say_nothing_is_in_no_mean():
    def better(targets):
        found = targets.astype(np.int8)
        found[::2, 0] = 1 - found[::2, 0]
        found[:, 2] = -1
        return found

    predictions = predicted(better, "multi-label")
    found = {(row.metric, row.label): row.value for row in predictions.corrected()}
    assert found["f1-macro@half", ""] == pytest.approx(np.mean([found["f1@half", label] for label in "ab"]))
    drawn = Scores().draws(predictions, 1)["f1-macro@half@corrected"]
    assert drawn.mean() == pytest.approx(found["f1-macro@half", ""], abs=0.05)  # a third class at 0 would take a third


@pytest.fixture(scope="module")
def corrected(tmp_path_factory):
    """Drawn lesions of which experts took every fourth label for another."""
    folder = tmp_path_factory.mktemp("corrected")
    assert command("data", "generate", "isic2019", "skin", "--patients", "60", cwd=folder).returncode == 0
    with (folder / "skin" / "ISIC_2019_Training_GroundTruth.csv").open(newline="") as file:
        header, *rows = list(csv.reader(file))
    for row in rows[::4]:
        marks = row[1:9]
        row[1:9] = marks[-1:] + marks[:-1]
    with (folder / "better.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    data = "{dataset: isic2019, root: skin, size: 28, corrected: better.csv}"
    suite = TINY.replace("{dataset: phantom-lesion, size: 28, samples: 128}", data).replace(
        "    noise: [own]", "    measures: [memorisation]\n    reference: baseline-i"
    )
    (folder / "better.yaml").write_text(suite.replace("epochs: 4", "epochs: 2").replace("[3]", "[1]"))
    done = command("run", "better.yaml", "--store", "store", cwd=folder)
    assert done.returncode == 0, done.stderr
    store = Store(folder / "store")
    return store, find_run(None, store, (), ())


def test_differences_are_judged_against_both_label_sets(corrected):
    _, results = corrected
    table = comparison_table(results, "main")
    heads = [(column.under, column.heading) for column in table.columns]
    assert heads == [("", "Δ F1"), ("", "Δ AUC"), ("corrected labels", "Δ F1"), ("corrected labels", "Δ AUC")]
    frame = results.frame[(results.frame["metric"] == "f1-macro") & (results.frame["measure"] == "scores")]
    for labels, place in (("data", 0), ("corrected", 2)):
        own = frame[frame["labels"] == labels].set_index("method")["value"]
        for (method,), cells in table.rows:
            assert cells[place].value == pytest.approx(own[method] - own["Baseline I"])
            assert cells[place].low <= cells[place].value <= cells[place].high


def test_labels_that_experts_changed_are_those_that_can_be_memorised(corrected):
    store, results = corrected
    made, cell = results.plan, results.plan.cells[0]
    labels = store.open(made.jobs[cell.scores].inputs["pixels"]).arrays("labels.npz")
    train = store.open(made.jobs[cell.scores].inputs["split"]).arrays("split.npz")["train"]
    wrong = labels["targets"][train] != labels["corrected"][train]
    assert 0 < wrong.sum() < len(train)
    frame = results.frame[(results.frame["measure"] == "memorisation") & (results.frame["class"] == "")]
    own = frame[frame["subject"] == "student"]
    assert set(own["n"]) == {int(wrong.sum())}
    assert own["value"].between(0, 1).all()
