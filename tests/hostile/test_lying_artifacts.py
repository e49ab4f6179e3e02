"""Artifacts whose checksums and records are right and whose files no job of ours wrote: they count as damaged."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from roskdbench.artifact import CHECKSUMS, DamagedArtifactError
from roskdbench.errors import UserError
from roskdbench.fingerprint import file_digest
from roskdbench.history import history_in
from roskdbench.measuring.tested import logits_in
from roskdbench.results import collect
from roskdbench.statistics.draws_file import read_draws
from roskdbench.store import Store
from roskdbench.values import from_blocks

NUMBERS = [
    None,
    7,
    "text",
    {},
    [None],
    [[]],
    [{}],
    [{"facts": {}}],
    [{"facts": {"no such": 1}, "rows": []}],
    [{"facts": {"radius": "wide"}, "rows": []}],
    [{"facts": {"perturbation": 3}, "rows": []}],
    [{"facts": 10**30, "rows": []}],
    [{"facts": {}, "rows": 5}],
    [{"facts": {}, "rows": [["f1", "", 0.5]]}],
    [{"facts": {}, "rows": [["f1", "", "high", 9]]}],
    [{"facts": {}, "rows": [["f1", None, 0.5, 9]]}],
    [{"facts": {}, "rows": [["f1", "", 0.5, 9.5]]}],
    [{"facts": {}, "rows": [["f1", "", 10**400, 9]]}],
    [{"facts": {}, "rows": [["f1", "", 0.5, 10**30]]}],
    [{"facts": {}, "rows": [[["f1"], "", 0.5, 9]]}],
]
HISTORIES = [
    None,
    [],
    {},
    {"loss": 3},
    {"loss": ["low"]},
    {"loss": [1.0], "validation": [0.5, 0.6]},
    {"loss": [[1.0]], "validation": [0.5]},
    {"loss": [1.0], "lr": [None, 1.0]},
    {"loss": [1.0, 0.9], "weights": [[0.5], [0.5, 0.5]], "deviation": [[0.1], [0.1, 0.1]]},
    {"loss": [1.0], "weights": [[0.5, 0.5]], "deviation": [[0.1]]},
    {"loss": [1.0], "weights": [[0.5, "half"]], "deviation": [[0.1, 0.1]]},
]
LOGITS = {
    "one part": {"test": np.zeros((3, 2), np.float32)},
    "flat": {"test": np.zeros(6, np.float32), "validation": np.zeros((3, 2), np.float32)},
    "texts": {"test": np.full((3, 2), "a"), "validation": np.zeros((3, 2), np.float32)},
    "whole numbers": {"test": np.zeros((3, 2), np.int64), "validation": np.zeros((3, 2), np.float32)},
    "not a number": {"test": np.full((3, 2), np.nan, np.float32), "validation": np.zeros((3, 2), np.float32)},
}
DRAWS = {
    "no names": ({"draws": np.zeros((1, 5), np.float32)}, None),
    "names of no list": ({"draws": np.zeros((1, 5), np.float32)}, {"metrics": "7"}),
    "names that are numbers": ({"draws": np.zeros((1, 5), np.float32)}, {"metrics": "[7]"}),
    "no draws": ({"other": np.zeros((1, 5), np.float32)}, {"metrics": '["f1"]'}),
    "flat": ({"draws": np.zeros(5, np.float32)}, {"metrics": '["f1"]'}),
    "more names": ({"draws": np.zeros((1, 5), np.float32)}, {"metrics": '["f1", "auc"]'}),
}


@pytest.fixture
def store(smoke, tmp_path):
    shutil.copytree(smoke[1].root, tmp_path / "store")
    return Store(tmp_path / "store")


def of_kind(store, kind):
    return next(each for each in store.fingerprints() if store.open(each).record["kind"] == kind)


def lie(store, fingerprint, name, write):
    """Put another file into an artifact, and its checksum right."""
    path = store.path(fingerprint)
    write(path / name)
    listed = json.loads((path / CHECKSUMS).read_text())
    listed[name] = [(path / name).stat().st_size, file_digest(path / name)]
    (path / CHECKSUMS).write_text(json.dumps(listed))


def refused(store, fingerprint, name, reader):
    """It is set aside, so that the next run makes it again."""
    with pytest.raises(DamagedArtifactError, match="it was set aside") as error:
        Store(store.root).read(fingerprint, name, reader)
    assert name in str(error.value) and "\n" not in str(error.value)
    assert fingerprint not in store


def as_json(value):
    return lambda path: path.write_text(json.dumps(value))


@pytest.mark.parametrize("value", NUMBERS, ids=range(len(NUMBERS)))
def test_numbers_that_no_measure_wrote(store, value):
    one = of_kind(store, "evaluation")
    lie(store, one, "numbers.json", as_json(value))
    refused(store, one, "numbers.json", lambda path: from_blocks(json.loads(path.read_text())))


@pytest.mark.parametrize("value", HISTORIES, ids=range(len(HISTORIES)))
def test_histories_that_no_training_wrote(store, value):
    one = of_kind(store, "trajectory")
    lie(store, one, "history.json", as_json(value))
    refused(store, one, "history.json", history_in)


@pytest.mark.parametrize("arrays", LOGITS.values(), ids=LOGITS)
def test_logits_that_no_network_gave(store, arrays):
    one = of_kind(store, "predictions")
    lie(store, one, "predictions.npz", lambda path: np.savez(path, **arrays))
    refused(store, one, "predictions.npz", logits_in)


@pytest.mark.parametrize(("arrays", "said"), DRAWS.values(), ids=DRAWS)
def test_draws_that_no_bootstrap_drew(store, arrays, said):
    one = of_kind(store, "evaluation")
    lie(store, one, "draws.safetensors", lambda path: save_file(arrays, path, metadata=said))
    refused(store, one, "draws.safetensors", read_draws)


def test_what_jobs_wrote_is_read(store):
    for kind, name, reader in (
        ("evaluation", "numbers.json", lambda path: from_blocks(json.loads(path.read_text()))),
        ("trajectory", "history.json", history_in),
        ("predictions", "predictions.npz", logits_in),
        ("evaluation", "draws.safetensors", read_draws),
    ):
        assert store.read(of_kind(store, kind), name, reader)


def test_a_cell_with_such_numbers_is_a_gap_that_says_so(smoke, store):
    made = smoke[0]
    lie(store, made.cells[0].scores, "numbers.json", as_json([{"facts": {}, "rows": 5}]))
    found = collect(made, Store(store.root))
    assert made.cells[0] in [gap.cell for gap in found.gaps]
    assert all(gap.cell.scores == made.cells[0].scores for gap in found.gaps)
    assert "run the suite again" in found.gaps[0].reason


def test_draws_of_a_stranger_are_a_sentence_when_they_are_asked_for(smoke, store):
    made = smoke[0]
    scores = made.cells[0].scores
    lie(store, scores, "draws.safetensors", lambda path: save_file({"draws": np.zeros(3, np.float32)}, path))
    with pytest.raises(UserError, match="run the suite again, then report"):
        collect(made, Store(store.root)).draws(scores, ["f1-macro@tuned"])
