"""How long it takes to plan 10,000 cells, beside the time Python needs to start and import pydantic.

    python benchmarks/planning.py [REPEATS]

Prints minimum, median and maximum of each over the repeats, taken in turn, and their ratio.
"""

import statistics
import subprocess
import sys
import time

SUITE = "quick"
CELLS = 10_000

PLAN = f"""
import time
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.suite import read_suite
suite = read_suite({SUITE!r}, [
    "experiments.table1.overlap=[0.0, 0.2, 0.4, 0.6, 0.8]",
    "experiments.table1.noise=[none, own]",
    "experiments.table1.seeds={list(range(63))}",
])
start = time.perf_counter()
made = plan(suite, discover())
print(len(made.cells), len(made.jobs), time.perf_counter() - start)
"""


def timed(code: str) -> tuple[float, str]:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return time.perf_counter() - start, done.stdout


def line(name: str, seconds: list[float]) -> str:
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"{name:44} min {low:6.3f} s   median {middle:6.3f} s   max {high:6.3f} s"


def main(repeats: int = 7) -> None:
    floor, whole, inside = [], [], []
    for _ in range(repeats):
        floor.append(timed("import pydantic")[0])
        seconds, said = timed(PLAN)
        cells, jobs, planning = said.split()
        assert int(cells) >= CELLS
        whole.append(seconds)
        inside.append(float(planning))
    print(f"{cells} cells, {jobs} jobs, {repeats} repeats")
    print(line("python -c 'import pydantic'", floor))
    print(line("planning, from the start of Python", whole))
    print(line("planning alone", inside))
    print(
        f"from the start of Python: {statistics.median(whole) / statistics.median(floor):.1f} times importing pydantic"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
