"""Whoever computes jobs, the bytes are the same; what is asked of them wrongly is one line."""

import ipaddress
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from conftest import TINY, begun, command, payloads

from roskdbench.engine import GPU_SHARERS
from roskdbench.engine.device import prepare
from roskdbench.errors import UserError
from roskdbench.executors import Damaged, ExecutorConfig, Lost, config
from roskdbench.executors import attempt as attempts
from roskdbench.executors.config import default_devices, default_workers, visible_as
from roskdbench.executors.deterministic_cpu import variables
from roskdbench.executors.processes import DEVICES, ProcessExecutor
from roskdbench.executors.shipping import make_private, packed, unpacked
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.walk import run

SMALL = TINY.replace("[baseline-i, baseline-v, ros-kd]", "[baseline-i, mine]").replace("epochs: 4", "epochs: 12")
MINE = '''
import time
from pathlib import Path

from roskdbench import Method, register


@register("mine")
class Mine(Method):
    """Mine: a method of one's own, with code that has to travel."""

    def loss(self, batch):
        Path("PLACE/here").touch()
        while not Path("PLACE/on").exists():  # it is at work for as long as the test wants it to be
            time.sleep(0.05)
        return 1.5 * batch.hard_loss()
'''


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A small suite with a method of one's own, its plan, and what it comes to in this process."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "mine").mkdir()
    (folder / "mine" / "mine.py").write_text(MINE.replace("PLACE", str(folder)))
    (folder / "on").touch()
    (folder / "small.yaml").write_text(SMALL)
    made = plan(read_suite(str(folder / "small.yaml")), discover([folder / "mine"]))
    store = Store.at(folder / "store")
    assert run(made, store, plugin_folders=(folder / "mine",)).well
    return folder, made, payloads(store, made)


@pytest.fixture
def _no_yielding(monkeypatch):
    """Ray lets its workers yield to everything else on the machine, and other tests are."""
    monkeypatch.setenv("RAY_worker_niceness", "0")


@pytest.mark.slow
@pytest.mark.usefixtures("_no_yielding")
def test_two_nodes_of_a_ray_cluster_give_the_same_bytes_also_after_one_went(alone, tmp_path):
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    folder, made, wanted = alone
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    first = cluster.add_node(num_cpus=1)
    store = Store.at(tmp_path / "store")
    (folder / "on").unlink()
    (folder / "here").unlink()

    def take_away():
        limit = time.monotonic() + 300
        while not (folder / "here").exists() and time.monotonic() < limit:
            time.sleep(0.05)
        cluster.remove_node(first, allow_graceful=False)

    def watch(progress, event):
        if isinstance(event, Lost) and not (folder / "on").exists():
            cluster.add_node(num_cpus=1)
            cluster.add_node(num_cpus=1)
            (folder / "on").touch()

    thread = threading.Thread(target=take_away)
    thread.start()
    try:
        ray = ExecutorConfig(kind="ray", workers=2, address=cluster.address)
        progress = run(made, store, plugin_folders=(folder / "mine",), watch=watch, executor=ray)
        thread.join()
    finally:
        (folder / "on").touch()
        cluster.shutdown()
    assert progress.well, progress.reasons
    assert any("it is tried again" in message for message in progress.messages)
    assert payloads(store, made) == wanted


@pytest.mark.slow
def test_slurm_tasks_give_the_same_bytes(alone, tmp_path):
    """Through submitit's own stand-in for Slurm, which runs the same tasks as processes."""
    pytest.importorskip("submitit")
    folder, _, wanted = alone
    suite = read_suite(str(folder / "small.yaml"), ["experiments.main.methods=[mine]"])
    made = plan(suite, discover([folder / "mine"]))
    store = Store.at(tmp_path / "store")
    slurm = ExecutorConfig(kind="slurm", workers=2, options={"cluster": "local"})
    progress = run(made, store, plugin_folders=(folder / "mine",), executor=slurm)
    assert progress.well, progress.reasons
    found = payloads(store, made)
    assert found == {key: wanted[key] for key in found}
    assert {path.name for path in tmp_path.iterdir()} == {"store", "store-slurm"}
    assert (tmp_path / "store-slurm").stat().st_mode & 0o077 == 0


def test_a_preempted_task_is_queued_again_as_it_is(alone, tmp_path):
    submitit = pytest.importorskip("submitit")
    from roskdbench.executors.slurm import Task

    _, made, _ = alone
    job = next(iter(made.jobs.values()))
    task = Task(job, tmp_path, tmp_path / "note.json", ())
    again = task.checkpoint()
    assert isinstance(again, submitit.helpers.DelayedSubmission)
    assert again.function is task


def test_a_task_that_does_not_see_the_store_says_so(alone, tmp_path):
    pytest.importorskip("submitit")
    from roskdbench.executors.slurm import Task

    _, made, _ = alone
    event = Task(next(iter(made.jobs.values())), tmp_path / "nowhere", tmp_path / "note.json", ())()
    assert event.fatal
    assert "does not see the store" in event.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--executor", "ray", "--address", "127.0.0.1:1"), "no Ray cluster at 127.0.0.1:1"),
        (("--executor", "slurm"), "--executor slurm: Could not detect"),
        (("--executor", "slurm", "--slurm", "partition"), "--slurm partition: say KEY=VALUE"),
        (("--devices", "gpu:0"), "--devices gpu:0: say cpu, or cuda and a number"),
        (("--devices", "cuda:99"), "--devices cuda:99: "),
        (("--address", "auto"), "--address is for --executor ray, and this is local"),
        (("--track", "mytracker"), "--track mytracker: say tensorboard"),
    ],
)
def test_a_mistake_is_one_line(tiny, tmp_path, arguments, said):
    environment = {"RAY_raylet_start_wait_time_s": "5", "PATH": str(Path(sys.executable).parent)}
    done = command("run", tiny, "--store", tmp_path / "store", *arguments, **environment)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().count("\n") == 0, done.stderr
    assert said in done.stderr


def test_workers_are_spread_over_devices(alone, tmp_path):
    """As the workers' own environment says."""
    _, made, _ = alone
    first = [job for job in made.jobs.values() if not job.inputs]
    executor = ProcessExecutor(Store.at(tmp_path / "store"), (), 4, ["5", "7"])
    try:
        for job in first:
            executor.start(job)
        for _ in range(4 - len(first)):
            executor._hire()
        seen = []
        for worker in executor._workers:
            place = Path(f"/proc/{worker.process.pid}/environ")
            while (lines := place.read_bytes().split(b"\0")) == [b""]:  # it is just being started
                assert worker.process.is_alive()
                time.sleep(0.01)
            seen += [line.partition(b"=")[2].decode() for line in lines if line.startswith(DEVICES.encode())]
            assert f"{GPU_SHARERS}=2".encode() in lines
        assert sorted(seen) == ["5", "5", "7", "7"]
    finally:
        executor.close()


def test_devices_are_named_among_those_that_may_be_seen(monkeypatch):
    monkeypatch.delenv(DEVICES, raising=False)
    monkeypatch.setattr(config, "gpus", lambda: [config.Gpu(str(number), f"GPU-{number}", 0) for number in range(7)])
    assert [visible_as(each) for each in ("cuda:0", "cuda:3", "cpu")] == ["GPU-0", "GPU-3", ""]
    monkeypatch.setenv(DEVICES, "4,6")
    assert visible_as("cuda:1") == "6"
    with pytest.raises(UserError, match="there are 2, from cuda:0 on"):
        visible_as("cuda:2")


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("0,1", ["0", "1"]),
        ("-1", []),
        ("", []),
        ("NoDevFiles", []),
        ("1,-1,0", ["1"]),
        ("GPU-8a, MIG-1", ["GPU-8a", "MIG-1"]),
    ],
)
def test_what_is_no_gpu_ends_the_list_of_those_that_may_be_seen(monkeypatch, said, seen):
    monkeypatch.setattr(config, "gpus", lambda: [config.Gpu("0", "GPU-0", 0)])
    monkeypatch.setenv(DEVICES, said)
    assert default_devices() == seen


class TestTheGpusOfAMachine:
    """As the driver's program lists them."""

    @pytest.fixture(autouse=True)
    def _asked_anew(self):
        config.gpus.cache_clear()
        yield
        config.gpus.cache_clear()

    @pytest.mark.parametrize(
        ("says", "found"),
        [
            ("echo '0, GPU-a, 81000'; echo '1, GPU-b, 17'", [("0", "GPU-a", 81000), ("1", "GPU-b", 17)]),
            ("echo '0, GPU-a, [N/A]'", [("0", "GPU-a", 0)]),
            ("echo '0, GPU-a, 17'; echo 'WARNING: infoROM is corrupted'", [("0", "GPU-a", 17)]),
            ("echo 'NVIDIA-SMI has failed'; exit 9", []),
            ("echo 'No devices were found'", []),
        ],
    )
    def test_are_read_from_what_it_prints(self, monkeypatch, tmp_path, says, found):
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{says}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        assert [(each.index, each.uuid, each.free) for each in config.gpus()] == found

    @pytest.mark.parametrize(("driver", "found"), [("libcuda.so.1", ["0", "1"]), (None, [])])
    def test_are_counted_where_it_is_missing(self, monkeypatch, tmp_path, driver, found):
        for name in ("nvidia0", "nvidia7", "nvidiactl", "nvidia-uvm"):
            (tmp_path / name).touch()
        monkeypatch.setattr(config, "DEVICE_FILES", tmp_path)
        monkeypatch.setattr(config, "find_library", lambda name: driver)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv(DEVICES, raising=False)
        assert [each.index for each in config.gpus()] == found
        assert default_devices() == found  # by number, for want of a name
        assert default_workers(found) == (min(2, config.cores()) if found else config.cores())


@pytest.mark.parametrize(
    ("free", "devices", "cores", "workers"),
    [
        ([], [], 6, 6),
        ([140_000], ["0"], 16, 4),
        ([9_000, 30_000], ["0", "1"], 16, 3),
        ([9_000, 90_000], ["1"], 16, 4),
        ([9_000, 90_000], ["GPU-1"], 16, 4),
        ([90_000], ["MIG-of-some-name"], 16, 1),
        ([90_000], [""], 16, 16),
        ([140_000], ["0"], 2, 2),
    ],
)
def test_as_many_workers_as_cores_or_as_memory_on_the_chosen_gpus_takes(monkeypatch, free, devices, cores, workers):
    there = [config.Gpu(str(number), f"GPU-{number}", each) for number, each in enumerate(free)]
    monkeypatch.setattr(config, "gpus", lambda: there)
    monkeypatch.setattr(config, "cores", lambda: cores)
    assert default_workers(devices) == workers


def test_a_worker_that_was_given_a_gpu_does_not_make_do_without(monkeypatch):
    monkeypatch.setenv(GPU_SHARERS, "1")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="torch does not see the GPU"):
        prepare()


def test_method_files_arrive_as_they_were(tmp_path, monkeypatch):
    named, given = tmp_path / "named", tmp_path / "given"
    for folder, text in ((named, "one = 1\n"), (given, "two = 'zwei'\n")):
        folder.mkdir()
        (folder / "method.py").write_text(text)
    monkeypatch.setenv("ROSKDBENCH_PLUGINS", str(named))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    shipped = packed([given])
    places = unpacked(shipped)
    assert [(place / "method.py").read_text() for place in places] == ["one = 1\n", "two = 'zwei'\n"]
    assert unpacked(shipped) == places
    assert "ROSKDBENCH_PLUGINS" not in os.environ
    monkeypatch.setattr("tempfile.tempdir", None)


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path):
    """What is in it would be run."""
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(UserError, match="can be written by others"):
        make_private(tmp_path / "open")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="can be written by others"):
        make_private(tmp_path / "link")
    make_private(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_not_enough_memory_is_tried_again_and_a_vanished_input_made_again(alone, tmp_path, monkeypatch):
    _, made, _ = alone
    store = Store.at(tmp_path / "store")
    job = next(job for job in made.jobs.values() if job.kind == "split")

    def raising(error):
        def execute(*arguments):
            raise error

        return execute

    monkeypatch.setattr(attempts, "execute", raising(torch.OutOfMemoryError("CUDA out of memory")))
    assert isinstance(attempts.attempt(job, store, (), print), Lost)
    monkeypatch.setattr(attempts, "execute", raising(FileNotFoundError("images.npy")))
    assert attempts.attempt(job, store, (), print) == Damaged(job.fingerprint, job.inputs["pixels"])


@pytest.fixture
def ray_folder():
    """Where Ray keeps its files, named briefly enough for its sockets; another Ray's address is left there."""
    with TemporaryDirectory(prefix="ray", dir="/tmp") as folder:
        (Path(folder) / "ray").mkdir()
        (Path(folder) / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
        yield folder


@pytest.mark.slow
@pytest.mark.usefixtures("_no_yielding")
def test_ctrl_c_leaves_no_ray_behind(tiny, tmp_path, ray_folder):
    pytest.importorskip("ray")
    line = ["run", tiny, "--store", tmp_path / "store", "--executor", "ray", "--workers", 2]
    process = begun(*line, RAY_TMPDIR=ray_folder)
    limit = time.monotonic() + 300
    while not list((tmp_path / "store").glob("??/*/checksums.json")) and time.monotonic() < limit:
        time.sleep(0.1)
    rays = _rays(ray_folder)
    assert rays
    for each in rays:  # nobody else's machine can knock, and nobody without the token comes in
        given = (each.parent / "environ").read_bytes().split(b"\0")
        assert b"RAY_AUTH_MODE=token" in given
        assert any(re.fullmatch(rb"RAY_AUTH_TOKEN=[0-9a-f]{64}", name) for name in given)
        assert set(_listens(each.parent)) in ({"127.0.0.1"}, {"::1"})
    process.send_signal(2)
    said, wrong = process.communicate(timeout=200)
    assert process.returncode == 130, said + wrong
    assert "the same command goes on from there" in said
    limit = time.monotonic() + 120
    while _rays(ray_folder) and time.monotonic() < limit:
        time.sleep(0.2)
    assert not _rays(ray_folder)


def _listens(process):
    """The addresses that a process listens at."""
    own = set()
    for handle in (process / "fd").iterdir():
        with suppress(OSError):
            own.add(str(handle.readlink()))
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            place, state, inode = (line.split()[number] for number in (1, 3, 9))
            if state == "0A" and f"socket:[{inode}]" in own:
                raw = bytes.fromhex(place.partition(":")[0])
                words = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
                address = ipaddress.ip_address(words)
                yield str(getattr(address, "ipv4_mapped", None) or address)


def _rays(folder):
    """Processes of Ray that keep their files there."""
    found = []
    for name in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if name.read_text().strip() in ("raylet", "gcs_server"):
                found += [name for line in [(name.parent / "cmdline").read_bytes()] if folder.encode() in line]
    return found


@pytest.mark.slow
def test_one_instruction_set_for_all_processors_whatever_the_environment_asks_for(tmp_path):
    """Each of these lots of native code has its own last digits on a processor that has them all."""
    (tmp_path / "tiny.yaml").write_text(TINY.replace("baseline-i, baseline-v, ros-kd", "baseline-i"))
    lots = ({}, {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "NPY_DISABLE_CPU_FEATURES": "X86_V4"})
    made = plan(read_suite(str(tmp_path / "tiny.yaml")), discover())
    found = []
    for number, lot in enumerate(lots):
        store = tmp_path / str(number)
        done = command("run", tmp_path / "tiny.yaml", "--deterministic-cpu", "--store", store, **lot)
        assert done.returncode == 0, done.stderr
        found.append(payloads(Store(store), made))
        records = [Store(store).open(each).record for each in made.jobs if made.jobs[each].trains]
        assert {each["environment"]["instructions"] for each in records} == {
            "one for all x86-64 processors (--deterministic-cpu)"
        }
    assert found[0] == found[1]


def test_one_instruction_set_is_for_the_processors_of_this_machine(monkeypatch):
    with pytest.raises(UserError, match="--deterministic-cpu is for --executor local, and this is slurm"):
        ExecutorConfig(kind="slurm", deterministic_cpu=True)
    monkeypatch.setattr(config, "default_devices", lambda: ["0"])
    with pytest.raises(UserError, match="computes on the processor; --devices says cuda:0"):
        ExecutorConfig(devices=("cuda:0",), deterministic_cpu=True)
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    with pytest.raises(UserError, match="for x86-64 processors, and this is arm64"):
        variables()


@pytest.mark.slow
@pytest.mark.usefixtures("_no_yielding")
@pytest.mark.parametrize("executor", ["ray", "slurm"])
def test_workers_elsewhere_import_nothing_from_the_folder_of_the_command(tiny, tmp_path, executor, ray_folder):
    """Of modules that workers import; one that the command itself had imported would not show it."""
    pytest.importorskip({"ray": "ray", "slurm": "submitit"}[executor])
    folder = tmp_path / "downloads"
    folder.mkdir()
    for name in ("numpy", "torch", "timm", "multiprocessing", "sitecustomize"):
        (folder / f"{name}.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / name)!r}).touch()\n")
    options = ["--slurm", "cluster=local"] if executor == "slurm" else []
    line = ["run", tiny, "--store", tmp_path / "store", "--executor", executor, "--workers", 2, *options]
    done = subprocess.run(
        [sys.executable, "-m", "roskdbench", *map(str, line)],
        cwd=folder,
        env={**os.environ, "RAY_TMPDIR": ray_folder},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} - {"store", "store-slurm"} == {"downloads", tiny.name}
