"""A suite against the same cells as one script a method: what sharing teachers, banks and trainings saves.

    python benchmarks/sharing.py [REPEATS] [WORKERS] [SUITE] [EXPERIMENT]

Both sides are this engine, so that only sharing differs: an experiment of a suite in one run (`quick`'s Table I, or
`zoo-small every`), and each of its methods alone in a store of its own, which trains its own teachers and asks them for
itself. The planner's estimate stands beside, from the speed of the jobs of the first run.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from roskdbench.plan import plan
from roskdbench.plan.estimate import speeds
from roskdbench.plugins import discover
from roskdbench.store import Store
from roskdbench.suite import read_suite


def run(case: tuple[str, str], store: Path, workers: int, *settings: str) -> float:
    """Seconds that an experiment of a suite takes in a fresh store, the start of the command and its table included."""
    suite, experiment = case
    said = [part for each in settings for part in ("--set", each)]
    command = [sys.executable, "-m", "roskdbench", "run", suite, "--only", experiment, "--store", str(store), *said]
    start = time.perf_counter()
    subprocess.run([*command, "--workers", str(workers)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(repeats: int = 1, workers: int = 2, suite: str = "quick", experiment: str = "table1") -> None:
    """Both sides, one after the other."""
    here = f"experiments.{experiment}"
    seeds, case = f"{here}.seeds=[0]", (suite, experiment)
    declared = read_suite(suite, [seeds])
    choices = declared.experiments[experiment].methods
    named = {choice.title or choice.method: choice.model_dump_json(exclude_none=True) for choice in choices}
    settings = {name: (seeds, f"{here}.methods=[{choice}]") for name, choice in named.items()}
    whole, separate = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            whole.append(run(case, top / "whole", workers, seeds))
            each = {name: run(case, top / name, workers, *said) for name, said in settings.items()}
            separate.append(sum(each.values()))
            (speed,) = speeds(Store(top / "whole"))
    together = plan(declared, discover(), [experiment])
    hours = speed.hours(together.jobs.values())
    parts = [plan(read_suite(suite, said), discover(), [experiment]) for said in settings.values()]
    alone = sum(speed.hours(part.jobs.values()) for part in parts)
    trainings = sum(part.trainings for part in parts)
    print(f"{suite}, {experiment}: {len(together.cells)} cells, {workers} workers")
    print(f"  one suite, {together.trainings} trainings     {' '.join(f'{each:.0f}' for each in whole)} s")
    print(f"  a script a method, {trainings} trainings {' '.join(f'{each:.0f}' for each in separate)} s")
    print("  " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in each.items()))
    found = statistics.median(separate) / statistics.median(whole)
    print(f"  {found:.2f} times; the planner says {alone / hours:.2f} ({alone / hours / found - 1:+.0%})")


if __name__ == "__main__":
    arguments: list[Any] = [*map(int, sys.argv[1:3]), *sys.argv[3:]]
    main(*arguments)
