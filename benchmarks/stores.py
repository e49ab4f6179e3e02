"""A store of very many artifacts: how long it takes to list, to add up, to verify, to clean and to go on.

    python benchmarks/stores.py [ARTIFACTS] [FOLDER]

Artifacts are small and whole: a record that gives their name again, a payload, checksums. Beside them stands a run of
`smoke`, planned and not computed, whose jobs `run --dry-run` looks for among them. What is in FOLDER is not made again.
"""

import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from roskdbench.artifact import CHECKSUMS, RECORD
from roskdbench.fingerprint import canonical_json, fingerprint
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.runs import write_record
from roskdbench.store import Store
from roskdbench.suite import read_suite

KINDS = ("teacher", "bank", "trajectory", "predictions", "scores")


def fill(store: Store, count: int) -> None:
    """Make artifacts as jobs leave them, without waiting for the disk."""
    for number in range(count):
        made = {"kind": KINDS[number % len(KINDS)], "revision": 1, "spec": {"number": number}, "inputs": {}, "code": {}}
        folder = store.path(fingerprint(made))
        if folder.is_dir():
            continue
        folder.mkdir(parents=True)
        record = {**made, "label": f"{made['kind']} {number}", "seconds": 1.5, "environment": {"device": "none"}}
        files = {RECORD: canonical_json(record).encode(), "numbers.json": b"[]"}
        for name, written in files.items():
            (folder / name).write_bytes(written)
        sums = {name: (len(written), sha256(written).hexdigest()) for name, written in sorted(files.items())}
        (folder / CHECKSUMS).write_text(canonical_json(sums), "utf-8")


def main(count: int = 100_000, kept: str = "") -> None:
    """Print a line for each command."""
    with tempfile.TemporaryDirectory() as made:
        store = Store.at(Path(kept or made) / "store")
        start = time.perf_counter()
        fill(store, count)
        write_record(plan(read_suite("smoke"), discover()), store, discover(), (), {})
        files = sum(1 for _ in store.fingerprints())
        print(f"{files:,} artifacts, made in {time.perf_counter() - start:.0f} s", flush=True)
        commands = (
            ["store", "ls"],
            ["store", "ls", "teacher"],
            ["store", "size"],
            ["store", "verify"],
            ["store", "gc", "--dry-run"],
            ["run", "smoke", "--dry-run"],
        )
        for command in commands:
            start = time.perf_counter()
            whole = [sys.executable, "-m", "roskdbench", *command, "--store", str(store.root)]
            done = subprocess.run(whole, capture_output=True, text=True, check=True)
            lines = len(done.stdout.splitlines())
            print(f"  {' '.join(command):20} {time.perf_counter() - start:6.1f} s, {lines:,} lines", flush=True)


if __name__ == "__main__":
    arguments: list[Any] = [*map(int, sys.argv[1:2]), *sys.argv[2:3]]
    main(*arguments)
