"""ChestX-ray14 at its true size, from check to an epoch of ResNet-18: seconds and peak memory of each step.

    python benchmarks/nih_size.py FOLDER [LABEL_FILE]

Writes 112,120 generated PNGs of 64 pixels into FOLDER in the layout of the NIH's release, with LABEL_FILE (the real
Data_Entry_2017_v2020.csv, gzipped or not) or with one made up to the same shape, and runs the command line on them.
Memory is that of the process and its workers together, sampled every .2 s: "own" is what only they hold (the process's
heap), "mapped" are pages of files, which the system can take back.
"""

import csv
import gzip
import io
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from roskdbench.data.phantoms import draw_chest
from roskdbench.data.problem import Problem
from roskdbench.data.splits import fold, holdout
from roskdbench.data.subsets import overlapping_subsets

COUNT = 112_120
FOLDERS = 12
DRAWN = 500  # different films; each file is one of them under a brightness of its own
SUITE = """suite: nih-size
problems:
  cardio: {dataset: chestxray14, size: 64, root: nih}
protocol:
  epochs: 1
  stem: standard
  augmentation: light
  averaging_warmup: 0
  optimiser: {milestones: []}
experiments:
  main: {methods: [baseline-i], students: [resnet18]}
"""


def made_up_labels() -> str:
    """112,120 rows of 30,805 patients with findings as frequent as in the real file."""
    random = np.random.default_rng(0)
    patients = np.sort(np.concatenate([np.arange(30_805), random.integers(0, 30_805, COUNT - 30_805)])) + 1
    names = ("Infiltration", "Effusion", "Atelectasis", "Nodule", "Mass", "Pneumothorax", "Cardiomegaly", "Pneumonia")
    counts = (19_894, 13_317, 11_559, 6_331, 5_782, 5_302, 2_776, 1_431)
    flags = random.random((COUNT, len(names))) < np.array(counts) / COUNT
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Image Index", "Finding Labels", "Patient ID"])
    visit: dict[int, int] = {}
    for patient, row in zip(patients.tolist(), flags, strict=True):
        visit[patient] = visit.get(patient, -1) + 1
        found = "|".join(name for name, flag in zip(names, row, strict=True) if flag) or "No Finding"
        writer.writerow([f"{patient:08}_{visit[patient]:03}.png", found, patient])
    return text.getvalue()


def write_release(root: Path, labels: str) -> None:
    films, _, _ = draw_chest(DRAWN, 64, 0)
    random = np.random.default_rng(1)
    names = [row[0] for row in csv.reader(io.StringIO(labels))][1:]
    root.mkdir(parents=True)
    for number in range(FOLDERS):
        (root / f"images_{number + 1:03}" / "images").mkdir(parents=True)
    for number, name in enumerate(names):
        light = random.uniform(0.7, 1.2)
        film = (films[number % DRAWN, 0] * light).clip(0, 255).astype(np.uint8)
        folder = root / f"images_{number * FOLDERS // len(names) + 1:03}" / "images"
        Image.fromarray(film).save(folder / name, compress_level=1)
    (root / "Data_Entry_2017_v2020.csv").write_text(labels, "utf-8")


def memory(pid: int) -> tuple[int, int]:
    """Bytes that a process and its children hold: of their own, and mapped."""
    own = mapped = 0
    children = Path(f"/proc/{pid}/task/{pid}/children")
    for each in [str(pid), *(children.read_text().split() if children.exists() else [])]:
        try:
            lines = dict(line.split(":", 1) for line in Path(f"/proc/{each}/status").read_text().splitlines())
        except OSError:
            continue
        own += int(lines.get("RssAnon", "0 kB").split()[0]) * 1024
        mapped += int(lines.get("RssFile", "0 kB").split()[0]) * 1024
    return own, mapped


def step(name: str, folder: Path, *arguments: str) -> None:
    start, own, mapped = time.perf_counter(), 0, 0
    command = [sys.executable, "-m", "roskdbench", *arguments, "--store", "store"]
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        while process.poll() is None:
            now = memory(process.pid)
            own, mapped = max(own, now[0]), max(mapped, now[1])
            time.sleep(0.2)
    seconds = time.perf_counter() - start
    assert process.returncode == 0, (folder / f"{name}.log").read_text()
    print(f"{name:8} {seconds:7.1f} s   peak {own / 2**20:6.0f} MiB own, {mapped / 2**20:6.0f} MiB mapped", flush=True)


def time_splits(store: Path) -> None:
    """The labels that were read, split in every way a suite may ask for."""
    labels = next(Problem.load(path.parent).labels for path in store.glob("*/*/problem.json"))
    train = labels.take(holdout(labels, 0.7, 0.1, 0.2, 0).train)
    ways = {
        "70/10/20": lambda: holdout(labels, 0.7, 0.1, 0.2, 0),
        "3 folds": lambda: [fold(labels, 3, number, 0.1, 0) for number in range(3)],
        "5 subsets": lambda: overlapping_subsets(train.indicators, train.groups, 5, 0.4, "core", 0),
    }
    for name, way in ways.items():
        start = time.perf_counter()
        way()
        print(f"{name:9} {time.perf_counter() - start:6.2f} s")


def main(target: str, label_file: str = "") -> None:
    folder = Path(target)
    if label_file:
        data = Path(label_file).read_bytes()
        labels = (gzip.decompress(data) if label_file.endswith(".gz") else data).decode("utf-8-sig")
    else:
        labels = made_up_labels()
    if not (folder / "nih").exists():
        write_release(folder / "nih", labels)
    shutil.rmtree(folder / "store", ignore_errors=True)
    (folder / "nih-size.yaml").write_text(SUITE, "utf-8")
    step("check", folder, "data", "check", "nih-size.yaml")
    step("prepare", folder, "data", "prepare", "nih-size.yaml")
    step("again", folder, "data", "prepare", "nih-size.yaml")
    step("run", folder, "run", "nih-size.yaml", "--workers", "1")
    time_splits(folder / "store")
    pixels = next((folder / "store").glob("*/*/images.npy")).stat().st_size
    print(f"the pixel array is {pixels / 2**20:.0f} MiB")


if __name__ == "__main__":
    main(*sys.argv[1:])
