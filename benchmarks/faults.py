"""A campaign of kills: runs ended by kill -9 at random moments, with every executor, until they have survived them all.

    python benchmarks/faults.py [KILLS] [SEED] [EXECUTOR,…]

A small suite is computed once undisturbed. Then, round after round in a fresh store, it is run by each executor (one
process, two worker processes, Ray, Slurm tasks by submitit's stand-in) and killed: the run itself, or any process below
it. A round ends when the run gets through. What must hold, and is counted where it does not:

- no artifact that was complete is ever lost, and none is computed again;
- the finished store has the bytes of the undisturbed one, and its table is the same text;
- nothing is left in it but artifacts: no drafts, checkpoints, locks.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

SETTINGS = ["problems.cardio.samples=120", "problems.lesion.samples=120", "protocol.epochs=4"]
SETTINGS += ["experiments.table1.methods=[baseline-i,baseline-v,ros-kd]", "experiments.table1.problems=[lesion]"]
EXECUTORS = {
    "inline": ["--workers", "1"],
    "processes": ["--workers", "2"],
    "ray": ["--workers", "2", "--executor", "ray"],
    "slurm": ["--workers", "2", "--executor", "slurm", "--slurm", "cluster=local"],
}
PARTS = {"inline": 0.4, "processes": 0.4, "ray": 0.12, "slurm": 0.08}  # of the kills
SLOWEST = {"inline": 8.0, "processes": 8.0, "ray": 16.0, "slurm": 16.0}  # seconds before a kill, at most


def command(verb: str, store: Path, *further: str) -> list[str]:
    settings = [part for each in SETTINGS for part in ("--set", each)]
    return [sys.executable, "-m", "roskdbench", verb, "smoke", "--store", str(store), *settings, *further]


def below(process: int) -> list[int]:
    """The process and all that it started."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout.split()[2:]
    parents = {int(child): int(parent) for child, parent in zip(listed[::2], listed[1::2], strict=True)}
    found = [process]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def complete(store: Path) -> dict[str, int]:
    """Artifacts that are there, and when each was made."""
    return {path.parent.name: path.stat().st_mtime_ns for path in store.glob("??/*/checksums.json")}


def payloads(store: Path) -> dict[str, bytes]:
    kept = [path for path in store.glob("??/*/*") if path.name not in ("job.json", "checksums.json")]
    return {str(path.relative_to(store)): path.read_bytes() for path in kept}


def strays(store: Path) -> list[str]:
    return [str(path) for name in ("tmp", "partial", "locks", "damaged") for path in (store / name).glob("*")]


def table(store: Path) -> str:
    return subprocess.run(
        command("report", store, "--format", "json"), capture_output=True, text=True, check=True
    ).stdout


def kill_below(process: "subprocess.Popen[bytes]", moments: random.Random) -> str:
    """Kill the run, or one of the processes below it."""
    family = below(process.pid)
    if len(family) > 1 and moments.random() < 0.5:
        chosen = moments.choice(family[1:])
        try:
            os.kill(chosen, signal.SIGKILL)
        except ProcessLookupError:
            return "nothing"
        return "below it"
    process.kill()
    process.wait()
    return "the run"


def campaign(
    name: str, kills: int, moments: random.Random, wanted: dict[str, bytes], said: str, top: Path
) -> Counter[str]:
    count: Counter[str] = Counter()
    while count["kills"] < kills:
        count["rounds"] += 1
        store = top / f"{name}-{count['rounds']}"
        there: dict[str, int] = {}
        while True:
            process = subprocess.Popen(
                command("run", store, *EXECUTORS[name]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            finished = False
            while not finished and count["kills"] < kills:
                try:
                    process.wait(moments.uniform(0.2, SLOWEST[name]))
                    finished = True
                except subprocess.TimeoutExpired:
                    whom = kill_below(process, moments)
                    count[f"killed {whom}"] += 1
                    count["kills"] += whom != "nothing"
                    if whom == "the run":
                        break
            code = process.wait() if finished or count["kills"] >= kills else None
            now = complete(store)
            count["lost"] += len(there.keys() - now.keys())
            count["made twice"] += sum(now.get(each, made) != made for each, made in there.items())
            there = now
            if code == 0:
                break
            count["ended with gaps"] += code == 1
        count["other bytes"] += payloads(store) != wanted
        count["other table"] += table(store) != said
        left = strays(store)
        count["strays"] += len(left)
        if left:
            print("left:", left[:3])
    return count


def main(kills: int = 200, seed: int = 0, executors: str = ",".join(EXECUTORS)) -> None:
    moments = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        subprocess.run(command("run", top / "undisturbed"), check=True, stdout=subprocess.DEVNULL)
        wanted, said = payloads(top / "undisturbed"), table(top / "undisturbed")
        chosen = executors.split(",")
        whole = sum(PARTS[name] for name in chosen)
        total: Counter[str] = Counter()
        for name in chosen:
            start = time.monotonic()
            count = campaign(name, round(kills * PARTS[name] / whole), moments, wanted, said, top)
            total += count
            print(f"{name:10} {time.monotonic() - start:5.0f} s", dict(count), flush=True)
    bad = sum(total[each] for each in ("lost", "made twice", "other bytes", "other table", "strays"))
    print(f"{total['kills']} kills in {total['rounds']} rounds: {'nothing lost or changed' if not bad else 'FAILED'}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main(*(int(each) if each.isdecimal() else each for each in sys.argv[1:]))  # type: ignore[arg-type]
