"""CheXpert's and MIMIC-CXR-JPG's label files at their true size: how long reading, checking and splitting take, and in
how much memory.

    python benchmarks/label_files.py [images]

Writes train.csv and valid.csv of 223,648 rows, and MIMIC's tables of 377,110 films and 227,827 reports, with marks as
frequent as in the real ones, into a temporary folder. Every image that they list is taken to be there without a look;
with `images`, an empty file stands for each, and finding them is measured as well (600,000 files in 600,000 folders).
Each dataset is read in a process of its own. Memory is what that process holds at most, over what it held after its
imports.
"""

import csv
import gzip
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.attributes import Attributes
from roskdbench.data.chexpert_labels import CLASSES
from roskdbench.data.datasets import catalogue
from roskdbench.data.splits import fold, holdout, official
from roskdbench.datasets import chexpert, mimic_cxr_jpg
from roskdbench.suite.problems import RealProblem

ROWS, PATIENTS, FRONTAL, VALID = 223_414, 64_540, 191_027, 200
FILMS, STUDIES, SUBJECTS, UNLABELLED = 377_110, 227_835, 65_379, 8
COUNTS = {  # of CheXpert's train.csv: 1, -1 and blank
    "No Finding": (22_381, 0, 201_033),
    "Enlarged Cardiomediastinum": (10_798, 12_403, 178_575),
    "Cardiomegaly": (27_000, 8_087, 177_211),
    "Lung Opacity": (105_581, 5_598, 105_636),
    "Lung Lesion": (9_186, 1_488, 211_470),
    "Edema": (52_246, 12_984, 137_458),
    "Consolidation": (14_783, 27_742, 152_792),
    "Pneumonia": (6_039, 18_770, 195_806),
    "Atelectasis": (33_376, 33_739, 154_971),
    "Pneumothorax": (19_448, 3_145, 144_480),
    "Pleural Effusion": (86_187, 11_628, 90_203),
    "Pleural Other": (3_523, 2_653, 216_922),
    "Fracture": (9_040, 642, 211_220),
    "Support Devices": (116_001, 1_079, 100_197),
}
VIEWS = {"AP": 147_173, "PA": 96_161, "LATERAL": 82_853, "LL": 35_133, "": 15_790}


def marks(rows: int, random: np.random.Generator) -> dict[str, list[str]]:
    found = {}
    for name, (positive, uncertain, blank) in COUNTS.items():
        shares = np.array([positive, uncertain, blank, ROWS - positive - uncertain - blank]) / ROWS
        found[name] = random.choice(["1.0", "-1.0", "", "0.0"], rows, p=shares).tolist()
    return found


def dealt(things: int, owners: int, random: np.random.Generator) -> NDArray[np.int64]:
    """The owner of each thing, in order; everyone has one or more."""
    return np.sort(np.concatenate([np.arange(owners), random.integers(0, owners, things - owners)]))


def write(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with gzip.open(path, "wt", compresslevel=6) if path.suffix == ".gz" else path.open("w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_chexpert(root: Path) -> list[str]:
    """Two films a study, the second of them lateral as often as in the real file. Returns where the films are."""
    random = np.random.default_rng(0)
    header = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CLASSES["fourteen"]]
    films = []
    for part, count, owners, first in (("train", ROWS, PATIENTS, 1), ("valid", 234, VALID, PATIENTS + 1)):
        patients = dealt(count, owners, random) + first
        cells, lateral = marks(count, random), random.random(count) > FRONTAL / ROWS
        rows, visits, before = [], 0, 0
        for row, patient in enumerate(patients.tolist()):
            visits = visits + 1 if patient == before else 0
            before = patient
            view = "lateral" if lateral[row] else "frontal"
            film = f"{part}/patient{patient:05}/study{visits // 2 + 1}/view{visits % 2 + 1}_{view}.jpg"
            films.append(film)
            who = ("Male" if patient % 5 < 3 else "Female", 18 + patient % 73, view.capitalize())
            told = (cells[name][row] if part == "train" else float(cells[name][row] == "1.0") for name in cells)
            rows.append([f"CheXpert-v1.0-small/{film}", *who, "" if lateral[row] else "AP", *told])
        write(root / f"{part}.csv", header, rows)
    return films


def write_mimic(root: Path) -> list[str]:
    random = np.random.default_rng(0)
    subjects = np.sort(random.choice(10_000_000, SUBJECTS, replace=False)) + 10_000_000
    subject_of = subjects[dealt(STUDIES, SUBJECTS, random)].tolist()
    studies = (random.permutation(10_000_000)[:STUDIES] + 50_000_000).tolist()
    cells = marks(STUDIES, random)
    classes = sorted(COUNTS)
    reports = (
        [subject_of[row], studies[row], *(cells[name][row] for name in classes)] for row in range(STUDIES - UNLABELLED)
    )
    write(root / "mimic-cxr-2.0.0-chexpert.csv.gz", ["subject_id", "study_id", *classes], reports)
    views = random.choice(list(VIEWS), FILMS, p=np.array(list(VIEWS.values())) / FILMS).tolist()
    drawn = random.choice(list(mimic_cxr_jpg.PARTS), SUBJECTS, p=[0.979, 0.008, 0.013])
    part_of = dict(zip(subjects.tolist(), drawn.tolist(), strict=True))
    films, metadata, parts = [], [], []
    for study, view in zip(dealt(FILMS, STUDIES, random).tolist(), views, strict=True):
        name = "-".join(random.bytes(4).hex() for _ in range(5))
        subject, number = subject_of[study], studies[study]
        films.append(f"files/p{str(subject)[:2]}/p{subject}/s{number}/{name}.jpg")
        what = ["CHEST (PORTABLE AP)", view, 3056, 2544, 21_800_506, "213014.531", "CHEST (PORTABLE AP)"]
        metadata.append([name, subject, number, *what, "antero-posterior", "Erect"])
        parts.append([name, number, subject, part_of[subject]])
    write(root / "mimic-cxr-2.0.0-metadata.csv.gz", mimic_cxr_jpg.COLUMNS, metadata)
    write(root / "mimic-cxr-2.0.0-split.csv.gz", ["dicom_id", "study_id", "subject_id", "split"], parts)
    return films


def held() -> float:
    """The most memory that this process held so far, in MiB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024


def show(what: str, began: tuple[float, float], peak: str = "") -> None:
    seconds, busy = (now - then for now, then in zip((time.perf_counter(), time.process_time()), began, strict=True))
    print(f"  {what:28} {seconds:6.2f} s, {busy:5.2f} s of the processor {peak}", flush=True)


def clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def measure(spec: RealProblem, root: Path, has_images: bool) -> None:
    """Everything about the problem but its pixels, then every split that a suite may ask for."""
    module = sys.modules[type(spec).__module__]
    if not has_images:
        vars(module)["find_by_path"] = lambda folders, endings, wanted, length: dict.fromkeys(wanted, root)
    before, start = held(), clocks()
    found = catalogue("full", spec, root)
    attributes = Attributes.of(found.attributes)
    labels = found.labels
    groups = len(np.unique(labels.groups))
    print(f"{spec.name}, {len(labels.classes)} findings: {len(labels):,} films of {groups:,} patients", flush=True)
    print(f"  {found.remark} Known of them: {', '.join(attributes.names)}.")
    show("read and checked", start, f"  peak {held() - before:.0f} MiB")
    ways: dict[str, Callable[[], object]] = {
        "the official split": lambda: official(labels, 0.1, 0),
        "70/10/20": lambda: holdout(labels, 0.7, 0.1, 0.2, 0),
        "one of 3 folds": lambda: fold(labels, 3, 0, 0.1, 0),
    }
    for way, split in ways.items():
        began = clocks()
        split()
        show(way, began)
    show("all of it", start, f"  peak {held() - before:.0f} MiB")


def main(images: str = "") -> None:
    writers = {chexpert.CheXpert: write_chexpert, mimic_cxr_jpg.MimicCxrJpg: write_mimic}
    with tempfile.TemporaryDirectory() as folder:
        for dataset, write_files in writers.items():
            root = Path(folder) / str(vars(dataset)["name"])
            root.mkdir()
            films = write_files(root)
            if images:
                for place in {(root / film).parent for film in films}:
                    place.mkdir(parents=True, exist_ok=True)
                for film in films:
                    (root / film).touch()
            del films
            for settings in ({}, {"labels": "fourteen", "views": "all"}):
                spec = dataset(split="official", **settings)
                with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                    pool.submit(measure, spec, root, bool(images)).result()


if __name__ == "__main__":
    main(*sys.argv[1:])
