"""`chestxray14-radiologists`: NIH ChestX-ray14, tested on the films that radiologists read again."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.catalogue import Catalogue, count, find_files, match, numbered, refuse_split_groups, some
from roskdbench.data.generated import write_table
from roskdbench.data.labelfile import LabelFile, one_of, read_label_file
from roskdbench.data.problem import TEST, TRAIN, TRAIN_OR_VALIDATION, VALIDATION, Labels
from roskdbench.data.radiologists import COVERED, FRACTURE, NOT_SAID, SET, Readings, joined, read_readings
from roskdbench.datasets.chestxray14 import (
    AGE,
    FINDINGS,
    FOURTEEN,
    IMAGE,
    LABELS,
    PATIENT,
    SEX,
    VIEW,
    ChestXray14,
    attributes_of,
    findings_of,
    read_entries,
)
from roskdbench.errors import UserError
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, RealProblem, Task

FOLDER = "four_findings_expert_labels"
FILES = {part: (f"{FOLDER}_{part}_labels.csv", f"{FOLDER}/{part}_labels.csv") for part in ("test", "validation")}
BOTH = "google2019_nih-chest-xray-labels.csv"
"""The two files in one, as torchxrayvision has it."""
PARTS = {"test": TEST, "validation": VALIDATION}
READ, DISAGREEMENT = 0.8, 0.2
"""In a generated release: how many of a patient's films were read, and how often the answer is not the NIH's label."""


@register("chestxray14-radiologists")
class ChestXray14Radiologists(RealProblem):
    """NIH ChestX-ray14 by radiologists: three findings, learnt from the NIH's labels and tested on radiologists'.

    The test part is the 1,962 films that three radiologists each agreed on, validation the 2,414 that were read in the
    same way, if their file is there; training is all films of other patients, with the NIH's own findings in the
    radiologists' words: Airspace opacity where there is Consolidation, Infiltration, Pneumonia or Edema, Nodule or mass
    where there is either. Their fourth finding, Fracture, is none of the NIH's and is left out.
    """

    card: ClassVar[Card] = Card(
        "NIH ChestX-ray14 by radiologists: X-rays, 3 findings",
        "free use with citation (NIH Clinical Center; Google Health)",
        "Wang et al., ChestX-ray8, CVPR 2017; Majkowska et al., Radiology 2020",
        "ChestX-ray14 from nihcc.app.box.com/v/ChestXray-NIHCC, and beside it the four findings expert labels from "
        "cloud.google.com/healthcare-api/docs/resources/public-datasets/nih-chest",
    )
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "multi-label"
    expected_samples: ClassVar[int] = 89_575
    grouped_by: ClassVar[str | None] = "patient"
    known_classes: ClassVar[tuple[str, ...]] = tuple(COVERED)

    split: Literal["official"] = "official"
    """Radiologists read the films of the test and validation part only."""
    corrected: None = None
    only_present: bool = False
    """Take the rows of the label file whose images are there, instead of asking for all of them."""

    @classmethod
    def found_under(cls, folder: Path) -> Path | None:
        """A folder of its name, or that of ChestX-ray14."""
        return super().found_under(folder) or ChestXray14.found_under(folder)

    @classmethod
    def generate(cls, folder: Path, groups: int, seed: int) -> None:
        """A ChestX-ray14 of so many patients; most films of one in four were read for test, of one in four for
        validation.
        """
        ChestXray14.generate(folder, groups, seed)
        columns = [IMAGE, FINDINGS, "Follow-up #", PATIENT, AGE, SEX[0], VIEW]
        file = read_label_file(folder / LABELS[1], columns, IMAGE)
        own = joined(findings_of(file, FOURTEEN), FOURTEEN)
        random = np.random.default_rng([seed, 3])
        seen = np.where(random.random(own.shape) < DISAGREEMENT, 1 - own, own)
        fractures, read = random.random(len(file)) < 0.05, random.random(len(file)) < READ
        patients = [int(patient) - 1 for patient in file[PATIENT]]
        for turn, (part, said) in enumerate({"test": "test", "validation": "val"}.items()):
            rows = [
                [*(file[column][row] for column in columns), *map(_answer, [fractures[row], *seen[row]]), said]
                for row, patient in enumerate(patients)
                if patient % 4 == turn and read[row]
            ]
            write_table(folder / FILES[part][0], [*columns, FRACTURE, *COVERED, SET], rows)

    def catalogue(self, root: Path) -> Catalogue:
        """Images in the order of the NIH's label file, without the films of test and validation patients that
        radiologists did not read.
        """
        file = read_entries(one_of(root, LABELS, "the labels"))
        readings = _readings(root)
        own = joined(findings_of(file, FOURTEEN), FOURTEEN)
        answers, parts = _by_film(file, readings)
        read = (answers != NOT_SAID).any(1)
        kept = np.flatnonzero(read | ~_of_their_patients(file, read))
        names = [file[IMAGE][row] for row in kept]
        present, images, remark = match(names, find_files(root, (".png",)), self.only_present, root)
        rows = kept[present]
        unknown = read[:, None] & (answers == NOT_SAID)
        targets = np.where(read[:, None], np.maximum(answers, 0), own).astype(np.uint8)
        patients = [file[PATIENT][row] for row in rows]
        refuse_split_groups(parts[rows], [f"patient {patient}" for patient in patients], "the radiologists' files")
        if not (parts[rows] == TEST).any():
            raise UserError(f"none of the films that radiologists read for the test part is in {root}")
        labels = Labels(
            task="multi-label",
            classes=tuple(COVERED),
            targets=targets[rows],
            groups=numbered(patients),
            uncertain=unknown[rows].astype(np.uint8) if unknown[rows].any() else None,
            parts=parts[rows],
        )
        tested = rows[parts[rows] == TEST]
        how = _explained(own[tested], answers[tested], len(file) - len(kept), len(readings))
        said = f"{remark} {how}".strip()
        return Catalogue(images, labels, 1, self.size, said, attributes_of(file, rows), groups=patients)


def _answer(found: bool) -> str:
    return "YES" if found else "NO"


def _readings(root: Path) -> Mapping[str, Readings]:
    """The radiologists' file of each part that there is; one that is for both stands under both."""
    first = one_of(root, (*FILES["test"], BOTH), "what radiologists said of the test part")
    if first.name.startswith(BOTH):
        readings = read_readings(first)
        for row, part in enumerate(readings.parts):
            if not part:
                raise UserError(f"{readings.file.place(row)}: there is no column '{SET}' that says test or val")
        return {part: readings for part in PARTS if part in readings.parts}
    found = {"test": read_readings(first)}
    if any((root / f"{name}{ending}").is_file() for name in FILES["validation"] for ending in ("", ".gz")):
        found["validation"] = read_readings(one_of(root, FILES["validation"], "what they said of validation"))
    for part, readings in found.items():
        for row, said in enumerate(readings.parts):
            if said not in ("", part):
                raise UserError(f"{readings.file.place(row)}: a film of {said} in the file of {part}")
    return found


def _by_film(file: LabelFile, readings: Mapping[str, Readings]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """The answers [N, 3] of radiologists for the NIH's films, and the part of each. A film that the NIH does not list,
    or that is in two files, is an error.
    """
    row_of = {name: row for row, name in enumerate(file[IMAGE])}
    answers = np.full((len(file), len(COVERED)), NOT_SAID, np.int8)
    rest = TRAIN if "validation" in readings else TRAIN_OR_VALIDATION
    parts = np.full(len(file), rest, np.int8)
    for part, each in readings.items():
        chosen = [row for row, said in enumerate(each.parts) if said in ("", part)]
        absent = [each.names[row] for row in chosen if each.names[row] not in row_of]
        if absent:
            raise UserError(f"{each.file.path}: {count(len(absent), len(chosen))} not in the NIH's: {some(absent)}")
        for row in chosen:
            film = row_of[each.names[row]]
            if parts[film] != rest:
                raise UserError(f"{each.file.place(row)}: {each.names[row]} is in both files of radiologists")
            if (each.answers[row] != NOT_SAID).any():
                answers[film], parts[film] = each.answers[row], PARTS[part]
    return answers, parts


def _of_their_patients(file: LabelFile, read: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which films are of a patient that has one which radiologists read."""
    theirs = {file[PATIENT][row] for row in np.flatnonzero(read)}
    return np.array([patient in theirs for patient in file[PATIENT]], dtype=bool)


def _explained(own: NDArray[np.uint8], answers: NDArray[np.int8], left_out: int, files: int) -> str:
    known = answers != NOT_SAID
    differ = [np.mean(own[known[:, c], c] != answers[known[:, c], c]) for c in range(len(COVERED))]
    shares = ", ".join(f"{share:.1%} ({name})" for name, share in zip(COVERED, differ, strict=True))
    which = "test and validation" if files > 1 else "test"
    return (
        "Training labels are the NIH's own: Airspace opacity is Consolidation, Infiltration, Pneumonia or Edema, "
        f"Nodule or mass is either. The {which} labels are radiologists'; in the test part the NIH's differ from them "
        f"in {shares}. {left_out:,} other films of these patients are left out."
    )
