"""Memorisation: the share of flipped labels that a model reproduces, and of those it sets right."""

import numpy as np
import pytest
from conftest import TINY, command
from hypothesis import given
from hypothesis import strategies as st

from roskdbench.engine.networks import load_network
from roskdbench.engine.prediction import logits_for
from roskdbench.measuring.memorisation import memorisation_rows
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.report.table import Estimate
from roskdbench.report.tables.scores import score_table
from roskdbench.results import collect
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.walk import run


def shares(rows):
    return {(metric, name): (value, number) for metric, name, value, number in rows}


@given(st.integers(0, 10_000), st.integers(1, 80))
def test_single_label_shares_are_those_of_a_plain_count(seed, samples):
    random = np.random.default_rng(seed)
    truth, seen = random.integers(0, 4, (2, samples))
    logits = random.normal(size=(samples, 4)).astype(np.float32)
    flipped = (truth != seen).astype(np.uint8)
    found = shares(memorisation_rows("single-label", "abcd", truth, seen, flipped, logits))
    for name, members in [("", range(4)), *((name, [c]) for c, name in enumerate("abcd"))]:
        rows = [i for i in range(samples) if truth[i] != seen[i] and truth[i] in members]
        said = {i: max(range(4), key=lambda c, i=i: logits[i, c]) for i in rows}
        wanted = [sum(said[i] == which[i] for i in rows) / len(rows) if rows else None for which in (seen, truth)]
        assert found["memorised", name] == (wanted[0], len(rows))
        assert found["corrected", name] == (wanted[1], len(rows))


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_multi_label_shares_are_those_of_a_plain_count(seed, samples):
    random = np.random.default_rng(seed)
    truth, seen = random.integers(0, 2, (2, samples, 3)).astype(np.uint8)
    logits = random.normal(size=(samples, 3)).astype(np.float32)
    found = shares(memorisation_rows("multi-label", "abc", truth, seen, (truth != seen).astype(np.uint8), logits))
    places = [(i, c) for i in range(samples) for c in range(3) if truth[i, c] != seen[i, c]]
    hits = [(logits[i, c] >= 0) == bool(seen[i, c]) for i, c in places]
    assert found["memorised", ""] == (sum(hits) / len(hits) if hits else None, len(hits))
    if hits:
        assert found["memorised", ""][0] + found["corrected", ""][0] == pytest.approx(1)


def test_a_model_that_repeats_its_labels_memorises_all_and_one_that_knows_better_none():
    truth, seen = np.array([0, 1, 2, 3]), np.array([1, 2, 3, 0])
    flipped = np.ones(4, np.uint8)
    for labels, wanted in ((seen, (1.0, 0.0)), (truth, (0.0, 1.0))):
        rows = memorisation_rows("single-label", "abcd", truth, seen, flipped, np.eye(4, dtype=np.float32)[labels])
        found = shares(rows)
        assert (found["memorised", ""][0], found["corrected", ""][0]) == wanted


SETTINGS = [
    "experiments.main.noise=[none, {kind: symmetric, rate: 0.4}]",
    "experiments.main.measures=[scores, memorisation]",
    "experiments.main.methods=[baseline-i, ros-kd, deep-ensemble]",
]


@pytest.fixture(scope="module")
def remembered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("remembered")
    (folder / "tiny.yaml").write_text(TINY)
    made = plan(read_suite(folder / "tiny.yaml", SETTINGS), discover())
    store = Store.at(folder / "store")
    assert run(made, store).well
    return folder, made, store, collect(made, store)


def test_the_measure_asks_the_student_that_is_scored(remembered):
    _, made, store, results = remembered
    for cell in made.cells:
        if cell.registered == "deep-ensemble" or cell.noise == "none":
            continue
        scores = made.jobs[made.jobs[cell.scores].inputs["predictions"]]
        arrays = store.open(cell.labels).arrays("labels.npz")
        pixels = store.open(scores.inputs["pixels"])
        train = store.open(scores.inputs["split"]).arrays("split.npz")["train"]
        chosen = train[arrays["flipped"][train] == 1]
        network, _ = load_network(store.open(scores.inputs["model"]).file(f"{scores.spec['reading']}.safetensors"))
        said = logits_for(network, pixels.array("images.npy"), chosen, "cpu").argmax(-1)
        frame = results.frame
        rows = frame[
            (frame["method"] == cell.method)
            & (frame["noise"] == cell.noise)
            & (frame["measure"] == "memorisation")
            & (frame["subject"] == "student")
            & (frame["class"] == "")
        ].set_index("metric")
        assert rows.loc["memorised", "value"] == pytest.approx((said == arrays["targets"][chosen]).mean())
        assert rows.loc["memorised", "n"] == len(chosen)


def test_teachers_are_asked_about_flips_they_learnt_from_and_others(remembered):
    _, made, store, results = remembered
    noise = "symmetric 0.4"
    frame = results.frame[(results.frame["noise"] == noise) & (results.frame["class"] == "")]
    frame = frame[(frame["measure"] == "memorisation") & frame["metric"].str.startswith("memorised")]
    ros = frame[(frame["method"] == "RoS-KD") & (frame["subject"] == "teacher")].set_index(["member", "metric"])
    cell = next(cell for cell in made.cells if cell.method == "RoS-KD" and cell.noise == noise)
    arrays = store.open(cell.labels).arrays("labels.npz")
    total = int(arrays["flipped"].sum())
    assert set(ros.index.get_level_values("member")) == {1, 2}
    for member in (1, 2):
        seen = ros.loc[(member, "memorised"), "n"]
        assert 0 < seen < total
        assert seen + ros.loc[(member, "memorised-unseen"), "n"] == total
    whole = frame[frame["method"] == "Deep ensemble"].set_index(["member", "metric"])
    assert whole.loc[(1, "memorised"), "n"] == total
    assert set(whole.index) == {(1, "memorised"), (2, "memorised")}
    assert set(whole["subject"]) == {"teacher"}


def test_the_table_shows_it_beside_the_scores(remembered):
    folder, _, _, results = remembered
    table = score_table(results, "main")
    group = [column.heading for column in table.columns if column.group == "lesion, flipped training labels"]
    assert group == ["memorised", "corrected", "by teachers"]
    rows = {tuple(labels): cells for labels, cells in table.rows}
    c = len(table.columns)
    assert rows["RoS-KD", "none"][c - 3 :] == [None, None, None]
    assert all(isinstance(cell, Estimate) for cell in rows["RoS-KD", "symmetric 0.4"][c - 3 :])
    assert rows["Baseline I", "symmetric 0.4"][c - 1] is None
    frame = results.frame
    teachers = frame[
        (frame["method"] == "RoS-KD")
        & (frame["noise"] == "symmetric 0.4")
        & (frame["measure"] == "memorisation")
        & (frame["subject"] == "teacher")
        & (frame["class"] == "")
        & (frame["metric"] == "memorised")
    ]
    assert rows["RoS-KD", "symmetric 0.4"][c - 1].mean == pytest.approx(teachers["value"].mean())
    done = command("report", "--store", "store", "tiny.yaml", *(f"--set={each}" for each in SETTINGS), cwd=folder)
    assert "lesion, flipped training labels" in done.stdout, done.stderr
    assert "Training labels of lesion, symmetric 0.4 noise:" in done.stdout
