"""A tiny suite and a store that was run once, for all tests. Nothing here imports torch before a test needs it."""

import atexit
import fcntl
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from roskdbench import fingerprint, plugins
from roskdbench.artifact import CHECKSUMS, RECORD
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.runs import write_record
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.walk import Progress, run

settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")

ROOT = Path(__file__).parent.parent

SHOWN = [f"{metric}-macro{at}" for metric in ("precision", "recall", "f1") for at in ("", "@tuned")] + ["auc-macro"]

TINY = """
suite: tiny
problems:
  lesion: {dataset: phantom-lesion, size: 28, samples: 128}
protocol:
  epochs: 4
  batch: 16
  optimiser: {lr: 0.05, milestones: [3]}
  stem: standard
  teachers:
    - {model: resnet18, title: A, options: {channels: [8, 8, 8, 8], layers: [1, 1, 1, 1]}}
    - {model: resnet18, title: B, options: {channels: [8, 8, 8, 16], layers: [1, 1, 1, 1]}}
  averaging_warmup: 1
  augmentation: light
experiments:
  main:
    title: A tiny table
    methods: [baseline-i, baseline-v, ros-kd]
    students: [{model: resnet18, title: A, options: {channels: [8, 8, 8, 8], layers: [1, 1, 1, 1]}}]
    noise: [own]
"""


MEASURED = TINY.replace(
    "    noise: [own]",
    """    noise: [own]
    measures:
      - scores
      - calibration
      - {measure: attacks, preset: paper, images: 24, sweep: [1/255, 4/255]}
      - {measure: landscape, points: 5}
""",
)


def pytest_addoption(parser):
    parser.addoption("--train-nothing", action="store_true", help="a test that trains fails")
    parser.addoption("--without-torch", action="store_true", help="a test that imports torch fails")
    parser.addoption("--reseed", default="", help="all that is drawn at random is drawn otherwise")


def pytest_configure(config):
    if (salt := config.getoption("--reseed")) and "RESEED" not in os.environ:  # else sitecustomize has done it
        there = os.environ.get("PYTHONPATH")
        os.environ |= {
            "RESEED": salt,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "reseeding"), *([there] if there else [])]),
        }
        plain = fingerprint.seed_for
        for name, module in list(sys.modules.items()):
            if name.startswith("roskdbench") and hasattr(module, "seed_for"):
                module.seed_for = lambda *purpose: plain("tests", salt, *purpose)
    if config.getoption("--without-torch"):
        sys.meta_path.insert(0, _NoTorch())


class _NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "timm"):
            raise ImportError(f"{name} was imported by a test of a room without torch")


@pytest.fixture(autouse=True)
def _trains_only_where_it_may(request, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("this test trains, and is among those that do not")

    if request.config.getoption("--train-nothing"):
        from roskdbench.engine.training import Training

        monkeypatch.setattr(Training, "run", refuse)


@pytest.fixture(autouse=True)
def _the_smallest_numbers_are_numbers(request):
    """Trainings make the processor take them for zero, and Hypothesis refuses to draw numbers on such a one."""
    if "torch" in sys.modules and getattr(request.function, "hypothesis", None):
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(autouse=True)
def _plugins_of_a_test_end_with_it():
    plugins.discover()
    for family in plugins.FAMILIES:
        plugins._load_bundled(family)  # these stay: a process loads them once
    registered = {name: list(things) for name, things in plugins._registered.items()}
    loaded = dict(plugins._seen)
    yield
    for kept, before in ((plugins._registered, registered), (plugins._seen, loaded)):
        kept.clear()
        kept.update(before)


@pytest.fixture(scope="session")
def device():
    from roskdbench.engine.device import prepare

    return prepare()


@pytest.fixture
def cpu():
    import torch

    torch.set_num_threads(1)
    return torch.device("cpu")


@pytest.fixture
def tiny(tmp_path):
    """The tiny suite as a file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The plan of the smoke suite, a store it was run into, and how that went. Trained once for all test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "smoke-of-all"
    shared.mkdir(exist_ok=True)
    planned, told = plan(read_suite("smoke"), discover()), shared / "progress"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            progress = run(planned, Store.at(shared / "store"))
            write_record(planned, Store.at(shared / "store"), discover(), (), progress.reasons)
            told.write_bytes(pickle.dumps((progress.state, progress.reasons, progress.messages)))
    state, reasons, messages = pickle.loads(told.read_bytes())
    own = tmp_path_factory.mktemp("smoke") / "store"
    shutil.copytree(shared / "store", own)
    return planned, Store.at(own), Progress(planned, state, reasons, messages=messages)


def boards_that_come_along():
    """Their names, as parameters; the smallest is for the everyday tests."""
    by_size = sorted((ROOT / "leaderboards").glob("*/results.csv"), key=lambda path: path.stat().st_size)
    smallest, *others = (path.parent.name for path in by_size)
    return [smallest, *(pytest.param(each, marks=pytest.mark.slow) for each in others)]


def payloads(store, plan):
    """The bytes of every artifact but its record, which tells how long it took."""
    return {
        (fingerprint, path.name): path.read_bytes()
        for fingerprint in plan.jobs
        for path in sorted(store.path(fingerprint).iterdir())
        if path.name not in (RECORD, CHECKSUMS)
    }


_forking = None
_ALIKE = ("ROSKDBENCH_", "COLUMNS")  # variables that nothing reads while it is imported


def command(*arguments, cwd=None, **variables):
    """`roskdbench …` in a process of its own, which starts no workers unless it is told to: they cost seconds each. It
    is forked from one that has imported everything, but where a variable may change what an import does.
    """
    own = {name: str(value) for name, value in variables.items()}
    environment = {**os.environ, "COLUMNS": "120", "ROSKDBENCH_WORKERS": "1", **own}
    line = list(map(str, arguments))
    if all(name.startswith(_ALIKE) for name in variables):
        return _forked(line, Path(cwd or Path.cwd()), environment)
    return subprocess.run(
        [sys.executable, "-m", "roskdbench", *line],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )


def _forked(line, folder, environment):
    global _forking  # noqa: PLW0603
    if _forking is None or _forking.poll() is not None:
        _forking = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "prefork.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(_forking.kill)
        assert _forking.stdout.readline() == "ready\n"
    with tempfile.TemporaryDirectory() as kept:
        out, error = Path(kept, "out"), Path(kept, "error")
        asked = {"arguments": line, "folder": str(folder.resolve()), "environment": environment}
        _forking.stdin.write(json.dumps({**asked, "out": str(out), "error": str(error)}) + "\n")
        _forking.stdin.flush()
        code = int(_forking.stdout.readline())
        return subprocess.CompletedProcess(line, code, out.read_text("utf-8"), error.read_text("utf-8"))


def begun(*arguments, **variables):
    """`roskdbench …` as a process of a group of its own that goes on, and listens to Ctrl-C: a shell's background jobs,
    and all they start, are deaf to it.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "roskdbench", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 (no thread runs)
    )


def moved_and_spread(run_of, precision):
    """Of the shown scores in float32 and in a precision, both over the same seeds, root mean squares over rows: how far
    the means are apart, and how far seeds are in float32. `run_of(precision)` gives results as a frame.
    """
    by_seed = []
    for each in ("float32", precision):
        frame = run_of(each)
        frame = frame[(frame["measure"] == "scores") & (frame["class"] == "") & frame["metric"].isin(SHOWN)]
        by_seed.append(frame.pivot_table(index=["problem", "method", "metric"], columns="seed", values="value"))
    exact, rounded = by_seed
    assert exact.shape == rounded.shape
    assert not exact.equals(rounded)  # the precision was really another
    moved, spread = (rounded - exact).mean(axis=1), exact.std(axis=1, ddof=1)
    return ((moved**2).mean() ** 0.5, (spread**2).mean() ** 0.5)


def run_inline(suite, folder, settings=()):
    """A suite run into a folder's store in this process; its results."""
    from roskdbench.executors import ExecutorConfig
    from roskdbench.session import Session

    session = Session(suite, folder / "store", settings=list(settings), executor=ExecutorConfig(workers=1))
    return session.run()[0]
