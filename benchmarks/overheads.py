"""What the house costs beside the arithmetic: a job, a suite that is complete, the command's help.

    python benchmarks/overheads.py [REPEATS]

- A job in this process, all of it but its own computing: jobs of a kind that does nothing, through walk, lock,
  artifact, checksums and flushes to the disk.
- `roskdbench run` of a suite whose 2,000 jobs are all in the store, as a process of its own, until it has said "Nothing
  to do" (its tables follow).
- `roskdbench --help` beside `python -c "import typer"` and bare Python.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path

from roskdbench.job import Job, Kind
from roskdbench.plan import Cell, Measurement, Plan, plan
from roskdbench.plugins import discover
from roskdbench.runs import write_record
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.walk import run

JOBS = 300
COMPLETE = 2000


def idle(top: Path) -> float:
    """Milliseconds a job."""
    module = types.ModuleType("roskdbench.jobs.idle")
    module.KIND = Kind(revision=1)  # type: ignore[attr-defined]
    module.run = lambda work: (work.folder / "numbers.json").write_text("[]") and None  # type: ignore[attr-defined]
    sys.modules["roskdbench.jobs.idle"] = module
    suite = read_suite("smoke")
    jobs = {job.fingerprint: job for job in (Job("idle", {"number": number}) for number in range(JOBS))}
    cells = [
        Cell("table1", "lesion", "x", "x", "x", 0.0, "own", 0, 0, each, (Measurement(each, "scores"),), each, 0)
        for each in jobs
    ]
    store = Store.at(Path(tempfile.mkdtemp(dir=top)))
    start = time.perf_counter()
    progress = run(Plan(suite, jobs, cells=cells), store)
    assert progress.well
    return 1000 * (time.perf_counter() - start) / JOBS


def completed(top: Path) -> tuple[Path, list[str], int]:
    """A store in which a suite of some 2,000 jobs is complete, as far as a run looks before it says so."""
    seeds, settings = 1, [""]
    while len((planned := plan(read_suite("smoke", settings := [f"experiments.table1.seeds={list(range(seeds))}"]),
                               discover())).jobs) < COMPLETE:  # fmt: skip
        seeds += 1
    store = Store.at(top / "complete")
    for fingerprint, job in planned.jobs.items():
        with store.writing(fingerprint, {"kind": job.kind, "environment": {}}) as folder:
            (folder / "numbers.json").write_text('[{"facts":{},"rows":[["auc-macro","",0.5,10]]}]')
            (folder / "noise.json").write_text('{"realised_rate": 0.2}')
            (folder / "history.json").write_text("{}")
    write_record(planned, store, discover(), (), {})
    return store.root, settings, len(planned.jobs)


def until_said(command: list[str], word: str) -> float:
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if word in line:
                found = time.perf_counter() - start
                process.kill()
                return found
    raise AssertionError(f"it never said {word}")


def wall(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def show(name: str, measure: Callable[[], float], repeats: int, unit: str) -> float:
    values = [measure() for _ in range(repeats)]
    print(f"  {name:44} {min(values):7.2f} {statistics.median(values):7.2f} {max(values):7.2f} {unit}")
    return statistics.median(values)


def main(repeats: int = 7) -> None:
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        show("a job that does nothing, in this process", lambda: idle(top), repeats, "ms")
        store, settings, count = completed(top)
        command = [sys.executable, "-m", "roskdbench", "run", "smoke", "--store", str(store), "--set", *settings]
        show(f"a complete suite of {count:,} jobs: nothing to do", lambda: until_said(command, "Nothing"), repeats, "s")
        bare = show("python -c pass", lambda: wall([sys.executable, "-c", "pass"]), repeats, "s")
        typer = show("python -c 'import typer'", lambda: wall([sys.executable, "-c", "import typer"]), repeats, "s")
        said = show("roskdbench --help", lambda: wall([sys.executable, "-m", "roskdbench", "--help"]), repeats, "s")
        print(f"  help: {said - bare:.2f} s more than bare Python, {said / typer:.1f} times importing typer")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
