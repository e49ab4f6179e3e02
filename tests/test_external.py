"""Models tested on other problems: which classes are shared, what is scored there, and what is lost."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import TINY, command
from scipy.special import expit
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

from roskdbench.data.problem import Labels
from roskdbench.data.shared_findings import shared_classes
from roskdbench.datasets.chestxray14 import EIGHT, OTHERS
from roskdbench.datasets.isic2019 import CLASSES as ISIC
from roskdbench.errors import UserError
from roskdbench.measures.external import External
from roskdbench.measuring import tested as parts
from roskdbench.measuring.elsewhere import elsewhere, kept_labels, seen_before
from roskdbench.measuring.predictions import Predictions
from roskdbench.measuring.scores import best_thresholds
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.report.layout import layout_of
from roskdbench.results import collect
from roskdbench.statistics.bootstrap import draws_of
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.suite.measure import Measure
from roskdbench.values import Facts

HOME, AWAY = ("Mass", "Effusion", "Hernia"), ("pleural effusion", "fracture", "lung mass")


def predicted(task, classes, seed=0, samples=120):
    random = np.random.default_rng(seed)

    def part():
        groups = random.integers(0, 40, samples)
        if task == "multi-label":
            targets = (random.random((samples, len(classes))) < 0.4).astype(np.uint8)
            logits = random.normal(size=(samples, len(classes))) + targets
        else:
            targets = random.integers(0, len(classes), samples)
            logits = random.normal(size=(samples, len(classes))) + np.eye(len(classes))[targets]
        return Labels(task, classes, targets, groups), logits.astype(np.float32)

    (validation, first), (test, second) = part(), part()
    return Predictions(parts.Tested(task, classes, validation, test), {"validation": first, "test": second})


def away(task, classes, logit_columns, seed=9, samples=100):
    random = np.random.default_rng(seed)
    shape = (samples, len(classes))
    targets = (
        (random.random(shape) < 0.4).astype(np.uint8)
        if task == "multi-label"
        else random.integers(0, shape[1], samples)
    )
    labels = Labels(task, classes, targets, random.integers(100, 130, samples))
    return labels, random.normal(size=(samples, logit_columns)).astype(np.float32)


def kept_of(name, labels, logits, pairs):
    arrays = {f"{name}/{key}": array for key, array in kept_labels(labels).items()}
    return {**arrays, f"{name}/logits": logits, f"{name}/pairs": np.array(pairs)}


@pytest.mark.parametrize("labels", [{"Mas": "tumour"}, {"Mass": "tumor"}], ids=["at home", "there"])
def test_a_mistyped_name_of_the_table_of_labels_is_refused(labels):
    with pytest.raises(UserError, match=r"there is no class '(Mas|tumor)' (at home|there); did you mean"):
        shared_classes(("Mass",), ("tumour",), labels)


def test_images_that_were_learnt_from_are_found_among_another_problems():
    random = np.random.default_rng(0)
    home, there = (random.integers(0, 255, (40, 1, 8, 8), dtype=np.uint8) for _ in range(2))
    there[[3, 4, 5]] = home[[7, 8, 30]]
    assert seen_before(home, np.arange(20), there, np.arange(40)) == 2  # 30 is of the test part at home
    assert seen_before(home, np.arange(20), there, np.array([0, 3])) == 1
    assert seen_before(home, np.arange(20), there[:, :, :4], np.arange(40)) == 0


def test_a_test_elsewhere_on_images_of_training_is_said_to_be_none():
    measure = External(problems=[{"problem": "other", "part": "all"}])
    frame = pd.DataFrame(
        {
            "problem": "home",
            "test_set": "other",
            "metric": ["shared-classes", "seen-in-training"],
            "value": [3.0, 9.0],
            "n": [40, 40],
        }
    )
    first, second = measure.notes(frame)
    assert first.startswith("home on other: 9 of 40 images there are images that the model was trained or tuned on")
    frame["value"] = [3.0, 0.0]
    assert measure.notes(frame) == [second]


def test_the_table_knows_what_datasets_call_the_same():
    assert shared_classes(HOME, AWAY) == [(0, 2), (1, 0)]
    assert shared_classes(("Mass",), ("tumour",), {"Mass": "tumour"}) == [(0, 0)]
    chexpert = ("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
                "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other",
                "Fracture", "Support Devices")  # fmt: skip
    pairs = shared_classes((*EIGHT, *OTHERS), chexpert)
    names = {chexpert[there] for _, there in pairs}
    assert names == {
        "Cardiomegaly",
        "Edema",
        "Consolidation",
        "Pneumonia",
        "Atelectasis",
        "Pneumothorax",
        "Pleural Effusion",
    }
    derma = ("actinic keratoses", "basal cell carcinoma", "benign keratosis", "dermatofibroma", "melanoma",
             "melanocytic nevi", "vascular lesions")  # fmt: skip
    assert {ISIC[own] for own, _ in shared_classes(ISIC, derma)} == {"BCC", "BKL", "DF", "MEL", "NV", "VASC"}


def test_several_findings_are_decided_by_thresholds_of_home_over_what_is_shared():
    predictions = predicted("multi-label", HOME)
    labels, logits = away("multi-label", AWAY, 3)
    pairs = shared_classes(HOME, AWAY)
    found = External(problems=["there"]).recompute(predictions, kept_of("there", labels, logits, pairs))
    values = {(each.metric, each.label): each.value for each in found}
    assert {each.facts.test_set for each in found} == {"there"}
    validation = predictions.tested.validation.targets == 1
    thresholds = best_thresholds(validation, predictions.logits["validation"])
    for own, there in pairs:
        truth, scores = labels.targets[:, there], logits[:, own]
        assert values["auc", HOME[own]] == pytest.approx(roc_auc_score(truth, scores))
        assert values["f1@tuned", HOME[own]] == pytest.approx(f1_score(truth, scores >= thresholds[own]))
    mean = np.mean([values["auc", HOME[own]] for own, _ in pairs])
    home = [
        roc_auc_score(predictions.tested.test.targets[:, own], predictions.logits["test"][:, own]) for own, _ in pairs
    ]
    assert values["auc-macro", ""] == pytest.approx(mean)
    assert values["auc-macro-home", ""] == pytest.approx(np.mean(home))
    assert values["auc-macro-lost", ""] == pytest.approx(np.mean(home) - mean)
    said = expit(logits[:, [own for own, _ in pairs]].astype(float)).ravel()
    right = labels.targets[:, [there for _, there in pairs]].ravel()
    bins = np.minimum((said * 15).astype(int), 14)
    error = sum(abs((said[bins == b] - right[bins == b]).sum()) for b in range(15)) / len(said)
    assert values["ece", ""] == pytest.approx(error)
    assert values["ece-lost", ""] == pytest.approx(error - values["ece-home", ""])
    assert values["shared-classes", ""] == 2


def test_of_one_label_the_likeliest_shared_class_is_chosen_and_other_samples_do_not_count():
    home, there = ("MEL", "NV", "BCC", "SCC"), ("nevus", "wart", "melanoma")
    predictions, (labels, logits) = predicted("single-label", home), away("single-label", there, 4)
    pairs = shared_classes(home, there)
    assert pairs == [(0, 2), (1, 0)]
    counted = np.flatnonzero(labels.targets != 1)
    truth = np.where(labels.targets[counted] == 2, 0, 1)
    chosen = logits[counted][:, :2].argmax(1)
    found = External(problems=["there"]).recompute(predictions, kept_of("there", labels, logits, pairs))
    values = {(each.metric, each.label): each for each in found}
    assert values["accuracy", ""].value == pytest.approx((truth == chosen).mean())
    assert values["f1-macro", ""].value == pytest.approx(f1_score(truth, chosen, average="macro"))
    assert values["f1-macro", ""].samples == len(counted)


def test_a_class_that_one_side_has_no_samples_of_is_no_loss():
    """A model that knows everything, and a test part elsewhere without the third finding."""
    random = np.random.default_rng(0)
    here, there = ((random.random((90, 3)) < 0.4).astype(np.uint8) for _ in range(2))
    there[:, 2] = 0
    labels = Labels("multi-label", HOME, here, np.arange(90))
    certain = (20.0 * here - 10).astype(np.float32)
    home = Predictions(parts.Tested("multi-label", HOME, labels, labels), {"validation": certain, "test": certain})
    away_ = Labels("multi-label", HOME, there, np.arange(90))
    kept = kept_of("there", away_, (20.0 * there - 10).astype(np.float32), [(0, 0), (1, 1), (2, 2)])
    measure = External(problems=["there"])
    found = measure.recompute(home, kept)
    values = {(each.metric, each.label): each.value for each in found}
    assert values["f1-macro@tuned", ""] == values["f1-macro@tuned-home", ""] == 1
    assert values["f1-macro@tuned-lost", ""] == values["auc-macro-lost", ""] == 0
    assert (values["shared-classes", ""], values["compared-classes", ""]) == (3, 2)
    drawn = measure.draws(Predictions(home.tested, home.logits, kept=kept), 0)["f1-macro@tuned-lost@there"]
    assert (drawn == 0).all()
    frame = pd.DataFrame(
        {"problem": "home", "test_set": "there", "metric": [each.metric for each in found],
         "value": [each.value for each in found], "n": [each.samples for each in found]}
    )  # fmt: skip
    assert measure.notes(frame)[0].startswith("home on there: scored over 2 of the shared classes")
    there[:, :2] = 0
    with pytest.raises(UserError, match="'there' shares no classes of which the test parts of both sides have samples"):
        measure.recompute(home, kept_of("there", away_, certain, [(0, 0), (1, 1), (2, 2)]))


def measured(*metrics):
    registry = discover()
    return Measure.read({"measure": "external", "problems": ["there"], "metrics": [*metrics]}, registry)


def test_metrics_are_had_elsewhere_by_thresholds_of_home():
    predictions = predicted("multi-label", HOME)
    labels, logits = away("multi-label", AWAY, 3)
    pairs = shared_classes(HOME, AWAY)
    measure = measured("sensitivity@spec90", "specificity", "average-precision", "brier-by-class", "prevalence")
    found = measure.recompute(predictions, kept_of("there", labels, logits, pairs))
    values = {(each.metric, each.label): each.value for each in found}
    seen = predictions.tested.validation.targets == 1
    decided = best_thresholds(seen, predictions.logits["validation"])
    for own, there in pairs:
        name, truth, scores = HOME[own], labels.targets[:, there] == 1, logits[:, own]
        without = np.sort(predictions.logits["validation"][~seen[:, own], own])
        cut = without[int(np.ceil(0.9 * len(without))) - 1]
        assert values["sensitivity@spec90", name] == pytest.approx((scores > cut)[truth].mean())
        assert values["specificity", name] == pytest.approx(1 - (scores >= decided[own])[~truth].mean())
        assert values["average-precision", name] == pytest.approx(average_precision_score(truth, scores))
        assert values["brier-by-class", name] == pytest.approx(brier_score_loss(truth, expit(scores.astype(float))))
        assert values["prevalence", name] == pytest.approx(truth.mean())
    for metric in ("sensitivity@spec90", "specificity", "average-precision"):
        lost = values[f"{metric}-home", ""] - values[metric, ""]
        assert values[f"{metric}-lost", ""] == pytest.approx(lost)
    assert values["brier-by-class-lost", ""] == pytest.approx(
        values["brier-by-class", ""] - values["brier-by-class-home", ""]
    )
    assert ("prevalence-lost", "") not in values


def test_draws_of_metrics_are_those_of_the_samples_there():
    predictions, (labels, logits) = predicted("multi-label", HOME), away("multi-label", AWAY, 3)
    pairs = shared_classes(HOME, AWAY)
    kept = kept_of("there", labels, logits, pairs)
    measure = measured("specificity", "brier-by-class")
    drawn = measure.draws(Predictions(predictions.tested, predictions.logits, kept=kept), 4)
    values = {(each.metric, each.label): each.value for each in measure.recompute(predictions, kept)}
    for metric, sign in (("specificity", 1), ("brier-by-class", -1)):
        lost = sign * (drawn[f"{metric}-home@there"] - drawn[f"{metric}@there"])
        assert np.allclose(drawn[f"{metric}-lost@there"], lost)
        for end in ("", "-home", "-lost"):
            draws = drawn[f"{metric}{end}@there"]
            assert abs(draws.mean() - values[f"{metric}{end}", ""]) < 3 * draws.std()
            assert draws.std() > 0


def test_labels_that_are_not_known_there_count_nowhere():
    predictions, (labels, logits) = predicted("multi-label", HOME), away("multi-label", AWAY, 3)
    unknown = np.zeros_like(labels.targets)
    unknown[:50, 0] = 1
    arrays = {**kept_labels(labels), "uncertain": unknown}
    both = elsewhere(predictions, shared_classes(HOME, AWAY), arrays, logits)
    area = {row[1]: row[2] for row in both.score_rows() if row[0] == "auc"}["Effusion"]
    assert area == pytest.approx(roc_auc_score(labels.targets[50:, 0], logits[50:, 1]))


def test_draws_of_what_is_lost_are_of_both_sides_each_over_its_own_patients():
    predictions, (labels, logits) = predicted("multi-label", HOME), away("multi-label", AWAY, 3)
    pairs = shared_classes(HOME, AWAY)
    kept = kept_of("there", labels, logits, pairs)
    measure = External(problems=["there"])
    drawn = measure.draws(Predictions(predictions.tested, predictions.logits, kept=kept), 4)
    assert np.allclose(drawn["auc-macro-lost@there"], drawn["auc-macro-home@there"] - drawn["auc-macro@there"])
    arrays = {key.partition("/")[2]: array for key, array in kept.items()}
    there = elsewhere(predictions, pairs, {key: arrays[key] for key in ("targets", "groups")}, logits)
    assert np.std(drawn["auc-macro@there"]) == pytest.approx(np.std(draws_of(there, 77)["auc-macro"]), rel=0.15)
    assert abs(np.corrcoef(drawn["auc-macro@there"], drawn["auc-macro-home@there"])[0, 1]) < 0.1


def test_draws_of_images_elsewhere_are_the_same_for_every_run_that_is_tested_on_them():
    """Whatever its own test part; other images are drawn apart."""
    labels, logits = away("multi-label", AWAY, 3)
    others, _ = away("multi-label", AWAY, 3, seed=5)
    pairs, measure = shared_classes(HOME, AWAY), External(problems=["there"])

    def draws(seed, there):
        home = predicted("multi-label", HOME, seed)
        kept = kept_of("there", there, logits, pairs)
        return measure.draws(Predictions(home.tested, home.logits, kept=kept), seed)

    one, other, elsewhere_ = draws(1, labels), draws(2, labels), draws(1, others)
    areas = [each["auc-macro@there"] for each in (one, other, elsewhere_)]
    np.testing.assert_array_equal(areas[0], areas[1])  # of several findings the thresholds of home move no area
    assert abs(np.corrcoef(areas[0], areas[2])[0, 1]) < 0.1
    assert abs(np.corrcoef(one["auc-macro-home@there"], other["auc-macro-home@there"])[0, 1]) < 0.1


@pytest.mark.parametrize(
    ("part", "per_seed", "one"), [("all", True, True), ("test", True, False), ("test", False, True)]
)
def test_whose_images_all_runs_have_in_common_is_known_of_every_metric(tmp_path, part, per_seed, one):
    """Without splits of their own, folds at home all meet the one test part there."""
    path, registry = tmp_path / "away.yaml", discover()
    text = SUITE.replace("external: [other]", f"external: [{{problem: other, part: {part}}}]")
    path.write_text(text.replace("protocol:\n", f"protocol:\n  split: {{per_seed: {str(per_seed).lower()}}}\n"))
    layout = layout_of(collect(plan(read_suite(path, (), registry), registry), Store(tmp_path / "store")), "main")

    def of(metric):
        return layout.source(metric, "external", Facts(test_set="other"))

    there, home = ("auc-macro@other",), ("auc-macro-home@other",)
    assert of("auc") == ("external", there, (), there, one)
    assert of("auc-lost") == ("external", ("auc-macro-lost@other",), home, there, one)
    assert of("auc-home") == ("external", home, home, (), one)
    assert layout.source("auc") == ("scores", ("auc-macro",), (), (), False)


PROBLEMS = """  lesion: {dataset: phantom-lesion, size: 28, samples: 128}
  other: {dataset: phantom-lesion, size: 28, samples: 96, seed: 3, scanner: b}
  chest: {dataset: phantom-chest, size: 28, samples: 96}
  large: {dataset: phantom-lesion, size: 32, samples: 96}
"""
SUITE = (
    TINY.replace("  lesion: {dataset: phantom-lesion, size: 28, samples: 128}\n", PROBLEMS)
    .replace("    noise: [own]", "    problems: [lesion]\n    external: [other]")
    .replace("baseline-v, ros-kd", "deep-ensemble")
    + "    shown: [accuracy, precision, recall, f1, auc, specificity]\n"
)


@pytest.fixture(scope="module")
def tested_elsewhere(tmp_path_factory):
    folder = tmp_path_factory.mktemp("external")
    (folder / "away.yaml").write_text(SUITE.replace("epochs: 4", "epochs: 2").replace("[3]", "[1]"))
    done = command("run", "away.yaml", "--store", "store", "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_what_is_lost_elsewhere_stands_in_a_table_with_intervals(tested_elsewhere):
    text = command("report", "away.yaml", "--store", "store", "--format", "markdown", cwd=tested_elsewhere).stdout
    table = text.partition("### A tiny table: elsewhere")[2]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| ")][
        2:
    ]
    assert [row[1] for row in rows[::2]] == ["other", "home, for other", "lost on other"]
    assert {row[0] for row in rows} == {"Baseline I", "Deep ensemble"}
    for method in (0, 1):
        for column in (5, 7):  # F1, and a metric that the experiment shows besides the scores
            there, home, lost = (float(rows[place * 2 + method][column].split()[0]) for place in range(3))
            assert lost == pytest.approx(home - there, abs=0.0011)
    assert "| AUC | Spec | ECE |" in table
    assert "lesion on other: 8 classes shared" in table


def test_a_board_keeps_logits_and_labels_of_elsewhere_and_computes_them_again(tested_elsewhere):
    folder = tested_elsewhere
    run = next((folder / "store" / "runs").glob("*.json")).stem
    assert (
        command("leaderboard", "add", run, "--by", "us", "--to", "board", "--store", "store", cwd=folder).returncode
        == 0
    )
    done = command("leaderboard", "verify", "board", cwd=folder)
    assert done.returncode == 0 and " 0 taken on trust" in done.stdout.replace("\n", " ")
    assert "other" in json.loads((folder / "board" / "provenance.json").read_text())["entries"][0]["data"]


@pytest.mark.parametrize(
    ("external", "message"),
    [
        ("[othr]", "external: the suite has no problem 'othr'; did you mean 'other'"),
        ("[lesion]", "external: 'lesion' is where models are trained"),
        ("[chest]", "external: 'chest' differs from 'lesion' in its task: multi-label, not single-label"),
        ("[large]", "external: 'large' differs from 'lesion' in its size: 32, not 28"),
        ("[other, other]", "external names 'other' twice"),
        ("[{problem: other, prt: all}]", "unknown key 'prt' in experiments.main.external.0; did you mean 'part'"),
    ],
)
def test_what_cannot_be_tested_elsewhere_is_one_line_when_it_is_planned(tmp_path, external, message):
    path = tmp_path / "wrong.yaml"
    path.write_text(SUITE.replace("external: [other]", f"external: {external}"))
    registry = discover()
    with pytest.raises(UserError) as caught:
        plan(read_suite(path, (), registry), registry)
    assert message in str(caught.value)
