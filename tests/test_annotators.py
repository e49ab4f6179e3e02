"""What the data's own annotators said becomes training labels as `decision` says: one word, a vote, or shares."""

import numpy as np
import pytest
from conftest import TINY
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from sklearn.metrics import confusion_matrix

from roskdbench.data.noise import noisy_labels
from roskdbench.data.problem import Labels, Problem
from roskdbench.data.votes import decided
from roskdbench.datasets.phantom_chest import PhantomChest
from roskdbench.errors import UserError
from roskdbench.jobs import execute
from roskdbench.plan import plan
from roskdbench.plugins import discover, register
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.suite.noise import Annotators

MANY = 20_000
DECISIONS = ("single", "majority", "soft")


def asked(decision, **options):
    return Annotators(kind="annotators", source="data", decision=decision, **options)


def drawn(decision, labels, seed=1):
    return noisy_labels(asked(decision), labels, np.random.default_rng(seed))


def single(votes, classes=4, own=None):
    targets = np.zeros(len(votes), np.int64) if own is None else own
    return Labels("single-label", tuple("abcdefgh")[:classes], targets, np.arange(len(votes)), votes=np.int8(votes))


def multi(votes, own=None, **more):
    shape = (len(votes), votes.shape[2])
    targets = np.zeros(shape, np.uint8) if own is None else own
    names = tuple("abcdefgh")[: shape[1]]
    return Labels("multi-label", names, targets, np.arange(len(votes)), votes=np.int8(votes), **more)


def close(found, wanted, count):
    """Within five standard deviations of a binomial share."""
    assert abs(found - wanted) < 5 * (max(wanted * (1 - wanted), 1e-4) / count) ** 0.5


# One of them


def test_each_of_those_who_said_something_is_asked_equally_often():
    votes = np.tile([-1, 3, -1, 1, 2], (MANY, 1))
    found = np.bincount(drawn("single", single(votes)), minlength=4)
    assert found[0] == 0
    assert stats.chisquare(found[1:]).pvalue > 1e-4


def test_one_annotator_is_asked_for_all_findings_of_an_image():
    random = np.random.default_rng(0)
    votes = random.integers(0, 2, (MANY, 3, 8)).astype(np.int8)
    votes[random.random((MANY, 3)) < 0.3] = -1
    own = random.integers(0, 2, (MANY, 8)).astype(np.uint8)
    found = drawn("single", multi(votes, own))
    seen = (votes >= 0).any(2)
    same = (found[:, None] == votes).all(2) & seen
    assert same[seen.any(1)].any(1).all()
    assert np.array_equal(found[~seen.any(1)], own[~seen.any(1)])
    three = seen.all(1) & (same.sum(1) == 1)
    shares = same[three].sum(0)
    assert stats.chisquare(shares).pvalue > 1e-4


def test_where_the_one_who_is_asked_says_nothing_the_label_stays():
    votes = np.full((200, 2, 2), -1)
    votes[:, 0] = [1, -1]
    own = np.tile(np.array([0, 1], np.uint8), (200, 1))
    assert (drawn("single", multi(votes, own)) == [1, 1]).all()


# The vote of all


@pytest.mark.parametrize("classes", [2, 5])
def test_the_majority_is_the_mode_where_there_is_one(classes):
    votes = np.random.default_rng(0).integers(0, classes, (MANY, 5))
    counts = np.stack([np.bincount(row, minlength=classes) for row in votes])
    clear = (counts == counts.max(1, keepdims=True)).sum(1) == 1
    found = drawn("majority", single(votes, classes))
    assert clear.sum() > MANY / 4
    assert np.array_equal(found[clear], stats.mode(votes[clear], axis=1).mode)
    assert (np.take_along_axis(counts, found[:, None], 1)[:, 0] == counts.max(1)).all()


def test_ties_are_broken_evenly():
    found = drawn("majority", single(np.tile([0, 2, 2, 0, 1], (MANY, 1))))
    assert set(np.unique(found)) == {0, 2}
    close((found == 2).mean(), 0.5, MANY)
    found = drawn("majority", multi(np.tile([[[0], [1], [-1]]], (MANY, 1, 1))))
    close(found.mean(), 0.5, MANY)


def test_the_majority_of_findings_is_their_median():
    votes = np.random.default_rng(0).integers(0, 2, (500, 3, 6))
    assert np.array_equal(drawn("majority", multi(votes)), np.median(votes, axis=1))


# Shares


def test_soft_labels_are_means_of_those_who_said_something():
    random = np.random.default_rng(0)
    votes = random.integers(-1, 2, (500, 4, 6))
    own = random.integers(0, 2, (500, 6)).astype(np.uint8)
    found = drawn("soft", multi(votes, own))
    assert found.dtype == np.float32
    said = (votes >= 0).any(1)
    mean = np.array([[row[row >= 0].mean() if (row >= 0).any() else np.nan for row in image.T] for image in votes])
    np.testing.assert_allclose(found[said], mean[said], rtol=1e-6)
    assert np.array_equal(found[~said], own[~said])
    assert not said.all()


def test_labels_that_are_not_known_stay_ignored():
    votes = np.ones((10, 2, 3))
    votes[:, :, 1] = -1
    marks = np.tile(np.array([0, 1, 0], np.uint8), (10, 1))
    for decision in DECISIONS:
        found = drawn(decision, multi(votes, uncertain=marks))
        assert np.isnan(found[:, 1]).all()
        assert (found[:, [0, 2]] == 1).all()


@given(
    votes=arrays.arrays(
        np.int8, st.tuples(st.integers(1, 12), st.integers(1, 4), st.integers(1, 3)), elements=st.integers(-1, 1)
    ),
    seed=st.integers(0, 99),
)
@settings(max_examples=30)
def test_what_all_agree_on_stands_whatever_the_decision(votes, seed):
    own = np.random.default_rng(seed).integers(0, 2, (len(votes), votes.shape[2])).astype(np.uint8)
    high, low = votes.max(1), np.where(votes < 0, 2, votes).min(1)
    agreed = (high == low) & (votes >= 0).all(1)
    silent = (votes < 0).all(1)
    for decision in DECISIONS:
        found = decided(votes, own, votes.shape[2], decision, np.random.default_rng(seed))
        assert found.shape == own.shape
        assert np.array_equal(found[agreed], high[agreed])
        assert np.array_equal(found[silent], own[silent])
        assert found.min() >= 0
        assert found.max() <= 1
        again = decided(votes, own, votes.shape[2], decision, np.random.default_rng(seed))
        assert np.array_equal(found, again)


# What is declared


OLD = {
    '{"count":3,"decision":"single","kind":"annotators","matrix":[],"rate":0.3,"seed":0}': {},
    '{"count":5,"decision":"majority","kind":"annotators","matrix":[],"rate":0.1,"seed":3}': {
        "decision": "majority",
        "count": 5,
        "rate": 0.1,
        "seed": 3,
        "title": "x",
    },
    '{"decision":"single","kind":"annotators","matrix":[{"classes":[],"rows":[[1.0,0.0],[0.0,1.0]]}],"seed":0}': {
        "matrix": [{"rows": [[1, 0], [0, 1]]}]
    },
}


@pytest.mark.parametrize("key", OLD)
def test_drawn_annotators_have_the_keys_that_they_had(key):
    """As they were before there was a source."""
    assert Annotators(kind="annotators", **OLD[key]).key == key


def test_what_acts_of_the_datas_annotators_counts_and_nothing_else():
    assert asked("single").effect == {"kind": "annotators", "seed": 0, "source": "data", "decision": "single"}
    assert len({asked(decision).key for decision in DECISIONS} | {Annotators(kind="annotators").key}) == 4
    assert asked("single", seed=1).key != asked("single").key
    assert asked("soft", seed=1, title="x").key == asked("soft").key  # nothing is drawn
    for decision in DECISIONS:
        spec = asked(decision)
        assert Annotators.model_validate(spec.effect).effect == spec.effect
        assert Annotators.model_validate(spec.model_dump(mode="json")) == spec
        assert spec.name == f"the data's annotators, {decision}"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"decision": "soft"}, "decision: soft is for what the data's annotators said; say source: data, too"),
        ({"source": "data", "count": 5}, "'count' is of annotators that are drawn; leave it out, or leave out source"),
        ({"source": "data", "rate": 0.1}, "'rate' is of annotators that are drawn"),
        ({"source": "data", "matrix": [{"rows": [[1, 0], [0, 1]]}]}, "'matrix' is of annotators that are drawn"),
        ({"source": "files"}, "source"),
        ({"source": "data", "decision": "best"}, "decision"),
    ],
)
def test_what_does_not_go_together_is_refused(said, why):
    with pytest.raises(ValueError, match=why):
        Annotators(kind="annotators", **said)


@pytest.mark.parametrize(
    ("spec", "labels", "why"),
    [
        (asked("soft"), single(np.zeros((9, 2))), "soft labels of annotators are for multi-label problems"),
        (
            asked("single"),
            Labels("single-label", ("a", "b"), np.zeros(9, np.int64), np.arange(9)),
            "the problem does not know what several annotators said",
        ),
        (
            Annotators(kind="annotators"),
            multi(np.zeros((9, 2, 3))),
            "annotators noise is for single-label problems, and this one is multi-label",
        ),
    ],
)
def test_labels_that_cannot_have_it_say_why(spec, labels, why):
    with pytest.raises(UserError, match=why):
        noisy_labels(spec, labels, np.random.default_rng(0))


# In suites


class Panel(PhantomChest):
    """Films that three made-up readers have seen, every tenth of them nobody."""

    has_votes = True

    def draw(self):
        problem = super().draw()
        truth = problem.labels.targets
        wrong = np.random.default_rng(5).random((len(truth), 3, truth.shape[1])) < 0.2
        votes = np.where(wrong, 1 - truth[:, None], truth[:, None]).astype(np.int8)
        votes[::10] = -1
        labels = Labels(problem.labels.task, problem.labels.classes, truth, problem.labels.groups, votes=votes)
        return Problem("panel", problem.images, labels, "", "")


CHEST = TINY.replace("dataset: phantom-lesion", "dataset: panel").replace("epochs: 4", "epochs: 1").replace("[3]", "[]")


def suite_with(folder, noise, text=CHEST):
    register("panel")(Panel)
    (folder / "suite.yaml").write_text(text)
    overrides = [f"experiments.main.noise=[{noise}]", "experiments.main.methods=[baseline-i]"]
    return read_suite(folder / "suite.yaml", overrides, discover())


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_suite_trains_on_what_the_annotators_said(tmp_path, decision):
    made = plan(suite_with(tmp_path, f"{{kind: annotators, source: data, decision: {decision}}}"), discover())
    store = Store.at(tmp_path / "store")
    for job in made.jobs.values():
        if job.kind in ("pixels", "split", "labels"):
            execute(job, store)
    (labels,) = {cell.labels for cell in made.cells}
    job = made.jobs[labels]
    arrays_ = store.open(job.inputs["pixels"]).arrays("labels.npz")
    truth, votes = arrays_["targets"], arrays_["votes"]
    train = store.open(job.inputs["split"]).arrays("split.npz")["train"]
    kept = store.open(labels).arrays("labels.npz")["targets"]
    held_out = np.setdiff1d(np.arange(len(truth)), train)
    assert np.array_equal(kept[held_out], truth[held_out])
    read = train[(votes[train] >= 0).all((1, 2))]
    unread = np.setdiff1d(train, read)
    assert len(unread) > 0
    assert np.array_equal(kept[unread], truth[unread])
    if decision == "soft":
        np.testing.assert_allclose(kept[read], votes[read].mean(1), rtol=1e-6)
    elif decision == "majority":
        assert np.array_equal(kept[read], np.median(votes[read], axis=1))
    else:
        assert (kept[read][:, None] == votes[read]).all(2).any(1).all()
    facts = store.open(labels).json("noise.json")
    seen = kept[train] > 0.5
    assert facts["realised_rate"] == pytest.approx((seen != truth[train]).mean(), abs=1e-6)
    for c, row in enumerate(facts["realised"]):
        (stays, invented), (missed, found) = confusion_matrix(truth[train, c], seen[:, c], labels=[0, 1])
        assert row == [found, missed, stays, invented]


@pytest.mark.parametrize(
    ("dataset", "noise", "why"),
    [
        (
            "phantom-chest",
            "{kind: annotators, source: data}",
            "problem 'lesion' does not know what several annotators said, which annotators with source: data are about",
        ),
        (
            "phantom-lesion",
            "{kind: annotators, source: data, decision: soft}",
            "problem 'lesion' is single-label; soft labels of annotators are for multi-label problems",
        ),
        (
            "panel",
            "{kind: annotators}",
            "problem 'lesion' is multi-label; annotators noise is for single-label problems",
        ),
        ("panel", "{kind: annotators, source: data, rate: 0.2}", "'rate' is of annotators that are drawn"),
    ],
)
def test_a_suite_that_cannot_ask_annotators_says_so_when_it_is_read(tmp_path, dataset, noise, why):
    with pytest.raises(UserError) as error:
        suite_with(tmp_path, noise, CHEST.replace("dataset: panel", f"dataset: {dataset}"))
    assert why in str(error.value)
    assert "\n" not in str(error.value)
