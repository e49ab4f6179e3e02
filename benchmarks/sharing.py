"""A suite against the same cells as one script a method: what sharing teachers, banks and trainings saves.

    python benchmarks/sharing.py [REPEATS] [WORKERS]

Both sides are this engine, so that only sharing differs: `quick.yaml`'s Table I in one run, and each of its methods
alone in a store of its own, which trains its own teachers and asks them for itself. The planner's estimate stands
beside, from the speed of the jobs of the first run.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from roskdbench.plan import plan
from roskdbench.plan.estimate import speeds
from roskdbench.plugins import discover
from roskdbench.store import Store
from roskdbench.suite import read_suite

SEEDS = "experiments.table1.seeds=[0]"


def run(store: Path, workers: int, *settings: str) -> float:
    said = [part for each in (SEEDS, *settings) for part in ("--set", each)]
    command = [sys.executable, "-m", "roskdbench", "run", "quick", "--only", "table1", "--store", str(store), *said]
    start = time.perf_counter()
    subprocess.run([*command, "--workers", str(workers)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(repeats: int = 1, workers: int = 2) -> None:
    suite = read_suite("quick", [SEEDS])
    methods = [choice.method for choice in suite.experiments["table1"].methods]
    whole, separate = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            whole.append(run(top / "whole", workers))
            each = {method: run(top / method, workers, f"experiments.table1.methods=[{method}]") for method in methods}
            separate.append(sum(each.values()))
            (speed,) = speeds(Store(top / "whole"))
    together = plan(suite, discover(), ["table1"])
    hours = speed.hours(together.jobs.values())
    parts = [plan(read_suite("quick", [SEEDS, f"experiments.table1.methods=[{each}]"]), discover(), ["table1"])
             for each in methods]  # fmt: skip
    alone = sum(speed.hours(part.jobs.values()) for part in parts)
    trainings = sum(part.trainings for part in parts)
    print(f"{len(together.cells)} cells, {workers} workers")
    print(f"  one suite, {together.trainings} trainings     {' '.join(f'{each:.0f}' for each in whole)} s")
    print(f"  a script a method, {trainings} trainings {' '.join(f'{each:.0f}' for each in separate)} s")
    print("  " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in each.items()))
    found = statistics.median(separate) / statistics.median(whole)
    print(f"  {found:.2f} times; the planner says {alone / hours:.2f} ({alone / hours / found - 1:+.0%})")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
