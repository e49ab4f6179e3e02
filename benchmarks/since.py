"""What a student's step costs since a commit: torch's operations and Python's calls in a step, there and here.

    python benchmarks/since.py COMMIT [REPEATS]

The commit is taken from this clone's history into a folder of its own and run with the libraries that are installed. A
small student is trained for 80 steps by methods that ask for nothing new. Operations and calls are counted, which no
other work on the machine can disturb; the processor's time is measured turn by turn, and differs by a tenth between
processes of one and the same commit.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
TRAININGS = """
import cProfile, json, pstats, time
from collections import Counter

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from roskdbench.data.phantoms import draw_lesions
from roskdbench.engine.examples import Examples
from roskdbench.engine.networks import build
from roskdbench.engine.recipe import Recipe, Seeds
from roskdbench.engine.training import Training
from roskdbench.method import make_method
from roskdbench.plugins import discover
from roskdbench.suite.augmentation import PRESETS

SAMPLES, EPOCHS, STEPS = 640, 8, 80
ARCHITECTURE = {"model": "resnet18", "options": {"channels": [16, 32, 48, 64], "layers": [1, 1, 1, 1]}}
images, targets, _ = draw_lesions(SAMPLES, 32, 0)
examples = Examples.place(images, targets, np.arange(SAMPLES), torch.device("cpu"))
bank = [np.random.default_rng(each).normal(size=(EPOCHS, SAMPLES, 8)).astype(np.float32) for each in range(2)]


class Counting(TorchDispatchMode):
    operations = 0

    def __torch_dispatch__(self, function, types, given=(), named=None):
        self.operations += 1
        return function(*given, **(named or {}))


def training(name):
    method = make_method(discover(), name)
    statistics = {"mean": [0.5] * 3, "deviation": [0.25] * 3}
    return Training(
        task="single-label",
        method=method,
        network=build(ARCHITECTURE, 3, 8, 32, "standard", statistics, 0),
        examples=examples,
        bank=[] if name == "baseline-i" else bank,
        recipe=Recipe(EPOCHS, 64, 0.05, 0.9, 2e-4, (6,), 0.1, PRESETS["light"], None),
        seeds=Seeds(1, 2, 3),
        mean=method.collected_mean,
        warmup=EPOCHS,
    )


torch.set_num_threads(1)
found = {}
for name in ("baseline-i", "baseline-iii", "baseline-v"):
    with Counting() as counting:
        training(name).run()
    profile, profiled, timed = cProfile.Profile(), training(name), training(name)
    profile.runcall(profiled.run)
    start = time.process_time()
    timed.run()
    seconds = time.process_time() - start
    found[name] = [counting.operations / STEPS, pstats.Stats(profile).total_calls / STEPS, seconds / STEPS]
print(json.dumps(found))
"""

Found = dict[str, list[float]]
"""Of each method the operations, the calls and the seconds of a step."""


def measured(source: Path) -> Found:
    """By the code in a folder, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", TRAININGS]
    done = subprocess.run(command, cwd=source, env=environment, check=True, capture_output=True, text=True)
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def main(commit: str, repeats: int = 3) -> None:
    """Print what each method's step takes, there and here."""
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder)
        subprocess.run(["git", "clone", "--quiet", str(HERE), folder], check=True)
        subprocess.run(["git", "checkout", "--quiet", commit], cwd=before, check=True)
        turns = [(measured(before), measured(HERE)) for _ in range(repeats)]
    for method, (operations, calls, _) in turns[0][1].items():
        there = turns[0][0][method]
        ratios = [here[method][2] / then[method][2] for then, here in turns]
        print(
            f"{method}: {there[0]:.1f} operations a step, now {operations:.1f}; {there[1]:.0f} calls, now {calls:.0f}; "
            f"{statistics.median(ratios):.2f} times the processor's time ({min(ratios):.2f}–{max(ratios):.2f})"
        )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
