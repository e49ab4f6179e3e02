"""What the start of workers costs a short run: forked from one that has imported all, against each by itself.

    python benchmarks/starting.py [WORKERS...]

Each worker trains a small network for an epoch, from its images to its scores. Every run is a process of its own.
"""

import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

from roskdbench.executors.config import ExecutorConfig
from roskdbench.executors.processes import ProcessExecutor
from roskdbench.plan import plan
from roskdbench.plugins import bundled_registry
from roskdbench.store import Store
from roskdbench.suite.reading import suite_of
from roskdbench.walk import run

WAYS = ("each by itself", "forked")
NETWORK = {"model": "resnet18", "options": {"channels": [8, 8, 8, 8], "layers": [1, 1, 1, 1]}}


class Executor(ExecutorConfig):
    """Workers that start one way."""

    way = WAYS[0]

    def start(self, store, plugin_folders, tell):
        """As many workers as are asked for, each by itself if so wished."""
        executor = ProcessExecutor(store, plugin_folders, self.workers or 1)
        if self.way == WAYS[0]:
            executor._context = get_context("spawn")
        return executor


def seconds(way, count):
    """Of a run of as many trainings as there are workers."""
    problems = {f"p{n}": {"dataset": "phantom-lesion", "size": 28, "samples": 128, "seed": n} for n in range(count)}
    main = {"methods": ["baseline-i"], "students": [NETWORK]}
    protocol = {"epochs": 2, "optimiser": {"milestones": [1]}, "averaging_warmup": 1, "stem": "standard"}
    suite = suite_of(
        {"suite": "starting", "problems": problems, "protocol": protocol, "experiments": {"main": main}}, {}
    )
    planned = plan(suite, bundled_registry())
    executor = Executor(workers=count)
    object.__setattr__(executor, "way", way)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        assert run(planned, Store.at(Path(folder) / "store"), executor=executor).well
        return time.perf_counter() - begun


def main():
    """Print a line for each number of workers."""
    if len(sys.argv) == 3 and sys.argv[1] in WAYS:
        print(seconds(sys.argv[1], int(sys.argv[2])))
        return
    for count in sys.argv[1:] or ["2", "4", "8"]:
        found = [
            float(subprocess.run([sys.executable, __file__, way, count], capture_output=True, check=True).stdout)
            for way in WAYS
        ]
        print(f"{count} workers: {found[0]:.1f} s each by itself, {found[1]:.1f} s forked", flush=True)


if __name__ == "__main__":
    main()
