"""Fidelity: what a student took of its teachers, against scipy and by construction."""

import numpy as np
import pytest
from conftest import TINY
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit, rel_entr, softmax

from roskdbench.measuring.fidelity import agreement_rows, fell_late, mixture, share_closed
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.report.tables.scores import score_table
from roskdbench.results import collect
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.walk import run

CLASSES = "abcde"


def numbers(task, teachers, student):
    rows = agreement_rows(task, CLASSES, mixture(task, teachers), student, "@train")
    return {(metric, name): value for metric, name, value, _ in rows}


@given(st.integers(0, 10_000))
def test_one_label_is_scipys_relative_entropy(seed):
    random = np.random.default_rng(seed)
    teachers, student = random.normal(size=(3, 20, 5)), random.normal(size=(20, 5))
    q, p = softmax(teachers, -1).mean(0), softmax(student, -1)
    found = numbers("single-label", teachers, student)
    apart, told = rel_entr(q, p).sum(), rel_entr(q, q.mean(0)).sum()
    assert found["divergence@train", ""] == pytest.approx(apart / 20, rel=1e-9)
    assert found["taken@train", ""] == pytest.approx(1 - apart / told, rel=1e-9)
    assert found["agreement@train", ""] == np.mean(q.argmax(1) == p.argmax(1))


@given(st.integers(0, 10_000))
def test_several_findings_are_so_many_coins(seed):
    random = np.random.default_rng(seed)
    teachers, student = random.normal(size=(3, 20, 5)), random.normal(size=(20, 5))
    q, p = expit(teachers).mean(0), expit(student)
    found = numbers("multi-label", teachers, student)
    apart = rel_entr(q, p) + rel_entr(1 - q, 1 - p)
    told = rel_entr(q, q.mean(0)) + rel_entr(1 - q, 1 - q.mean(0))
    assert found["divergence@train", ""] == pytest.approx(apart.sum(1).mean(), rel=1e-9)
    assert found["taken@train", ""] == pytest.approx(1 - apart.sum() / told.sum(), rel=1e-9)
    for c, name in enumerate(CLASSES):
        assert found["taken@train", name] == pytest.approx(1 - apart[:, c].sum() / told[:, c].sum(), rel=1e-9)
    assert found["agreement@train", ""] == np.mean((q > 0.5) == (p > 0.5))


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_an_echo_takes_all_and_one_that_says_their_mean_of_everything_nothing(task):
    random = np.random.default_rng(0)
    teachers = random.normal(size=(3, 30, 5))
    q = (softmax(teachers, -1) if task == "single-label" else expit(teachers)).mean(0)
    as_logits = np.log if task == "single-label" else logit
    echo = numbers(task, teachers, as_logits(q))
    assert echo["taken@train", ""] == pytest.approx(1) and echo["agreement@train", ""] == 1
    assert echo["divergence@train", ""] == pytest.approx(0, abs=1e-12)
    mean = numbers(task, teachers, np.broadcast_to(as_logits(q.mean(0)), q.shape))
    assert mean["taken@train", ""] == pytest.approx(0, abs=1e-12)


def test_teachers_that_say_the_same_of_everything_have_nothing_to_be_taken():
    teachers = np.ones((2, 6, 5)) * np.arange(5)
    assert numbers("single-label", teachers, np.zeros((6, 5)))["taken@train", ""] is None


@pytest.mark.parametrize(
    ("losses", "wanted"),
    [
        (list(np.linspace(2, 1, 21)), 0.15),  # a straight line: three of twenty steps
        ([2.0, 1.0, *[0.5] * 18], 0.0),
        ([1.0, 0.9, 0.5], 0.8),
        ([1.0, 0.5], None),
        ([1.0, 1.1, 1.2], None),
    ],
)
def test_the_last_tenth_of_a_loss(losses, wanted):
    found = fell_late(losses)
    assert found == (None if wanted is None else pytest.approx(wanted))


def test_the_gap_that_is_closed():
    assert share_closed(0.7, 0.8, 0.9, 0.01) == pytest.approx(0.5)
    assert share_closed(0.7, 0.65, 0.9, 0.01) == pytest.approx(-0.25)
    assert share_closed(0.7, 0.8, 0.709, 0.01) is None and share_closed(None, 0.8, 0.9, 0.01) is None


def measured(folder, epochs):
    (folder / "tiny.yaml").write_text(f"{TINY}    measures: [fidelity]\n")
    settings = [
        f"protocol.epochs={epochs}",
        f"protocol.optimiser.milestones=[{max(1, epochs * 2 // 3)}]",
        "protocol.averaging_warmup=0",
        "protocol.augmentation=none",
        "protocol.distillation.temperature=2",
        "experiments.main.methods=[baseline-i, baseline-ii]",
    ]
    planned, store = plan(read_suite(str(folder / "tiny.yaml"), settings), discover()), Store.at(folder / "store")
    assert run(planned, store).well
    results = collect(planned, store)
    frame = results.frame[(results.frame["measure"] == "fidelity") & (results.frame["class"] == "")]
    return frame, score_table(results, "main").notes


@pytest.mark.slow
def test_who_did_not_learn_is_named_and_who_did_is_not(tmp_path):
    frame, notes = measured(tmp_path, 1)
    said = [line for line in notes if line.startswith("did not learn from its teachers")]
    assert len(said) == 1 and said[0].endswith("Baseline II on lesion.")
    frame, notes = measured(tmp_path, 40)
    student = frame[frame["method"].eq("Baseline II") & frame["subject"].eq("student")].set_index("metric")["value"]
    assert student["taken@train"] > 0.6
    assert not any(line.startswith("did not learn") for line in notes)
    others = frame[frame["method"].eq("Baseline I") | frame["subject"].eq("teacher")]
    assert set(others["metric"]) == {"fell-late"}
    assert {"agreement@train", "taken@test", "teachers-auc", "gap-closed", "fell-late"} <= set(student.index)
