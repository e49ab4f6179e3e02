"""Trackers are told what the store holds, which is read back with their own libraries; one that fails is left behind,
and the run goes on.
"""

import json
import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import command

from roskdbench.errors import UserError
from roskdbench.plugins import discover
from roskdbench.report.contents import contents_of
from roskdbench.report.formats.markdown import markdown
from roskdbench.results import collect
from roskdbench.runs import run_name
from roskdbench.tracking import Tracked, Tracker, tracked, tracker_for
from roskdbench.tracking.tracker import curves_of, flat, name_of, scalars_of
from roskdbench.values import Facts, MetricValue
from roskdbench.walk import Progress

SCORES = {"clean/f1-macro", "clean/auc-macro"}


def ignore(progress, event):
    """A view that looks away."""


def told(name, folder, smoke):
    """A bundled tracker that was told of the smoke suite, and what it should have been told."""
    made, store, _ = smoke
    progress = Progress(made)
    with Tracked(tracker_for(name, folder), made, store, ignore, discover()) as watch:
        watch(progress, None)
    assert progress.messages == []
    frame = collect(made, store).frame
    return made, store, frame[(frame["measure"] == "scores") & (frame["class"] == "")]


def a_training(made):
    """One whose teachers are weighed."""
    return next(job for job in made.jobs.values() if job.kind == "trajectory" and "bank.1" in job.inputs)


def scores_of(cell, frame):
    at = {"experiment": cell.experiment, "problem": cell.problem, "method": cell.method, "seed": cell.seed}
    for column, value in at.items():
        frame = frame[frame[column] == value]
    return {f"clean/{metric}": value for metric, value in zip(frame["metric"], frame["value"], strict=True)}


def test_tensorboard_reads_back_what_the_store_holds(smoke, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    made, store, frame = told("tensorboard", tmp_path, smoke)
    trainings = [job for job in made.jobs.values() if job.kind in ("teacher", "trajectory")]
    assert len(list(tmp_path.iterdir())) == len(trainings) + len(made.cells) + 1
    job = a_training(made)
    history = store.open(job.fingerprint).json("history.json")
    read = EventAccumulator(str(tmp_path / job.label)).Reload()
    for name in ("loss", "lr", "validation"):
        scalars = read.Scalars(f"training/{name}")
        assert [each.step for each in scalars] == [1, 2, 3]
        assert [each.value for each in scalars] == pytest.approx(history[name])
    assert [each.value for each in read.Scalars("weights/teacher 2")] == pytest.approx(
        [weights[1] for weights in history["weights"]]
    )
    cell = made.cells[0]
    (folder,) = (each for each in tmp_path.iterdir() if name_of(cell).replace("/", "-") == each.name)
    read = EventAccumulator(str(folder)).Reload()
    wanted = scores_of(cell, frame)
    assert set(wanted) >= SCORES
    for name, value in wanted.items():
        assert [each.value for each in read.Scalars(name)] == pytest.approx([value])
    (whole,) = (each for each in tmp_path.iterdir() if each.name.startswith("smoke-"))
    read = EventAccumulator(str(whole)).Reload()
    tables = contents_of(collect(made, store)).every
    texts = [read.Tensors(f"tables/{table.name}/text_summary")[0].tensor_proto.string_val[0] for table in tables]
    assert [text.decode() for text in texts] == [markdown([table]) for table in tables]
    assert {"pictures/examples-lesion", "pictures/table1-f1"} <= set(read.Tags()["images"])


def test_mlflow_reads_back_what_the_store_holds(smoke, tmp_path):
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    made, store, frame = told("mlflow", tmp_path / "files", smoke)
    client = MlflowClient(tracking_uri=(tmp_path / "files").as_uri())
    (experiment,) = (each for each in client.search_experiments() if each.name.startswith("smoke-"))
    runs = {each.info.run_name: each for each in client.search_runs([experiment.experiment_id], max_results=1000)}
    trainings = [job for job in made.jobs.values() if job.trains]
    assert len(runs) == len(trainings) + len(made.cells) + 1
    assert {each.info.status for each in runs.values()} == {"FINISHED"}
    whole = runs[experiment.name]
    assert whole.data.params["epochs"] == str(made.suite.protocol.epochs)
    job = a_training(made)
    history = store.open(job.fingerprint).json("history.json")
    training = runs[job.label]
    assert training.data.tags["mlflow.parentRunId"] == whole.info.run_id
    assert training.data.params["recipe.epochs"] == "3"
    for name, values in curves_of(history).items():
        kept = client.get_metric_history(training.info.run_id, name)
        assert [(each.step, each.value) for each in kept] == list(enumerate(values, 1))
    cell = made.cells[0]
    scored = runs[f"{name_of(cell)}, seed {cell.seed}"]
    wanted = {name.replace("@", "_"): value for name, value in scores_of(cell, frame).items()}
    assert wanted.items() <= scored.data.metrics.items()
    assert scored.data.params["method"] == cell.method
    (table, *_) = contents_of(collect(made, store)).every
    kept = client.download_artifacts(whole.info.run_id, f"tables/{table.name}.md")
    assert Path(kept).read_text("utf-8") == markdown([table])
    assert "pictures/table1-f1.png" in {each.path for each in client.list_artifacts(whole.info.run_id, "pictures")}


@pytest.mark.slow
def test_weights_and_biases_reads_back_what_the_store_holds(smoke, tmp_path):
    pytest.importorskip("wandb")
    made, store, frame = told("wandb", tmp_path, smoke)
    runs = {}
    for file in tmp_path.glob("wandb/offline-run-*/run-*.wandb"):
        run = _read(file)
        runs[run["name"]] = run
    trainings = [job for job in made.jobs.values() if job.trains]
    assert len(runs) == len(trainings) + len(made.cells) + 1
    job = a_training(made)
    history = store.open(job.fingerprint).json("history.json")
    training = runs[job.label]
    assert training["config"]["recipe.epochs"] == 3
    for name, values in curves_of(history).items():
        assert [row[name] for row in training["history"]] == values
    cell = made.cells[0]
    scored = runs[f"{name_of(cell)}, seed {cell.seed}"]
    assert scored["config"]["method"] == cell.method
    assert scores_of(cell, frame).items() <= scored["summary"].items()
    (shown,) = runs["report"]["history"]
    assert shown["pictures/table1-f1/_type"] == "image-file"
    (page,) = tmp_path.glob("wandb/offline-run-*/files/" + shown["tables/path"])
    tables = contents_of(collect(made, store)).every
    assert json.loads(page.read_text())["data"] == [[table.title, markdown([table])] for table in tables]
    sent = b"".join(path.read_bytes() for path in tmp_path.rglob("*.wandb"))
    assert {run["host"] for run in runs.values()} == {"-"}
    for private in (str(tmp_path), str(store.root), sys.executable):
        assert private.encode() not in sent


def _records(data, header=7, block=32768):
    """The records of a file of Weights & Biases: parts with a sum, a length and a kind, none beyond a block's end."""
    at, found = header, b""
    while len(data) - at > HEAD:
        if (left := block - at % block) < HEAD:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        found += data[at + HEAD : at + HEAD + length]
        at += HEAD + length
        if kind in (WHOLE, LAST):
            yield found
            found = b""


HEAD, WHOLE, LAST = 7, 1, 4


def _read(file):
    """A run of Weights & Biases, from its file of records."""
    from wandb.proto.wandb_internal_pb2 import Record

    found = {"config": {}, "summary": {}, "history": []}
    for data in _records(file.read_bytes()):
        record = Record()
        record.ParseFromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found["name"], found["host"] = record.run.display_name, record.run.host
            found["config"] |= {each.key: json.loads(each.value_json) for each in record.run.config.update}
        elif kind == "history":
            row = {each.key or "/".join(each.nested_key): json.loads(each.value_json) for each in record.history.item}
            found["history"].append(row)
        elif kind == "summary":
            found["summary"] |= {
                each.key or "/".join(each.nested_key): json.loads(each.value_json) for each in record.summary.update
            }
    return found


class Telltale(Tracker):
    """A tracker of one's own."""

    told = []

    def trained(self, label, parameters, history):
        self.told.append((label, parameters["recipe.epochs"], len(history["loss"])))

    def measured(self, cell, numbers):
        raise RuntimeError("no more room for numbers")

    def close(self):
        self.told.append("closed")


class Stranger:
    def __init__(self, folder):
        """Not a tracker."""


def test_a_tracker_of_ones_own_is_found_by_name_and_left_behind_when_it_fails(smoke, tmp_path, monkeypatch):
    made, store, _ = smoke
    monkeypatch.setitem(sys.modules, "mine", sys.modules[__name__])
    tracker = tracker_for("mine:Telltale", tmp_path)
    assert tracker.folder == tmp_path
    progress = Progress(made)
    with Tracked(tracker, made, store, ignore, discover()) as watch:
        watch(progress, None)
    assert 0 < len(tracker.told) <= 16
    assert {each[1:] for each in tracker.told} == {(3, 3)}
    assert progress.messages == ["the tracker failed and is told no more: RuntimeError: no more room for numbers"]
    with pytest.raises(UserError, match=r"derive it from roskdbench\.tracking\.Tracker"):
        tracker_for("mine:Stranger", tmp_path)


@pytest.mark.parametrize("before", [[], [""]], ids=["as a command", "as python -c has it"])
def test_a_tracker_in_this_folder_is_found_and_the_folder_is_looked_through_no_longer(tmp_path, monkeypatch, before):
    (tmp_path / "lies_here.py").write_text(
        "from roskdbench.tracking import Tracker\n\n\nclass Mine(Tracker):\n"
        "    def __init__(self, folder):\n        self.folder = folder\n"
    )
    monkeypatch.chdir(tmp_path)
    path = [*before, *(each for each in sys.path if each)]
    monkeypatch.setattr(sys, "path", list(path))
    monkeypatch.delitem(sys.modules, "lies_here", raising=False)
    assert tracker_for("lies_here:Mine", tmp_path).folder == tmp_path
    assert sys.path == path
    with pytest.raises(UserError, match="--track"):
        tracker_for("no_such_module:Mine", tmp_path)
    assert sys.path == path


@pytest.mark.parametrize("name", ["neptune", "no_such_module:Tracker", "json:Tracker", "../up:X"])
def test_an_unknown_tracker_is_one_line(name, tmp_path):
    with pytest.raises(UserError, match="--track"):
        tracker_for(name, tmp_path)


def test_what_was_told_before_goes_when_a_run_is_told_of_again(smoke):
    made, store, _ = smoke
    old = store.root / "tracking" / "tensorboard" / run_name(made) / "a training of before"
    old.mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt), tracked("tensorboard", made, store, ignore, discover()) as watch:
        watch(Progress(made), None)
        assert old.parent.is_dir()
        assert not old.exists()
        raise KeyboardInterrupt
    tables = [path for path in old.parent.rglob("*tfevents*") if b"tables/" in path.read_bytes()]
    assert tables == []  # a run that was interrupted has none


@pytest.mark.slow
def test_a_run_is_tracked_from_the_command_line(smoke):
    _, store, _ = smoke
    done = command("run", "smoke", "--store", store.root, "--track", "tensorboard")
    assert done.returncode == 0, done.stderr
    assert "Nothing to do" in done.stdout
    (run,) = (store.root / "tracking" / "tensorboard").iterdir()
    assert any("tfevents" in path.name for path in run.rglob("*"))


def test_parameters_have_plain_values_under_their_place():
    assert flat({"a": {"b": 1, "c": [1, 2]}, "d": [{"e": None}, {"e": "x"}]}) == {
        "a.b": 1,
        "a.c": "1, 2",
        "d.0.e": None,
        "d.1.e": "x",
    }


class Listener(Tracker):
    """Keeps what it is told."""

    def __init__(self, folder):
        super().__init__(folder)
        self.labels, self.scalars = [], []

    def trained(self, label, parameters, history):
        self.labels.append(label)

    def measured(self, cell, numbers):
        self.scalars.append(scalars_of(numbers))


def test_trainings_of_one_label_and_models_of_one_cell_are_told_apart(smoke, tmp_path):
    made, store, _ = smoke
    alike = {name: replace(job, label="one" if job.trains else job.label) for name, job in made.jobs.items()}
    cells = [
        replace(cell, measurements=(*cell.measurements, replace(cell.measurements[0], subject="teacher", member=2)))
        for cell in made.cells
    ]
    listener, planned = Listener(tmp_path), replace(made, jobs=alike, cells=cells)
    progress = Progress(planned)
    with Tracked(listener, planned, store, ignore, discover()) as watch:
        watch(progress, None)
    assert progress.messages == []
    assert len(set(listener.labels)) == len(listener.labels) > 1
    for told_of in listener.scalars:
        own = {name for name in told_of if not name.startswith("clean/teacher 2 ")}
        assert {name.replace("clean/", "clean/teacher 2 ") for name in own} == told_of.keys() - own != set()


def test_numbers_elsewhere_and_of_groups_are_not_those_at_home():
    places = [Facts(), Facts(test_set="other"), Facts(group="sex: male"), Facts(labels="corrected")]
    numbers = [MetricValue("auc-macro", number / 10, 9, "", facts) for number, facts in enumerate(places)]
    assert scalars_of(numbers) == {
        "clean/auc-macro": 0.0,
        "clean, on other/auc-macro": 0.1,
        "clean, sex: male/auc-macro": 0.2,
        "clean, corrected labels/auc-macro": 0.3,
    }


def test_means_over_classes_are_told_and_not_each_class(smoke):
    made, store, _ = smoke
    from roskdbench.values import from_blocks

    blocks = store.open(made.cells[0].scores).json("numbers.json")
    numbers = [
        MetricValue(metric, value, count, label, facts)
        for facts, rows in from_blocks(blocks)
        for metric, label, value, count in rows
    ]
    assert len(scalars_of(numbers)) == sum(not each[3] and each[1] is not None for each in numbers) < len(numbers)
