"""Running a suite: complete, resumable at any moment, the same bytes whoever computes it, and honest about failures."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from conftest import begun, command, moved_and_spread, payloads
from rich.console import Console

import roskdbench as rb
from roskdbench.executors.events import Lost
from roskdbench.executors.inline import InlineExecutor
from roskdbench.live import PlainView
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.report.table import Estimate
from roskdbench.results import collect, find_run
from roskdbench.runs import run_name, write_record
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.walk import run


def planned(path, *settings, folders=()):
    return plan(read_suite(path, settings), discover(folders))


def strays(store):
    places = [store.root / name for name in ("tmp", "partial", "locks")]
    return [path for place in places for path in place.iterdir()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The tiny suite, computed in one go in this process."""
    from conftest import TINY

    folder = tmp_path_factory.mktemp("undisturbed")
    path = folder / "tiny.yaml"
    path.write_text(TINY)
    made = planned(path)
    store = Store.at(folder / "store")
    progress = run(made, store)
    assert progress.well
    return path, made, store


def test_the_smoke_suite_has_numbers_for_every_cell(smoke):
    made, store, progress = smoke
    assert progress.well
    assert strays(store) == []
    results = collect(made, store)
    assert results.gaps == []
    assert len(results.frame.groupby(["experiment", "problem", "method", "student", "fold", "seed"])) == 16
    assert set(results.frame["metric"]) >= {"precision-macro", "f1-macro@tuned", "f1-macro@half", "auc", "accuracy"}
    assert results.frame["value"].dropna().between(0, 1).all()


def test_a_complete_suite_has_nothing_to_do(smoke):
    made, store, _ = smoke
    progress = run(made, store)
    assert progress.state == {}
    assert progress.well


def test_one_worker_and_three_give_the_same_bytes(undisturbed, tmp_path):
    _, made, store = undisturbed
    other = Store.at(tmp_path / "store")
    assert run(made, other, workers=3).well
    assert payloads(other, made) == payloads(store, made)


def test_records_tell_what_made_an_artifact(undisturbed):
    _, made, store = undisturbed
    for fingerprint, job in made.jobs.items():
        record = store.open(fingerprint).record
        assert record["kind"] == job.kind
        assert record["inputs"] == dict(job.inputs)
        assert record["spec"] == json.loads(json.dumps(job.spec))
        assert record["seconds"] >= 0
        assert record["process_peak_memory_bytes"] > 1e7
        assert {"python", "roskdbench", "numpy"} <= set(record["environment"])


def test_a_deep_ensemble_is_the_mean_probability_of_its_teachers(smoke):
    from scipy.special import expit, softmax

    made, store, _ = smoke
    for job in made.jobs.values():
        if job.kind != "ensemble":
            continue
        members = [
            store.open(fingerprint).arrays("predictions.npz")["test"].astype(float)
            for role, fingerprint in job.inputs.items()
            if role.startswith("member")
        ]
        task = json.loads((store.path(job.inputs["pixels"]) / "problem.json").read_text())["task"]
        chances = softmax if task == "single-label" else (lambda logits, axis: expit(logits))
        ours = chances(store.open(job.fingerprint).arrays("predictions.npz")["test"].astype(float), axis=-1)
        np.testing.assert_allclose(ours, np.mean([chances(each, axis=-1) for each in members], axis=0), atol=1e-5)


def steps_taken(folder):
    """Artifacts that are complete, and trainings that have kept an epoch."""
    places = ("??/*/checksums.json", "partial/*/checkpoint.safetensors")
    return sum(1 for place in places for _ in folder.glob(place))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_kill_9_at_any_moment_changes_no_byte(undisturbed, tmp_path, workers):
    """A real run, killed at several random moments, ends in the bytes of an undisturbed one."""
    path, made, store = undisturbed
    moments = random.Random(workers)
    folder = tmp_path / "store"
    arguments = [
        sys.executable,
        "-m",
        "roskdbench",
        "run",
        str(path),
        "--store",
        str(folder),
        "--workers",
        str(workers),
    ]
    kills, wanted = 0, 4 - workers  # every one costs the start of each process anew
    while kills < wanted:
        there = steps_taken(folder)
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        further = moments.randint(1, 3)
        while process.poll() is None and steps_taken(folder) < there + further:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.4))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    finished = command("run", path, "--store", folder, "--workers", workers)
    assert finished.returncode == 0, finished.stderr
    assert kills
    assert payloads(Store(folder), made) == payloads(store, made)
    assert strays(Store(folder)) == []


@pytest.mark.slow
def test_a_kill_in_the_middle_of_an_epoch_changes_no_byte(undisturbed, tmp_path):
    """The worker kills itself inside a training step of the third epoch; the next run goes on from the second."""
    path, made, store = undisturbed
    folder = tmp_path / "store"
    kill = (
        "import os, signal, sys\n"
        "from roskdbench.engine import training\n"
        "step = training.Training._step\n"
        "def deadly(self, at, *rest):\n"
        "    if at.epoch == 2 and at.number == 2 and self.bank:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return step(self, at, *rest)\n"
        "training.Training._step = deadly\n"
        "from roskdbench.__main__ import main\n"
        "sys.argv = ['roskdbench', *sys.argv[1:]]\n"
        "main()\n"
    )
    arguments = ["run", str(path), "--store", str(folder), "--workers", "1"]
    killed = subprocess.run([sys.executable, "-c", kill, *arguments], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list((folder / "partial").glob("*/checkpoint.safetensors"))
    assert command(*arguments).returncode == 0
    assert payloads(Store(folder), made) == payloads(store, made)
    records = [Store(folder).open(each).record for each in made.jobs]
    (resumed,) = [each for each in records if "earlier_seconds" in each]
    assert resumed["seconds"] > resumed["earlier_seconds"] > 0


@pytest.mark.slow
def test_two_runs_on_one_store_do_not_harm_each_other(undisturbed, tmp_path):
    path, made, store = undisturbed
    folder = tmp_path / "store"
    arguments = [sys.executable, "-m", "roskdbench", "run", str(path), "--store", str(folder), "--workers", "1"]
    both = [subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert payloads(Store(folder), made) == payloads(store, made)
    assert strays(Store(folder)) == []


def copied(store, folder):
    import shutil

    shutil.copytree(store.root, folder)
    return Store(folder)


def without_results(made, store):
    """Forget the ends of the graph, so that a run has to read the rest."""
    import shutil

    for fingerprint, job in made.jobs.items():
        if job.group in ("scores", "predictions"):
            shutil.rmtree(store.path(fingerprint))


@pytest.mark.parametrize("kind", ["pixels", "split", "trajectory"])
@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_artifact_is_noticed_and_computed_again(undisturbed, tmp_path, kind, damage):
    _, made, original = undisturbed
    store = copied(original, tmp_path / "store")
    without_results(made, store)
    job = next(job for job in made.jobs.values() if job.kind == kind)
    victim = max(store.path(job.fingerprint).iterdir(), key=lambda path: (path.stat().st_size, path.name))
    content = bytearray(victim.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 16
    victim.write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    progress = run(made, store)
    assert progress.well
    assert payloads(store, made) == payloads(original, made)
    if damage == "flipped":
        assert progress.messages == [f"{job.label} was damaged in the store; it is computed again"]
    assert list((store.root / "damaged").iterdir())


def test_a_truncated_score_is_computed_again_from_its_predictions(undisturbed, tmp_path):
    _, made, original = undisturbed
    store = copied(original, tmp_path / "store")
    victim = store.path(made.cells[0].scores) / "numbers.json"
    victim.write_bytes(victim.read_bytes()[:-5])
    assert len(collect(made, store).gaps) == 1
    progress = run(made, store)
    assert {made.jobs[each].group for each in progress.state} == {"scores"}
    assert payloads(store, made) == payloads(original, made)


@pytest.mark.parametrize(("kind", "name"), [("scores", "numbers.json"), ("trajectory", "job.json")])
def test_a_flipped_byte_in_what_is_only_read_for_tables_is_no_gap_and_no_traceback(undisturbed, tmp_path, kind, name):
    path, made, original = undisturbed
    store = copied(original, tmp_path / "store")
    file = store.path(next(job.fingerprint for job in made.jobs.values() if job.group == kind)) / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    done = command("run", path, "--store", store.root, "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "missing" not in done.stdout
    assert "Traceback" not in done.stderr
    assert payloads(store, made) == payloads(original, made)


def test_a_training_that_diverges_ends_its_cells_and_no_other(tiny, tmp_path):
    wild = "experiments.main.methods=[baseline-i, {method: wild, title: Wild}]"
    folder = tmp_path / "methods"
    folder.mkdir()
    (folder / "wild.py").write_text(
        "from roskdbench import Method, register\n\n\n@register('wild')\nclass Wild(Method):\n"
        "    '''Wild: explodes.'''\n\n    def loss(self, batch):\n"
        "        return batch.hard_loss() * float('nan' if batch.epoch == 1 else 1)\n"
    )
    made = planned(tiny, wild, folders=[folder])
    store = Store.at(tmp_path / "store")
    progress = run(made, store, plugin_folders=(folder,))
    assert not progress.well
    results = collect(made, store, progress.reasons)
    assert [(gap.cell.method, gap.state) for gap in results.gaps] == [("Wild", "diverged")]
    assert "epoch 2 of 4" in results.gaps[0].reason
    assert set(results.frame["method"]) == {"Baseline I"}
    again = run(made, store, plugin_folders=(folder,))
    assert not again.well  # the divergence is remembered, not tried again
    assert all(made.jobs[each].kind != "trajectory" or state == "diverged" for each, state in again.state.items())
    finished = command("run", tiny, "--set", wild, "--methods", folder, "--store", store.root, "--workers", 1)
    assert finished.returncode == 1
    assert "diverged" in finished.stdout


def test_a_method_that_fails_ends_its_cells_and_no_other(tiny, tmp_path):
    folder = tmp_path / "methods"
    folder.mkdir()
    (folder / "faulty.py").write_text(
        "from roskdbench import Method, register\n\n\n@register('faulty')\nclass Faulty(Method):\n"
        "    '''Faulty: a bug.'''\n\n    def loss(self, batch):\n        return batch.nothing\n"
    )
    made = planned(tiny, "experiments.main.methods=[baseline-i, faulty]", folders=[folder])
    store = Store.at(tmp_path / "store")
    progress = run(made, store, plugin_folders=(folder,))
    results = collect(made, store, progress.reasons)
    assert [(gap.cell.method, gap.state) for gap in results.gaps] == [("Faulty", "failed")]
    assert "AttributeError: 'Batch' object has no attribute 'nothing' (faulty.py, line 9)" in results.gaps[0].reason
    assert set(results.frame["method"]) == {"Baseline I"}
    again = run(made, store, plugin_folders=(folder,))
    assert "failed" in again.state.values()  # a failure is never cached


class DyingExecutor(InlineExecutor):
    """Loses a job once, or always."""

    times = 1

    def wait(self):
        job = self._job
        if job is not None and job.kind == "teacher" and self.times > 0:
            self.times -= 1
            self._job = None
            return [Lost(job.fingerprint, "its worker was killed")]
        return super().wait()


@pytest.mark.parametrize(("times", "well"), [(1, True), (99, False)])
def test_a_job_whose_worker_dies_is_tried_again_once(tiny, tmp_path, monkeypatch, times, well):

    from roskdbench.executors import config

    made = planned(tiny)
    store = Store.at(tmp_path / "store")
    monkeypatch.setattr(config, "InlineExecutor", type("Dying", (DyingExecutor,), {"times": times}))
    progress = run(made, store)
    assert progress.well == well
    assert any("it is tried again" in line for line in progress.messages)
    results = collect(made, store, progress.reasons)
    assert {gap.cell.method for gap in results.gaps} == (set() if well else {"Baseline V", "RoS-KD"})
    assert any("failed: its worker was killed" in line for line in progress.messages) != well


def test_without_a_terminal_a_lost_job_is_said_to_be_tried_again(tiny, tmp_path, monkeypatch):
    from roskdbench.executors import config

    monkeypatch.setattr(config, "InlineExecutor", DyingExecutor)
    screen = Console(file=StringIO(), width=200)
    with PlainView(screen) as view:
        run(planned(tiny), Store.at(tmp_path / "store"), watch=view)
    said = screen.file.getvalue()
    lost = re.search(r"left\] (teacher .+): its worker was killed; it is tried again", said)
    assert f"done: {lost[1]}" in said
    assert "failed" not in said


class SpoilingExecutor(InlineExecutor):
    """Spoils the first artifact of a kind each time that it is made."""

    def wait(self):
        job = self._job
        events = super().wait()
        if job is not None and job.kind == "split":
            (self._store.path(job.fingerprint) / "split.npz").write_bytes(b"")
        return events


def test_a_disk_that_spoils_what_is_written_is_not_asked_for_ever(tiny, tmp_path, monkeypatch):
    from roskdbench.executors import config

    monkeypatch.setattr(config, "InlineExecutor", SpoilingExecutor)
    made, store = planned(tiny), Store.at(tmp_path / "store")
    progress = run(made, store)
    assert not progress.well
    assert any("split of lesion failed: it was damaged in the store 3 times" in line for line in progress.messages)
    assert all("look at the disk" in gap.reason for gap in collect(made, store, progress.reasons).gaps)


def run_of_a_method_that_breaks_once(tiny, tmp_path, how):
    """The first time that it is trained it notes its process and does this; two workers train it."""
    folder, mark = tmp_path / "methods", tmp_path / "mark"
    folder.mkdir()
    (folder / "brittle.py").write_text(
        "import os, signal\nfrom pathlib import Path\nfrom roskdbench import Method, register\n\n\n"
        "@register('brittle')\nclass Brittle(Method):\n    '''Brittle: breaks once.'''\n\n"
        f"    def loss(self, batch):\n        mark = Path({str(mark)!r})\n        if not mark.exists():\n"
        f"            mark.write_text(str(os.getpid()))\n            {how}\n"
        "        assert mark.read_text() != str(os.getpid())\n        return batch.hard_loss()\n"
    )
    made = planned(tiny, "experiments.main.methods=[brittle]", folders=[folder])
    return run(made, Store.at(tmp_path / "store"), workers=2, plugin_folders=(folder,))


def test_a_worker_that_ran_out_of_memory_makes_way_for_another(tiny, tmp_path):
    """What filled its memory, or its GPU's, goes with it."""
    progress = run_of_a_method_that_breaks_once(tiny, tmp_path, "raise MemoryError")
    assert progress.well, progress.messages
    assert any("there was not enough memory; it is tried again" in line for line in progress.messages)


def test_a_worker_process_that_is_killed_is_replaced(tiny, tmp_path):
    progress = run_of_a_method_that_breaks_once(tiny, tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert progress.well
    assert any("its worker was killed (out of memory, perhaps); it is tried again" in m for m in progress.messages)


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tiny, tmp_path):
    arguments = ["run", str(tiny), "--store", str(tmp_path / "store"), "--workers", "2"]
    arguments += ["--set", "experiments.main.seeds=[0, 1]"]
    process = begun(*arguments)
    while steps_taken(tmp_path / "store") < 4:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command goes on from there" in out
    assert "Traceback" not in err
    assert command(*arguments).returncode == 0


def test_ctrl_c_of_a_terminal_reaches_workers_that_start_too(tiny, tmp_path):
    process = begun("run", tiny, "--store", tmp_path / "store", "--workers", 2)
    limit = time.monotonic() + 60
    while not _starting(process.pid) and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    time.sleep(0.2)  # in the midst of its imports
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in out
    assert "Traceback" not in err


def test_every_worker_is_deaf_to_ctrl_c_from_its_first_moment(tmp_path):
    """Also the first of a process, before which Python starts a tracker that lets Ctrl-C through again."""
    code = (
        "import sys; from pathlib import Path; from roskdbench.executors.processes import ProcessExecutor\n"
        "from roskdbench.store import Store\n"
        "if __name__ == '__main__':\n"
        "    executor = ProcessExecutor(Store.at(Path(sys.argv[1])), (), 2)\n"
        "    for _ in range(2):\n"
        "        status = Path(f'/proc/{executor._hire().process.pid}/status').read_text()\n"
        "        print(int(status.partition('SigBlk:')[2].split()[0], 16) >> 1 & 1)\n"
        "    executor.close()\n"
    )
    (tmp_path / "hire.py").write_text(code)
    line = [sys.executable, str(tmp_path / "hire.py"), str(tmp_path / "store")]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]


def _starting(parent):
    """What the workers of a process are forked from, if it is there."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if b"multiprocessing.forkserver" in line.read_bytes():
                found.append(int((line.parent / "stat").read_text().rpartition(")")[2].split()[1]))
    return parent in found


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a megabyte, mounted for one test; the folder and a way to change it."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options):
        return subprocess.run(["mount", *options, str(place)], capture_output=True, text=True, check=False)

    if os.geteuid() != 0 or mount("-t", "tmpfs", "-o", "size=1m", "tmpfs").returncode != 0:
        pytest.skip("mounting a small disk takes the rights to mount")
    yield place, mount
    subprocess.run(["umount", str(place)], check=False)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(undisturbed, small_disk, workers):
    path, made, store = undisturbed
    place, mount = small_disk
    arguments = ["run", path, "--store", place / "store", "--workers", workers]
    done = command(*arguments)
    assert done.returncode == 2, done.stdout
    assert done.stderr == f"roskdbench: the store {place / 'store'} cannot take more; make room and run again\n"
    kept = Store(place / "store")
    assert 0 < len(list(kept.fingerprints())) < len(made.jobs)
    assert all(each in kept for each in kept.fingerprints())
    assert not list((kept.root / "tmp").iterdir())
    mount("-o", "remount,size=64m")
    assert command(*arguments).returncode == 0
    assert payloads(Store(place / "store"), made) == payloads(store, made)
    assert strays(Store(place / "store")) == []


def test_a_read_only_disk_is_one_line(undisturbed, small_disk):
    path, _, _ = undisturbed
    place, mount = small_disk
    mount("-o", "remount,ro")
    done = command("run", path, "--store", place / "store")
    assert done.returncode == 2
    reason = f"cannot write to the store {place / 'store'}: read-only file system"
    assert done.stderr == f"roskdbench: {reason}; name another with --store DIR\n"


def test_runs_are_found_by_name_suite_or_as_the_latest(undisturbed, tmp_path):
    path, made, original = undisturbed
    store = copied(original, tmp_path / "store")
    write_record(made, store, discover(), (), {})
    for name in (None, run_name(made), str(path)):
        results = find_run(name, store, (), ())
        assert results.name == run_name(made)
        assert results.gaps == []
    assert [cell.method for cell in find_run(None, store, (), ()).plan.cells] == ["Baseline I", "Baseline V", "RoS-KD"]


def test_the_walk_counts_work(undisturbed, tmp_path):
    _, made, _ = undisturbed
    shares = []

    def watch(progress, event):
        shares.append(progress.cost_done)

    run(made, Store.at(tmp_path / "store"), watch=watch)
    assert shares[0] == 0
    assert shares[-1] == pytest.approx(1)
    assert all(0 <= share <= 1 + 1e-9 for share in shares)


def test_every_switch_of_the_protocol_can_be_thrown(tiny, tmp_path):
    """Measured precision, a rounded bank, two views in turn, folds, rotated views, another construction."""
    settings = [
        "protocol.precision=auto",
        "protocol.bank=float16",
        "protocol.views=2",
        "protocol.augmentation=paper",
        "protocol.construction=borrow",
        "protocol.stem=small",
        "experiments.main.folds=2",
        "experiments.main.methods=[{method: ros-kd, weighting: one-hot, averaging: exponential-mean}]",
    ]
    made = planned(tiny, *settings)
    store = Store.at(tmp_path / "store")
    assert run(made, store).well
    assert made.kinds()["compute_config"] == 2
    for job in made.jobs.values():
        if job.kind == "compute_config":
            config = store.open(job.fingerprint).json("compute_config.json")
            assert config["precision"] in ("float32", "bf16")
            assert len(store.open(job.fingerprint).record["step_seconds"]) == 3
        if job.kind == "bank":
            bank = store.open(job.fingerprint).array("logits.npy")
            train = store.open(job.inputs["split"]).arrays("split.npz")["train"]
            assert (bank.dtype, bank.shape) == (np.float16, (2, len(train), 8))
    assert collect(made, store).gaps == []


def test_labels_are_noisy_in_training_only(smoke):
    made, store, _ = smoke
    for job in made.jobs.values():
        if job.kind == "labels":
            labels = store.open(job.fingerprint).arrays("labels.npz")
            split = store.open(job.inputs["split"]).arrays("split.npz")
            pixels = store.open(job.inputs["pixels"]).arrays("labels.npz")
            assert labels["flipped"][split["train"]].any()
            assert np.array_equal(labels["targets"][split["train"]], pixels["noisy_targets"][split["train"]])
            for part in ("validation", "test"):
                assert not labels["flipped"][split[part]].any()
                assert np.array_equal(labels["targets"][split[part]], pixels["targets"][split[part]])
            noise = store.open(job.fingerprint).json("noise.json")
            assert noise["realised_rate"] == pytest.approx(labels["flipped"][split["train"]].mean(), abs=1e-6)


def test_teachers_learn_from_their_subsets(smoke):
    """A teacher's spec names its subset, and the subsets are those of the plan's ratio."""
    made, store, _ = smoke
    for job in made.jobs.values():
        if job.kind == "teacher" and "subsets" in job.inputs:
            members = store.open(job.inputs["subsets"]).arrays("members.npz")["members"]
            assert members.shape[0] == 2
            assert members[job.spec["subset"]].mean() == pytest.approx(1 / 1.6, abs=0.05)


def test_an_idle_worker_that_died_is_replaced(tiny, tmp_path):
    """Killed between two jobs, as by a system short of memory."""
    from roskdbench.executors import Finished
    from roskdbench.executors.processes import ProcessExecutor

    made = planned(tiny)
    store = Store.at(tmp_path / "store")
    executor = ProcessExecutor(store, (), 1)
    first, second = list(made.jobs.values())[:2]
    try:
        for job in (first, second):
            executor.start(job)
            events = executor.wait()
            while not any(isinstance(event, Finished) for event in events):
                events = executor.wait()
            executor._workers[0].process.kill()
            executor._workers[0].process.join()
    finally:
        executor.close()
    assert first.fingerprint in store
    assert second.fingerprint in store


@pytest.mark.slow
def test_bf16_moves_the_scores_of_quick_no_further_than_seeds_do(tmp_path):
    """A part of quick: bf16 is slow where the processor has no instructions for it. `benchmarks/precisions.py` and the
    tests on a GPU hold all of its first table to this.
    """
    settings = {
        "problems.lesion": {"dataset": "phantom-lesion", "size": 28, "samples": 480},
        "protocol.epochs": 8,
        "protocol.optimiser.milestones": [6],
        "protocol.averaging_warmup": 4,
        "experiments.table1.problems": ["lesion"],
        "experiments.table1.methods": ["baseline-i"],
        "experiments.table1.noise": ["none"],
        "experiments.table1.seeds": [0, 1, 2],
        "experiments.table1.students": [
            {"model": "resnet18", "options": {"channels": [8, 16, 16, 32], "layers": [1, 1, 1, 1]}}
        ],
    }
    areas = []

    def frame(precision):
        said = {**settings, "protocol.precision": precision}
        found = rb.run("quick", store=tmp_path / "store", only=["table1"], settings=said).results
        areas.append(found.loc[found["metric"] == "auc-macro", "value"].mean())
        return found

    moved, spread = moved_and_spread(frame, "bf16")
    assert min(areas) > 0.55  # both learn: two networks that know nothing would agree as well
    assert moved <= spread


def test_a_measure_that_fails_takes_no_other_with_it(tiny, tmp_path, monkeypatch):
    """Scores stand though an attack could not be made; in place of what is not there stands why."""
    from roskdbench.jobs import measurement
    from roskdbench.report.contents import tables_of

    measures = "[scores, calibration, {measure: attacks, images: 8, checked: 4, attacks: [fgsm linf 1/255]}]"
    made = planned(tiny, f"experiments.main.measures={measures}", "experiments.main.methods=[baseline-i, baseline-v]")
    good, failing = measurement.run, next(job for job in made.jobs.values() if job.group == "attacks")

    def sometimes(context):
        if context.job.fingerprint == failing.fingerprint:
            raise RuntimeError("no room on the device")
        return good(context)

    monkeypatch.setattr(measurement, "run", sometimes)
    store = Store.at(tmp_path / "store")
    progress = run(made, store)
    assert not progress.well
    results = collect(made, store, progress.reasons)
    (gap,) = results.gaps
    assert (gap.cell.method, gap.state, gap.without) == ("Baseline I", "failed", ("attacks",))
    tables = {table.name: table for table in tables_of(results, "main")}
    assert all(isinstance(cell, Estimate) for _, cells in tables["main"].rows for cell in cells)
    for labels, cells in tables["main-attacks"].rows:
        assert ("failed" in cells) == (labels[0] == "Baseline I")
    assert any("failed: 1 cell, attacks only." in note and "no room on the device" in note
               for note in tables["main"].notes)  # fmt: skip
