"""Trackers are told what the store holds; one that fails is left behind, and the run goes on."""

import sys

import pytest
from conftest import command

from roskdbench.errors import UserError
from roskdbench.tracking import TensorBoard, Tracked, tracker_for
from roskdbench.walk import Progress


def ignore(progress, event):
    """A view that looks away."""


def test_tensorboard_reads_back_what_the_store_holds(smoke, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    made, store, _ = smoke
    with Tracked(TensorBoard(tmp_path), made, store, ignore) as watch:
        watch(Progress(made), None)
    trainings = [job for job in made.jobs.values() if job.kind in ("teacher", "trajectory")]
    folders = {folder.name for folder in tmp_path.iterdir()}
    assert len(folders) == len(trainings) + len(made.cells)
    job = next(job for job in trainings if job.kind == "trajectory" and "bank.1" in job.inputs)
    history = store.open(job.fingerprint).json("history.json")
    read = EventAccumulator(str(tmp_path / job.label)).Reload()
    for name in ("loss", "lr", "validation"):
        scalars = read.Scalars(f"training/{name}")
        assert [each.step for each in scalars] == [1, 2, 3]
        assert [each.value for each in scalars] == pytest.approx(history[name])
    assert [each.value for each in read.Scalars("weights/teacher 2")] == pytest.approx(
        [weights[1] for weights in history["weights"]]
    )


class Telltale:
    """A tracker of one's own."""

    told = []

    def __init__(self, folder):
        self.folder = folder

    def trained(self, label, history):
        self.told.append((label, len(history["loss"])))

    def measured(self, cell, numbers):
        raise RuntimeError("no more room for numbers")

    def close(self):
        self.told.append("closed")


def test_a_tracker_of_ones_own_is_found_by_name_and_left_behind_when_it_fails(smoke, tmp_path, monkeypatch):
    made, store, _ = smoke
    monkeypatch.setitem(sys.modules, "mine", sys.modules[__name__])
    tracker = tracker_for("mine:Telltale", tmp_path)
    assert tracker.folder == tmp_path
    progress = Progress(made)
    with Tracked(tracker, made, store, ignore) as watch:
        watch(progress, None)
    assert 0 < len(tracker.told) <= 16
    assert "closed" not in tracker.told
    assert progress.messages == ["the tracker failed and is told no more: RuntimeError: no more room for numbers"]


@pytest.mark.parametrize("name", ["wandb", "no_such_module:Tracker", "json:Tracker"])
def test_an_unknown_tracker_is_one_line(name, tmp_path):
    with pytest.raises(UserError, match="--track"):
        tracker_for(name, tmp_path)


def test_a_run_is_tracked_from_the_command_line(smoke):
    _, store, _ = smoke
    done = command("run", "smoke", "--store", store.root, "--track", "tensorboard")
    assert done.returncode == 0, done.stderr
    assert "Nothing to do" in done.stdout
    (run,) = (store.root / "tracking").iterdir()
    assert any(run.iterdir())
