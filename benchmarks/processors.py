"""What --deterministic-cpu costs on this processor, and what its bytes are, to be compared with another's.

    python benchmarks/processors.py [ROUNDS]
    python benchmarks/processors.py --bytes

A small suite, and steps of a ResNet-18 at 64 pixels, are computed natively and as --deterministic-cpu does, in turn.
--bytes prints the digest of the suite alone, in this very process and as the variables of its environment have it: for
an emulator of another processor, say (`qemu-x86_64 -cpu Nehalem python benchmarks/processors.py --bytes`, after
`export` of what --variables prints).
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from roskdbench.artifact import CHECKSUMS, RECORD
from roskdbench.executors.deterministic_cpu import variables
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.walk import run

SETTINGS = ["experiments.table1.methods=[baseline-i,baseline-iii,ros-kd]"]
SUITE = "smoke"
STEPS = 10


def digest(store: Store) -> str:
    """Of all that was computed, without the records of how long it took."""
    made = plan(read_suite(SUITE, SETTINGS), discover())
    found = sha256()
    for fingerprint in sorted(made.jobs):
        for path in sorted(store.path(fingerprint).iterdir()):
            if path.name not in (RECORD, CHECKSUMS):
                found.update(path.read_bytes())
    return found.hexdigest()[:16]


def compute(folder: Path) -> str:
    """The suite in this very process."""
    store = Store.at(folder / "store")
    progress = run(plan(read_suite(SUITE, SETTINGS), discover()), store)
    assert progress.well, progress.reasons
    return digest(store)


def step() -> float:
    """Seconds of a step of a ResNet-18, 64 images of 64 pixels."""
    from roskdbench.engine.device import ComputeConfig, prepare
    from roskdbench.engine.precision import Case, training_step

    train = training_step(ComputeConfig(), Case({"model": "resnet18", "options": {}}, 64, 64, prepare()))
    train()
    started = time.perf_counter()
    for _ in range(STEPS):
        train()
    return (time.perf_counter() - started) / STEPS


def asked(what: str, environment: dict[str, str]) -> str:
    """What this script prints in a process of its own."""
    line = [sys.executable, __file__, what]
    return subprocess.run(line, env=os.environ | environment, capture_output=True, text=True, check=True).stdout.strip()


def main(rounds: int = 5) -> None:
    ways = {"native": {}, "--deterministic-cpu": variables()}
    suite: dict[str, list[float]] = {name: [] for name in ways}
    steps: dict[str, list[float]] = {name: [] for name in ways}
    digests: dict[str, set[str]] = {name: set() for name in ways}
    for _ in range(rounds):
        for name, environment in ways.items():
            started = time.perf_counter()
            digests[name].add(asked("--bytes", environment))
            suite[name].append(time.perf_counter() - started)
            steps[name].append(float(asked("--step", environment)))
    for what, found in ((f"the suite {SUITE}", suite), ("a step of a ResNet-18", steps)):
        usual = statistics.median(found["native"])
        for name, each in found.items():
            middle = statistics.median(each)
            print(f"{what:22} {name:20} {middle:6.2f} s ({min(each):.2f}-{max(each):.2f})  {middle / usual:.2f} times")
    print("bytes", {name: sorted(each) for name, each in digests.items()})


if __name__ == "__main__":
    if "--bytes" in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            print(compute(Path(folder)))
    elif "--step" in sys.argv:
        print(step())
    elif "--variables" in sys.argv:
        print("\n".join(f"export {name}='{value}'" for name, value in variables().items()))
    else:
        main(*map(int, sys.argv[1:]))
