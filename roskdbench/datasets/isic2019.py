"""`isic2019`: ISIC 2019 as its challenge gives it out: a one-hot label file, metadata with lesions, and JPEGs."""

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.attributes import SEXES, age_band, known
from roskdbench.data.catalogue import Catalogue, count, find_files, match, numbered, second_labels, some
from roskdbench.data.generated import lesions, write_image, write_table
from roskdbench.data.labelfile import LabelFile, one_of, read_label_file
from roskdbench.data.problem import Labels
from roskdbench.errors import UserError
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, RealProblem, Task

CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")
UNKNOWN = "UNK"
LABELS = "ISIC_2019_Training_GroundTruth.csv"
METADATA = "ISIC_2019_Training_Metadata.csv"
IMAGES = "ISIC_2019_Training_Input"


@register("isic2019")
class Isic2019(RealProblem):
    """ISIC 2019: 25,331 dermoscopy images, eight classes, grouped by lesion."""

    card: ClassVar[Card] = Card(
        "ISIC 2019: dermoscopy, 8 classes",
        "CC BY-NC 4.0",
        "Tschandl et al., HAM10000, Scientific Data 2018; Codella et al., ISIC 2017, 2018; Hernández-Pérez et al., "
        "BCN20000, Scientific Data 2024",
        "training input, ground truth and metadata from challenge.isic-archive.com/data (2019)",
    )
    channels: ClassVar[int | None] = 3
    task: ClassVar[Task | None] = "single-label"
    expected_samples: ClassVar[int] = 25_331
    grouped_by: ClassVar[str | None] = "lesion"
    known_classes: ClassVar[tuple[str, ...]] = CLASSES

    split: Literal["ours"] = "ours"
    only_present: bool = False
    """Take the rows of the label file whose images are there, instead of asking for all of them."""

    @classmethod
    def generate(cls, folder: Path, groups: int, seed: int) -> None:
        """Photographs of so many lesions; every fifth has no lesion_id, as some images have none."""
        drawn = lesions(groups, seed)
        names = [f"ISIC_{number:07}" for number in range(len(drawn.images))]
        marks = [
            [name, *(float(c == kind) for c in range(len(CLASSES))), 0.0]
            for name, kind in zip(names, drawn.labels, strict=True)
        ]
        write_table(folder / LABELS, ["image", *CLASSES, UNKNOWN], marks)
        sites = ("anterior torso", "head/neck", "lower extremity", "")
        rows = []
        for name, lesion in zip(names, drawn.groups.tolist(), strict=True):
            sex = "female" if drawn.sexes[lesion] == "F" else "male"
            age = drawn.ages[lesion] // 5 * 5
            rows.append([name, age, sites[lesion % 4], f"HAM_{lesion:07}" if lesion % 5 else "", sex])
        write_table(folder / METADATA, ["image", "age_approx", "anatom_site_general", "lesion_id", "sex"], rows)
        for name, image in zip(names, drawn.images, strict=True):
            write_image(image, folder / IMAGES / f"{name}.jpg")

    def catalogue(self, root: Path) -> Catalogue:
        """Images in the order of the label file. An image without a lesion is a group of its own."""
        file = _read(one_of(root, [LABELS], "the labels"))
        targets = _targets(file)
        folder = root / IMAGES
        files = find_files(folder, (".jpg", ".jpeg")).values()
        found = {path.stem: path for path in files}
        if len(found) < len(files):
            twice = next(path for path in files if found[path.stem] != path)
            raise UserError(f"{twice} and {found[twice.stem].name} are one image twice; keep one")
        rows, images, remark = match(file["image"], found, self.only_present, folder, file["image"], ".jpg")
        metadata = _metadata(one_of(root, [METADATA], "the lesions"), images.names)
        labels = Labels(
            task="single-label",
            classes=CLASSES,
            targets=targets[rows],
            groups=numbered(metadata["lesion_id"]),
            corrected=None if self.corrected is None else _corrected(self.corrected, images.names, targets[rows]),
        )
        attributes = {
            "sex": [known(text, SEXES) for text in metadata.get("sex", ())],
            "age": [age_band(text) for text in metadata.get("age_approx", ())],
            "site": metadata.get("anatom_site_general", []),
        }
        known_ones = {name: column for name, column in attributes.items() if column}
        return Catalogue(images, labels, 3, self.size, remark, known_ones, groups=metadata["lesion_id"])


def _read(path: Path) -> LabelFile:
    return read_label_file(path, ["image", *CLASSES, UNKNOWN], "image")


def _targets(file: LabelFile) -> NDArray[np.int64]:
    """The class of each row, from its one mark among the classes."""
    marks = np.zeros((len(file), len(CLASSES)), dtype=bool)
    for c, name in enumerate((*CLASSES, UNKNOWN)):
        for row, text in enumerate(file[name]):
            try:
                mark = float(text or 0)
            except ValueError:
                mark = -1.0
            if mark not in (0.0, 1.0) or (mark and name == UNKNOWN):
                wrong = f"{name} is '{text}'" if mark not in (0.0, 1.0) else f"{file['image'][row]} is of unknown class"
                raise UserError(f"{file.place(row)}: {wrong}; labels are 0 or 1 under one of {', '.join(CLASSES)}")
            if name != UNKNOWN:
                marks[row, c] = mark == 1.0
    several = np.flatnonzero(marks.sum(1) != 1)
    if len(several):
        row = int(several[0])
        raise UserError(f"{file.place(row)}: {file['image'][row]} has {marks[row].sum()} classes; it needs one")
    targets: NDArray[np.int64] = marks.argmax(1).astype(np.int64)
    return targets


def _metadata(path: Path, names: list[str]) -> dict[str, list[str]]:
    """The lesion, and what is known of the patient, of each image."""
    file = read_label_file(path, ["image", "lesion_id"], "image", optional=("sex", "age_approx", "anatom_site_general"))
    row_of = {name: row for row, name in enumerate(file["image"])}
    if absent := [name for name in names if name not in row_of]:
        raise UserError(f"{path}: {count(len(absent), len(names))} not listed: {some(absent)}; is the file whole?")
    rows = [row_of[name] for name in names]
    return {column: [cells[row] for row in rows] for column, cells in file.columns.items()}


def _corrected(path: Path, names: list[str], own: NDArray[np.int64]) -> NDArray[np.signedinteger]:
    file = _read(path)
    return second_labels(names, file["image"], _targets(file), own, path)
