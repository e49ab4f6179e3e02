"""`chestxray14`: NIH ChestX-ray14 as the NIH Clinical Center gives it out: a label file, twelve folders of PNGs, two
lists.
"""

from collections import Counter
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from roskdbench import foreign
from roskdbench.data.attributes import SEXES, age_band, known
from roskdbench.data.catalogue import (
    Catalogue,
    count,
    find_files,
    match,
    numbered,
    refuse_split_groups,
    second_labels,
    some,
)
from roskdbench.data.generated import films, write_image, write_table
from roskdbench.data.labelfile import LabelFile, one_of, read_label_file
from roskdbench.data.phantoms.chest import CLASSES as EIGHT
from roskdbench.data.problem import NOWHERE, TEST, TRAIN_OR_VALIDATION, Labels
from roskdbench.data.radiologists import NOT_SAID, are_readings, as_findings, explained, read_readings
from roskdbench.errors import UserError, nearest
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, RealProblem, Task

OTHERS = ("Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia")
FOURTEEN = EIGHT + OTHERS
NOTHING = "No Finding"
LABELS = ("Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv")
LISTS = {"train_val_list.txt": TRAIN_OR_VALIDATION, "test_list.txt": TEST}
IMAGE, FINDINGS, PATIENT = "Image Index", "Finding Labels", "Patient ID"
AGE, SEX, VIEW = "Patient Age", ("Patient Gender", "Patient Sex"), "View Position"


@register("chestxray14")
class ChestXray14(RealProblem):
    """NIH ChestX-ray14: 112,120 X-rays of 30,805 patients, grouped by patient."""

    card: ClassVar[Card] = Card(
        "NIH ChestX-ray14: X-rays, 8 or 14 findings",
        "free use with citation (NIH Clinical Center)",
        "Wang et al., ChestX-ray8, CVPR 2017",
        "images_001 to _012, Data_Entry_2017_v2020.csv and the two lists from nihcc.app.box.com/v/ChestXray-NIHCC",
    )
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "multi-label"
    expected_samples: ClassVar[int] = 112_120
    grouped_by: ClassVar[str | None] = "patient"

    labels: Literal["eight", "fourteen"] = "eight"
    """The eight findings of the paper, or all fourteen."""
    corrected: Path | None = None
    """A second, better label set for all or some of the films, written like the NIH's own, or the labels that
    radiologists agreed on (four_findings_expert_labels_test_labels.csv): scored as well.
    """
    only_present: bool = False
    """Take the rows of the label file whose images are there, instead of asking for all of them."""

    @classmethod
    def generate(cls, folder: Path, groups: int, seed: int) -> None:
        """Films of so many patients, a quarter of whom are in the official test list."""
        drawn = films(groups, seed)
        listed: dict[str, list[str]] = {name: [] for name in LISTS}
        rows, visits = [], Counter[int]()
        for image, flags, patient in zip(drawn.images, drawn.labels, drawn.groups.tolist(), strict=True):
            name = f"{patient + 1:08}_{visits[patient]:03}.png"
            found = "|".join(label for label, flag in zip(EIGHT, flags, strict=True) if flag) or NOTHING
            view = "AP" if visits[patient] % 3 == 2 else "PA"
            rows.append([name, found, visits[patient], patient + 1, drawn.ages[patient], drawn.sexes[patient], view])
            listed["test_list.txt" if patient % 4 == 0 else "train_val_list.txt"].append(name)
            visits[patient] += 1
            write_image(image, folder / f"images_{patient * 2 // groups + 1:03}" / "images" / name)
        header = [IMAGE, FINDINGS, "Follow-up #", PATIENT, AGE, SEX[0], VIEW]
        write_table(folder / LABELS[1], header, rows)
        for file, names in listed.items():
            (folder / file).write_text("".join(f"{name}\n" for name in names), "utf-8")

    def catalogue(self, root: Path) -> Catalogue:
        """Images in the order of the label file, from images_001/images … or from any one folder."""
        file = read_entries(one_of(root, LABELS, "the labels"))
        classes = EIGHT if self.labels == "eight" else FOURTEEN
        targets = findings_of(file, classes)
        found = find_files(root, (".png",))
        rows, images, remark = match(file[IMAGE], found, self.only_present, root, file[IMAGE], ".png")
        patients = [file[PATIENT][row] for row in rows]
        corrected, how = _corrected(self.corrected, images.names, classes, targets[rows])
        labels = Labels(
            task="multi-label",
            classes=classes,
            targets=targets[rows],
            groups=numbered(patients),
            corrected=corrected,
            parts=_parts(root, images.names, patients) if self.split == "official" else None,
        )
        said = f"{remark} {how}".strip()
        return Catalogue(images, labels, 1, self.size, said, attributes_of(file, rows), groups=patients)


def read_entries(path: Path) -> LabelFile:
    """The NIH's own labels, and what is known of patients."""
    return read_label_file(path, [IMAGE, FINDINGS, PATIENT], IMAGE, optional=(AGE, *SEX, VIEW))


def attributes_of(file: LabelFile, rows: NDArray[np.int64]) -> dict[str, list[str]]:
    """Sex, age and view of the chosen rows."""
    found = {}
    for column in SEX:
        if column in file:
            found["sex"] = [known(file[column][row], SEXES) for row in rows]
    if AGE in file:
        found["age"] = [age_band(file[AGE][row]) for row in rows]
    if VIEW in file:
        found["view"] = [file[VIEW][row] for row in rows]
    return found


def findings_of(file: LabelFile, classes: tuple[str, ...]) -> NDArray[np.uint8]:
    """[N, C]; a label that the dataset does not know is an error."""
    column = {name: c for c, name in enumerate(FOURTEEN)}
    targets = np.zeros((len(file), len(classes)), dtype=np.uint8)
    for row, text in enumerate(file[FINDINGS]):
        if text == NOTHING:
            continue
        for name in text.split("|"):
            if name not in column:
                known = [*column, NOTHING]
                raise UserError(f"{file.place(row)}: unknown label '{name}'; {nearest(name, known)}")
            if column[name] < len(classes):
                targets[row, column[name]] = 1
    return targets


def _parts(root: Path, names: list[str], patients: list[str]) -> NDArray[np.int8]:
    """The part of each image by the official lists. An image in neither, or in both, is an error."""
    part: dict[str, int] = {}
    for name, value in LISTS.items():
        path = root / name
        if not path.is_file():
            raise UserError(f"{root} has no {name}, which the official split needs; get it, or say split: ours")
        for number, line in enumerate(foreign.text_of(path, foreign.LABELS).splitlines(), 1):
            image = line.strip()
            if image and part.setdefault(image, value) != value:
                raise UserError(f"{name}:{number}: {image} is in both official lists")
    absent = [name for name in names if name not in part]
    if absent:
        raise UserError(f"{count(len(absent), len(names))} in neither official list: {some(absent)}")
    parts = np.array([part.get(name, NOWHERE) for name in names], dtype=np.int8)
    refuse_split_groups(parts, [f"patient {patient}" for patient in patients], "the official lists")
    return parts


def _corrected(
    path: Path | None, names: list[str], classes: tuple[str, ...], own: NDArray[np.uint8]
) -> tuple[NDArray[np.signedinteger] | None, str]:
    """A second label set, written like the NIH's or by radiologists in their own words, and how it was made."""
    if path is None:
        return None, ""
    if not are_readings(path):
        file = read_label_file(path, [IMAGE, FINDINGS], IMAGE)
        return second_labels(names, file[IMAGE], findings_of(file, classes).astype(np.int8), own, path), ""
    readings = read_readings(path)
    row_of = {name: row for row, name in enumerate(readings.names)}
    answers = np.full((len(names), readings.answers.shape[1]), NOT_SAID, np.int8)
    for row, name in enumerate(names):
        if name in row_of:
            answers[row] = readings.answers[row_of[name]]
    found = second_labels(names, names, as_findings(answers, own, classes), own, path)
    return found, explained(int((answers != NOT_SAID).any(1).sum()), classes)
