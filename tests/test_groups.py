"""Groups of test samples: their scores, the worst of them and the gaps, against scikit-learn and plain counts."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import TINY, command
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, cohen_kappa_score, f1_score, recall_score, roc_auc_score

from roskdbench.data.attributes import Attributes, age_band
from roskdbench.data.problem import Labels
from roskdbench.errors import UserError
from roskdbench.measures.groups import Groups
from roskdbench.measuring import tested as parts
from roskdbench.measuring.predictions import Predictions
from roskdbench.plugins import bundled_registry
from roskdbench.statistics.bootstrap import weights_of_groups
from roskdbench.statistics.group_draws import group_draws

CLASSES = ("a", "b", "c")


def predicted(
    task="multi-label", samples=240, seed=0, patients=60, sexes=("female", "male", ""), share=(0.5, 0.45, 0.05)
):
    """Predictions of random models that know a little, beside labels and two attributes."""
    random = np.random.default_rng(seed)

    def part(count):
        groups = random.integers(0, patients, count)
        if task == "multi-label":
            targets = (random.random((count, 3)) < 0.35).astype(np.uint8)
            logits = random.normal(size=(count, 3)) + targets
        else:
            targets = random.integers(0, 3, count)
            logits = random.normal(size=(count, 3)) + np.eye(3)[targets]
        return Labels(task, CLASSES, targets, groups), logits.astype(np.float32)

    (validation, first), (test, second) = part(samples), part(samples)
    of_patient = random.choice(sexes, patients, p=share)
    texts = {"sex": of_patient[test.groups].tolist(), "view": random.choice(["AP", "PA"], samples).tolist()}
    tested = parts.Tested(task, CLASSES, validation, test, Attributes.of(texts))
    return Predictions(tested, {"validation": first, "test": second}), texts


def by_place(values):
    return {(value.facts.group, value.metric, value.label): value for value in values}


@settings(max_examples=25)  # each looks at every group and class
@given(st.sampled_from(["single-label", "multi-label"]), st.integers(0, 500))
def test_scores_of_a_group_are_scikit_learns_on_its_samples(task, seed):
    predictions, texts = predicted(task, seed=seed)
    found = by_place(Groups().evaluate(predictions))
    decided, truth = predictions.decisions, predictions.truth
    for attribute, column in texts.items():
        for value in set(column) - {""}:
            rows = np.flatnonzero(np.array(column) == value)
            name = f"{attribute}: {value}"
            for c, label in enumerate(CLASSES):
                y, yes = truth[rows, c], decided[rows, c]
                if y.any():
                    assert found[name, "f1", label].value == pytest.approx(f1_score(y, yes), abs=1e-12)
                    assert found[name, "recall", label].value == pytest.approx(recall_score(y, yes), abs=1e-12)
                if y.any() and not y.all():
                    area = roc_auc_score(y, predictions.probabilities[rows, c])
                    assert found[name, "auc", label].value == pytest.approx(area, abs=1e-9)
            assert found[name, "patients", ""].value == len(set(predictions.groups[rows].tolist()))
            assert found[name, "patients", ""].samples == len(rows)


def test_means_are_over_the_classes_that_all_groups_have():
    """No woman has c: a mean that counted it would hold men's c against women's nothing."""
    predictions, texts = predicted(sexes=("female", "male"), share=(0.5, 0.5))
    women = np.array(texts["sex"]) == "female"
    predictions.tested.test.targets[women, 2] = 0
    found = by_place(Groups(by=["sex"]).evaluate(predictions))
    assert found["sex", "classes", ""].value == 2
    for name in ("sex: female", "sex: male"):
        for metric in ("auc", "f1", "recall"):
            wanted = np.mean([found[name, metric, label].value for label in "ab"])
            assert found[name, metric, ""].value == pytest.approx(wanted)
    assert found["sex: female", "auc", "c"].value is None
    assert found["sex: female", "recall", "c"].value is None


def test_the_gap_is_the_best_minus_the_worst_and_of_calibration_the_other_way_round():
    predictions, _ = predicted()
    found = by_place(Groups(by=["sex"]).evaluate(predictions))
    for metric, worst in (("auc", min), ("f1", min), ("recall", min), ("ece", max)):
        values = [found[f"sex: {sex}", metric, ""].value for sex in ("female", "male")]
        assert found["sex", f"{metric}-worst", ""].value == worst(values)
        assert found["sex", f"{metric}-gap", ""].value == pytest.approx(max(values) - min(values))


def test_small_groups_are_shown_and_neither_worst_nor_part_of_a_gap():
    predictions, texts = predicted(
        sexes=("female", "male", "other"), share=(0.48, 0.48, 0.04), patients=100, samples=400
    )
    patients = {
        sex: len(set(predictions.groups[np.array(texts["sex"]) == sex].tolist())) for sex in ("female", "male", "other")
    }
    assert 0 < patients["other"] < 20 <= min(patients["female"], patients["male"])
    rows = np.array(texts["sex"]) == "other"
    predictions.logits["test"][rows] = -predictions.logits["test"][rows] - 3  # by far the worst
    found = by_place(Groups(by=["sex"]).evaluate(predictions))
    assert found["sex: other", "small", ""].value == 1
    assert found["sex: other", "auc", ""].value < found["sex", "auc-worst", ""].value
    everyone = by_place(Groups(by=["sex"], smallest=1).evaluate(predictions))
    assert everyone["sex", "auc-worst", ""].value == everyone["sex: other", "auc", ""].value


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_draws_are_the_scores_of_patients_drawn_again(task):
    predictions, texts = predicted(task, samples=90, patients=30)
    measure = Groups(by=["sex"], smallest=5)
    groups = measure._groups(predictions)
    drawn = group_draws(predictions, groups, seed=3, draws=40)
    _, clusters = np.unique(predictions.groups, return_inverse=True)
    weights = np.concatenate(list(weights_of_groups(clusters.max() + 1, 40, 3, len(predictions))))
    women = np.array(texts["sex"]) == "female"
    confidence = predictions.probabilities
    for number, each in enumerate(weights):
        rows = np.repeat(np.arange(len(clusters)), each[clusters].astype(int))
        rows = rows[women[rows]]
        truth, decided = predictions.truth[rows], predictions.decisions[rows]
        recalls = [recall_score(truth[:, c], decided[:, c]) for c in range(3) if truth[:, c].any()]
        assert drawn["recall@sex: female"][number] == pytest.approx(np.mean(recalls), abs=1e-6)
        areas = [
            roc_auc_score(truth[:, c], confidence[rows, c])
            for c in range(3)
            if truth[:, c].any() and not truth[:, c].all()
        ]
        assert drawn["auc@sex: female"][number] == pytest.approx(np.mean(areas), abs=1e-6)


def test_draws_of_a_gap_are_the_differences_of_the_same_draws():
    predictions, _ = predicted()
    measure = Groups(by=["sex"])
    drawn = group_draws(predictions, measure._groups(predictions), seed=1, draws=50)
    values = by_place(measure.evaluate(predictions))
    ordered = sorted(("female", "male"), key=lambda sex: values[f"sex: {sex}", "f1", ""].value)
    gap = drawn[f"f1@sex: {ordered[1]}"] - drawn[f"f1@sex: {ordered[0]}"]
    assert np.allclose(drawn["f1-gap@sex"], gap, atol=1e-6)
    assert np.array_equal(drawn["f1-worst@sex"], drawn[f"f1@sex: {ordered[0]}"])


@pytest.mark.parametrize("metric", ["specificity", "brier-by-class"])
def test_draws_of_a_gap_lie_around_it_whichever_direction_is_better(metric):
    measure = Groups.model_validate({"by": ["sex"], "metrics": [metric]}, context={"registry": bundled_registry()})
    predictions = predicted(seed=3)[0]
    gap = by_place(measure.evaluate(predictions))["sex", f"{metric}-gap", ""].value
    drawn = measure.draws(predictions, 0)[f"{metric}-gap@sex"]
    assert gap > 0
    assert drawn.mean() == pytest.approx(gap, abs=float(drawn.std()))


def test_a_metric_of_everything_is_of_the_classes_that_all_groups_have():
    """Men alone have class c, and the model always errs on it."""
    truth = np.array([0, 1, 0, 1, 0, 1, 0, 1, 2, 2])
    said = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
    labels = Labels("single-label", CLASSES, truth, np.arange(10))
    sexes = Attributes.of({"sex": ["female"] * 4 + ["male"] * 6})
    tested = parts.Tested("single-label", CLASSES, labels, labels, sexes)
    logits = (9 * np.eye(3)[said]).astype(np.float32)
    predictions = Predictions(tested, {"validation": logits, "test": logits})
    names = ["balanced-accuracy", "mcc"]
    measure = Groups.model_validate(
        {"by": ["sex"], "metrics": names, "smallest": 1}, context={"registry": bundled_registry()}
    )
    found = by_place(measure.evaluate(predictions))
    for name in names:
        assert [found[f"sex: {sex}", name, ""].value for sex in ("female", "male")] == [pytest.approx(1)] * 2
        assert found["sex", f"{name}-gap", ""].value == pytest.approx(0)
    drawn = measure.draws(predictions, 0)["balanced-accuracy@sex: male"]
    assert (drawn[~np.isnan(drawn)] == 1).all()


def test_an_attribute_that_the_data_do_not_have_is_one_line():
    predictions, _ = predicted()
    with pytest.raises(UserError, match="no attribute 'sexx'; did you mean 'sex'"):
        Groups(by=["sexx"]).evaluate(predictions)


@pytest.mark.parametrize(
    ("text", "band"),
    [
        *(("58", "40 to 59"), ("058Y", "40 to 59"), ("0", "0 to 19"), ("19.0", "0 to 19"), ("006M", "0 to 19")),
        *(("20", "20 to 39"), ("85", "80 and more"), ("120", "80 and more")),
        *((text, "") for text in ("414", "", "unknown", "-3")),
    ],
)
def test_ages_are_read_as_files_write_them(text, band):
    assert age_band(text) == band


def test_attributes_come_back_from_their_arrays_and_their_digest_follows_their_values():
    known = Attributes.of({"sex": ["f", "m", "", "f"], "site": ["arm", "arm", "leg", ""]})
    again = Attributes.from_arrays(known.arrays())
    assert (again.names, again.values) == (("sex", "site"), (("f", "m"), ("arm", "leg")))
    assert again.codes.tolist() == [[0, 0], [1, 0], [-1, 1], [0, -1]]
    assert again.digest == known.digest
    assert Attributes.of({"sex": ["f", "m", "", "m"], "site": ["arm", "arm", "leg", ""]}).digest != known.digest
    with pytest.raises(UserError, match="'age' has 100 values, such as 0 and 1; take one with 60 or fewer"):
        Attributes.of({"age": list(map(str, range(100)))})


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("groups")
    suite = (
        TINY.replace("samples: 128", "samples: 160, scanner: both")
        .replace("    noise: [own]", "    measures: [{measure: groups, by: [sex, scanner], smallest: 3}]")
        .replace("[baseline-i, baseline-v, ros-kd]", "[baseline-i]")
        .replace("epochs: 4", "epochs: 2")
        .replace("[3]", "[1]")
    )
    (folder / "grouped.yaml").write_text(suite)
    done = command("run", "grouped.yaml", "--store", "store", "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_groups_stand_in_a_table_of_their_own_with_the_number_of_patients(grouped):
    text = command("report", "grouped.yaml", "--store", "store", "--format", "markdown", cwd=grouped).stdout
    table = text.partition("### A tiny table: by group")[2]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| Base")
    ]
    labels = [row[1] for row in rows]
    assert labels[:4] == ["sex: female", "sex: male", "sex: the worst", "sex: gap"]
    assert labels[4:] == ["scanner: a", "scanner: b", "scanner: the worst", "scanner: gap"]
    assert all("[" in row[3] for row in rows)  # AUC with its interval
    patients = {row[1]: int(row[2]) for row in rows if row[2].isdecimal()}
    assert patients["sex: female"] + patients["sex: male"] == patients["scanner: a"] + patients["scanner: b"]


def test_a_board_keeps_attributes_and_computes_groups_again(grouped):
    runs = sorted(path.stem for path in (grouped / "store" / "runs").glob("*.json"))
    assert (
        command(
            "leaderboard", "add", runs[0], "--by", "us", "--to", "board", "--store", "store", cwd=grouped
        ).returncode
        == 0
    )
    done = command("leaderboard", "verify", "board", cwd=grouped)
    assert done.returncode == 0 and " 0 taken on trust" in done.stdout.replace("\n", " ")
    kept = np.load(grouped / "board" / "predictions.npz", allow_pickle=False)
    facts = [json.loads(bytes(kept[name])) for name in kept.files if name.endswith("/attributes/facts")]
    assert facts == [{"names": ["sex", "age", "scanner"], "values": facts[0]["values"]}]
    table = (grouped / "board" / "results.csv").read_text().splitlines()
    changed = [line.replace("auc-gap,,", "auc-gap,,1", 1) if "auc-gap,," in line else line for line in table]
    assert changed != table
    (grouped / "board" / "results.csv").write_text("\n".join(changed) + "\n")
    again = command("leaderboard", "verify", "board", cwd=grouped)
    assert again.returncode != 0 and "auc-gap" in again.stdout + again.stderr


def test_groups_of_data_without_attributes_are_one_line_before_anything_is_computed(tmp_path):
    random = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 40), ("val", 12), ("test", 16)):
        arrays[f"{part}_images"] = random.integers(0, 255, (count, 28, 28), dtype=np.uint8)
        arrays[f"{part}_labels"] = random.integers(0, 2, (count, 1))
    np.savez(tmp_path / "some.npz", **arrays)
    suite = TINY.replace(
        "{dataset: phantom-lesion, size: 28, samples: 128}", "{dataset: medmnist, root: some.npz}"
    ).replace("    noise: [own]", "    measures: [groups]")
    (tmp_path / "none.yaml").write_text(suite)
    done = command("run", "none.yaml", "--store", "store", cwd=tmp_path)
    assert done.returncode == 2
    assert "problem 'lesion': nothing is known of its samples beside their labels" in done.stderr


def test_an_attribute_that_nobody_has_is_refused_before_anything_is_trained(tmp_path):
    text = TINY.replace("    noise: [own]", "    noise: [own]\n    measures: [{measure: groups, by: [sexx]}]")
    (tmp_path / "tiny.yaml").write_text(text)
    done = command("plan", tmp_path / "tiny.yaml")
    assert done.returncode == 2
    assert "the data have no attribute 'sexx'; did you mean 'sex'?" in done.stderr


def test_groups_that_are_small_in_some_runs_and_classes_that_vary_are_said():
    rows = [
        (seed, metric, group, value)
        for seed, small, classes in ((0, 1.0, 3.0), (1, 0.0, 2.0), (2, 1.0, 2.0))
        for metric, group, value in (
            ("small", "age: old", small),
            ("small", "age: young", 0.0),
            ("classes", "age", classes),
        )
    ]
    frame = pd.DataFrame(rows, columns=["seed", "metric", "group", "value"]).assign(problem="p", fold=0)
    labels = [row.label for row in Groups().condition_rows(frame)]
    assert labels == ["age: old (small in 2 of 3 runs)", "age: young", "age: the worst", "age: gap"]
    notes = Groups().notes(frame)
    assert "Not over the same classes in every run, since test parts differ: age on p." in notes[0]
    assert "age on p: 2 or 3" in notes[1]
    alike = frame.assign(value=frame["value"].where(frame["metric"] != "classes", 2.0))
    assert "age on p: 2)" in Groups().notes(alike)[0]


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_further_metrics_by_group_are_those_of_its_samples_alone(task):
    names = ["specificity", "average-precision", "mcc", "kappa"]
    measure = Groups.model_validate({"by": ["sex"], "metrics": names}, context={"registry": bundled_registry()})
    predictions = predicted(task)[0]
    found = {(value.facts.group, value.metric, value.label): value.value for value in measure.evaluate(predictions)}
    for sex, rows in predictions.tested.attributes.members("sex").items():
        truth, decided = predictions.truth[rows], predictions.decisions[rows]
        for c, name in enumerate(predictions.classes):
            own = (truth[:, c], decided[:, c])
            wanted = {
                "specificity": recall_score(*own, pos_label=0),
                "average-precision": average_precision_score(truth[:, c], predictions.probabilities[rows, c]),
            }
            for metric, value in wanted.items():
                assert found[f"sex: {sex}", metric, name] == pytest.approx(value), metric
        mean = np.mean([found[f"sex: {sex}", "specificity", name] for name in predictions.classes])
        assert found[f"sex: {sex}", "specificity", ""] == pytest.approx(mean)
        if task == "single-label":
            wanted = cohen_kappa_score(truth.argmax(1), decided.argmax(1))  # both sexes have all classes
            assert found[f"sex: {sex}", "kappa", ""] == pytest.approx(wanted)
    gap = abs(found["sex: female", "specificity", ""] - found["sex: male", "specificity", ""])
    assert found["sex", "specificity-gap", ""] == pytest.approx(gap)


def test_draws_of_further_metrics_are_those_of_the_groups_patients_drawn_again():
    measure = Groups.model_validate(
        {"by": ["sex"], "metrics": ["specificity"]}, context={"registry": bundled_registry()}
    )
    predictions, seed = predicted("multi-label")[0], 5
    drawn = measure.draws(predictions, seed)
    _, clusters = np.unique(predictions.groups, return_inverse=True)
    first = next(iter(weights_of_groups(int(clusters.max()) + 1, 2000, seed, len(predictions))))
    rows = np.flatnonzero(predictions.tested.attributes.members("sex")["female"])
    for draw in (0, 3):
        again = np.repeat(rows, first[draw][clusters[rows]].astype(int))
        truth, decided = predictions.truth[again], predictions.decisions[again]
        wanted = np.mean([recall_score(truth[:, c], decided[:, c], pos_label=0) for c in range(truth.shape[1])])
        assert drawn["specificity@sex: female"][draw] == pytest.approx(wanted, abs=1e-6)
    assert {"specificity-gap@sex", "specificity-worst@sex", "auc@sex: male"} <= drawn.keys()


def test_a_metric_that_nobody_knows_is_refused():
    with pytest.raises(UserError, match="specificty"):
        Groups.model_validate({"metrics": ["specificty"]}, context={"registry": bundled_registry()})


def test_an_attribute_that_is_known_of_nobody_is_said_and_has_no_rows():
    predictions, _ = predicted(sexes=("",), share=(1.0,))
    values = Groups().evaluate(predictions)
    columns = ("group", "metric", "class", "value", "n")
    rows = [(each.facts.group, each.metric, each.label, each.value, each.samples) for each in values]
    frame = pd.DataFrame(rows, columns=list(columns)).assign(problem="film", fold=0, seed=0)
    labels = [row.label for row in Groups().condition_rows(frame)]
    assert labels == ["view: AP", "view: PA", "view: the worst", "view: gap"]
    first, *others = Groups().notes(frame)
    assert first == "sex is not known of any image of film's test part."
    assert not any("sex" in line for line in others)
    assert not any(name.endswith("@sex") or "sex:" in name for name in Groups().draws(predictions, 3))
