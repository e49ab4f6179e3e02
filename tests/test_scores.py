"""Scores equal scikit-learn's on random inputs, and are defined where a class is absent."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn import metrics

from roskdbench.measuring.scores import auc, best_thresholds, score_table


@st.composite
def predictions(draw, task):
    """Targets and logits of both parts; classes may be absent, logits may be tied."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    classes = draw(st.integers(2, 6))
    sizes = {"validation": draw(st.integers(2, 40)), "test": draw(st.integers(2, 60))}
    logits = {
        part: np.round(random.normal(size=(size, classes)), draw(st.integers(0, 3))).astype(np.float32)
        for part, size in sizes.items()
    }
    if task == "single-label":
        present = random.integers(1, classes + 1)
        targets = {part: random.integers(0, present, size) for part, size in sizes.items()}
    else:
        rates = random.uniform(0, 0.6, classes)
        targets = {part: (random.random((size, classes)) < rates).astype(np.uint8) for part, size in sizes.items()}
    return targets, logits


def table(task, targets, logits):
    names = tuple(f"class {c}" for c in range(logits["test"].shape[1]))
    return {(metric, name): value for metric, name, value, _ in score_table(task, names, targets, logits)}, names


def assert_decisions(found, suffix, truth, chosen, names, labels):
    for average in (None, "macro", "micro", "weighted"):
        wanted = metrics.precision_recall_fscore_support(truth, chosen, labels=labels, average=average, zero_division=0)
        for metric, value in zip(("precision", "recall", "f1"), wanted[:3], strict=True):
            if average is None:
                assert [found[f"{metric}{suffix}", name] for name in names] == pytest.approx(list(value))
            else:
                assert found[f"{metric}-{average}{suffix}", ""] == pytest.approx(value)
    p, r = found[f"precision-macro{suffix}", ""], found[f"recall-macro{suffix}", ""]
    assert found[f"f1-f1-of-means{suffix}", ""] == pytest.approx(2 * p * r / (p + r) if p + r else 0.0)


@given(predictions("single-label"))
def test_single_label_scores_are_scikit_learns(case):
    targets, logits = case
    found, names = table("single-label", targets, logits)
    chosen = logits["test"].argmax(-1)
    assert_decisions(found, "", targets["test"], chosen, names, range(len(names)))
    assert found["accuracy", ""] == pytest.approx(metrics.accuracy_score(targets["test"], chosen))
    chances = softmax(logits["test"].astype(np.float64), -1)
    for c, name in enumerate(names):
        positive = targets["test"] == c
        if positive.all() or not positive.any():
            assert found["auc", name] is None
        else:
            assert found["auc", name] == pytest.approx(metrics.roc_auc_score(positive, chances[:, c]))


@given(predictions("multi-label"))
def test_multi_label_scores_are_scikit_learns(case):
    targets, logits = case
    found, names = table("multi-label", targets, logits)
    truth = targets["test"]
    assert_decisions(found, "@half", truth, expit(logits["test"]) >= 0.5, names, range(len(names)))
    thresholds = best_thresholds(targets["validation"] == 1, logits["validation"])
    assert_decisions(found, "@tuned", truth, logits["test"] >= thresholds, names, range(len(names)))
    areas = []
    for c, name in enumerate(names):
        if truth[:, c].all() or not truth[:, c].any():
            assert found["auc", name] is None
        else:
            areas.append(metrics.roc_auc_score(truth[:, c], logits["test"][:, c]))
            assert found["auc", name] == pytest.approx(areas[-1])
        assert found["threshold", name] == pytest.approx(expit(thresholds[c]))
    assert found["auc-macro", ""] == (pytest.approx(np.mean(areas)) if areas else None)


@settings(max_examples=40)  # each tries every threshold
@given(predictions("multi-label"))
def test_tuned_thresholds_give_the_best_f1_on_validation(case):
    """Against trying every threshold."""
    targets, logits = case
    truth, values = targets["validation"] == 1, logits["validation"]
    thresholds = best_thresholds(truth, values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for c in range(truth.shape[1]):
            if not truth[:, c].any():
                assert thresholds[c] == 0
                continue
            tried = [metrics.f1_score(truth[:, c], values[:, c] >= each) for each in np.unique(values[:, c])]
            assert metrics.f1_score(truth[:, c], values[:, c] >= thresholds[c]) == pytest.approx(max(tried))


def test_an_absent_class_counts_in_the_means_and_has_no_auc():
    targets = {"validation": np.array([0, 1]), "test": np.array([0, 0, 1])}
    logits = {"validation": np.eye(3, dtype=np.float32)[:2], "test": 5 * np.eye(3, dtype=np.float32)[[0, 0, 1]]}
    found, names = table("single-label", targets, logits)
    assert found["f1", names[2]] == 0
    assert found["f1-macro", ""] == pytest.approx(2 / 3)
    assert found["auc", names[2]] is None
    assert found["auc-macro", ""] == pytest.approx(1.0)


def test_auc_counts_ties_half():
    truth = np.array([[True], [False], [True], [False]])
    assert auc(truth, np.zeros((4, 1))) == pytest.approx([0.5])


def test_the_papers_cardio_rows_are_f1_of_means_and_its_lesion_row_iv_is_impossible():
    from roskdbench.report.paper import _reported

    for row in _reported()["table1"].values():
        p, r, f1 = row["cardio"]
        assert 2 * p * r / (p + r) == pytest.approx(f1, abs=6e-4)
    p, r, f1 = _reported()["table1"]["IV"]["lesion"]
    assert f1 > 2 * p * r / (p + r) + 5e-4


def test_labels_that_are_not_known_count_nowhere():
    """Against scikit-learn on what is known, a class at a time."""
    random = np.random.default_rng(0)
    targets = {part: random.integers(0, 2, (300, 4)).astype(np.uint8) for part in ("validation", "test")}
    logits = {part: (random.normal(size=(300, 4)) + targets[part]).astype(np.float32) for part in targets}
    known = {part: random.random((300, 4)) < 0.7 for part in targets}
    seen = {part: np.where(known[part], targets[part], 0).astype(np.uint8) for part in targets}
    rows = score_table("multi-label", "abcd", seen, logits, known)
    found = {(metric, name): value for metric, name, value, _ in rows}
    for c, name in enumerate("abcd"):
        there = known["test"][:, c]
        truth, score = targets["test"][there, c], logits["test"][there, c]
        assert found["auc", name] == pytest.approx(metrics.roc_auc_score(truth, score))
        assert found["precision@half", name] == pytest.approx(metrics.precision_score(truth, score >= 0))
        tunable = known["validation"][:, c]
        alone = best_thresholds(targets["validation"][tunable][:, [c]] == 1, logits["validation"][tunable][:, [c]])
        assert found["f1@tuned", name] == pytest.approx(metrics.f1_score(truth, score >= alone[0]))
