"""A campaign of kills: runs ended by kill -9 at random moments, with every executor, until they have survived them all.

    python benchmarks/faults.py [KILLS] [SEED] [EXECUTOR,…]

A small suite is computed once undisturbed. Then, round after round in a fresh store, it is run by each executor (one
process, two worker processes, Ray, Slurm tasks by submitit's stand-in) and killed: the run itself, or any process below
it. Between two kills of a run an artifact may be spoilt (another's content and record over it, a byte turned, a folder
where a file was), and `store gc` runs beside it now and then. A round ends when the run gets through. What must hold,
and is counted where it does not:

- no artifact that was complete is ever lost, and none is computed again, but for those that were spoilt;
- the finished store has the bytes of the undisturbed one, and its table is the same text; what was spoilt and nobody
  read is found by `store verify`;
- nothing is left in it but artifacts: no drafts, checkpoints, locks.
"""

import json
import os
import random
import shutil
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
SPOILT, COLLECTED = 0.4, 0.3  # how often before a run goes on
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


def spoil(store: Path, moments: random.Random) -> str | None:
    """Spoil one complete artifact; its name."""
    whole = sorted(path.parent for path in store.glob("??/*/checksums.json"))
    if not whole:
        return None
    chosen = moments.choice(whole)
    file = moments.choice(sorted(chosen.iterdir()))
    way = moments.choice(["forged", "altered", "unreadable"])
    others = [each for each in whole if each != chosen and _kind(each) == _kind(chosen)]
    if way == "forged" and others:
        shutil.rmtree(chosen)
        shutil.copytree(moments.choice(others), chosen)
    elif way == "unreadable":
        file.unlink()
        file.mkdir()
    else:
        content = bytearray(file.read_bytes())
        content[moments.randrange(len(content))] ^= 1
        file.write_bytes(content)
    return chosen.name


def _kind(artifact: Path) -> str:
    try:
        return str(json.loads((artifact / "job.json").read_text())["kind"])
    except (OSError, ValueError, KeyError):
        return ""


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
        spoilt: set[str] = set()
        while True:
            if moments.random() < SPOILT and (name_of := spoil(store, moments)):
                spoilt.add(name_of)
                count["spoilt"] += 1
            process = subprocess.Popen(
                command("run", store, *EXECUTORS[name]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            if moments.random() < COLLECTED and (store / "roskdbench-store.json").exists():
                beside = [sys.executable, "-m", "roskdbench", "store", "gc", "--store", str(store)]
                count["collected beside it"] += 1
                count["gc failed"] += bool(subprocess.run(beside, capture_output=True, check=False).returncode)
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
            count["lost"] += len(there.keys() - now.keys() - spoilt)
            count["made twice"] += sum(
                now.get(each, made) != made for each, made in there.items() if each not in spoilt
            )
            there = now
            if code == 0:
                break
            count["ended with gaps"] += code == 1
        count["other table"] += table(store) != said
        for verb in ("verify", "gc"):
            line = [sys.executable, "-m", "roskdbench", "store", verb, "--store", str(store)]
            subprocess.run(line, stdout=subprocess.DEVNULL, check=False)
        subprocess.run(command("run", store, "--workers", "1"), stdout=subprocess.DEVNULL, check=False)
        found = payloads(store)
        gone = {file for file in wanted if file not in found and file.split("/")[1] not in spoilt}
        count["other bytes"] += bool(gone) or any(wanted.get(file) != content for file, content in found.items())
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
    bad = sum(total[each] for each in ("lost", "made twice", "other bytes", "other table", "strays", "gc failed"))
    print(f"{total['kills']} kills in {total['rounds']} rounds: {'nothing lost or changed' if not bad else 'FAILED'}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main(*(int(each) if each.isdecimal() else each for each in sys.argv[1:]))  # type: ignore[arg-type]
