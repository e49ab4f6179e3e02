"""What a student's step costs since a commit: the same small suite there and here, turn by turn.

    python benchmarks/since.py COMMIT [REPEATS]

The commit is taken from this clone's history into a folder of its own and run with the libraries that are installed.
Of each training of a student the seconds that its record says are compared, of three methods that ask for nothing new.
The student is small, so that what is around a step counts.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
XS = "{model: resnet18, title: ResNet-XS, options: {channels: [16, 32, 48, 64], layers: [1, 1, 1, 1]}}"
SUITE = f"""
suite: step
problems: {{lesion: {{dataset: phantom-lesion, size: 32, samples: 900}}}}
protocol:
  epochs: 12
  batch: 64
  optimiser: {{milestones: [8]}}
  averaging_warmup: 4
  augmentation: light
  teachers: [{XS}, {XS.replace("48, 64", "64, 96").replace("XS", "S")}]
experiments:
  step:
    methods: [baseline-i, baseline-iii, baseline-v]
    students: [{XS}]
"""


def seconds(source: Path, folder: Path) -> dict[str, float]:
    """What each training of a student took, by its label, in a store of its own."""
    suite, store = folder / "step.yaml", Path(tempfile.mkdtemp(dir=folder))
    suite.write_text(SUITE, "utf-8")
    command = [sys.executable, "-m", "roskdbench", "run", str(suite), "--store", str(store), "--workers", "1"]
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=source, env=environment, check=True, capture_output=True)
    records = [json.loads(each.read_text("utf-8")) for each in store.glob("??/*/job.json")]
    return {each["label"]: each["seconds"] for each in records if each["kind"] == "trajectory"}


def main(commit: str, repeats: int = 5) -> None:
    """Print the ratio of each training, here over there."""
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        subprocess.run(["git", "clone", "--quiet", str(HERE), str(before)], check=True)
        subprocess.run(["git", "checkout", "--quiet", commit], cwd=before, check=True)
        turns = [(seconds(before, Path(folder)), seconds(HERE, Path(folder))) for _ in range(repeats)]
    for label in sorted(turns[0][1]):
        ratios = [here[label] / there[label] for there, here in turns]
        took = statistics.median(here[label] for _, here in turns)
        spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
        print(f"{label}: {statistics.median(ratios):.3f} times ({spread}), {took:.2f} s")
    every = [here[label] / there[label] for there, here in turns for label in here]
    print(f"all: {statistics.geometric_mean(every):.3f} times")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
