"""What radiologists said of ChestX-ray14 films (Majkowska et al., Radiology 2020), and the table by which their
findings are held against the NIH's.

Each film was read by three radiologists, who went over it again until they agreed. Their findings are wider than the
NIH's. They see an airspace opacity where air spaces are filled with something: Consolidation, Infiltration, Pneumonia
and Edema are the NIH's words for that. Atelectasis is a lung that has collapsed, and counts as none: of the films that
the NIH calls Atelectasis and nothing else they see an opacity in 41 %, of those with one of the four alone in 62 to
77 %, of those without a finding in 29 %. A NO may be wrong about an edema that has not reached the air spaces. Fracture
is no finding of the NIH's, and is left out.
"""

import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.labelfile import SEPARATORS, LabelFile, read_label_file
from roskdbench.errors import UserError

PNEUMOTHORAX, OPACITY, NODULE = "Pneumothorax", "Airspace opacity", "Nodule or mass"
FRACTURE = "Fracture"
COVERED = {
    PNEUMOTHORAX: ("Pneumothorax",),
    OPACITY: ("Consolidation", "Infiltration", "Pneumonia", "Edema"),
    NODULE: ("Nodule", "Mass"),
}
"""The NIH's findings that each of the radiologists' covers."""
IMAGE, SET, READER = ("Image Index", "Image ID"), "Set Id", "Reader ID"
SETS = {"test": "test", "val": "validation", "validation": "validation"}
ANSWERS = {"YES": 1, "NO": 0, "": -1}
NOT_SAID = -1


@dataclass(frozen=True)
class Readings:
    """What radiologists agreed on for each film of a file."""

    file: LabelFile
    names: list[str]
    answers: NDArray[np.int8]
    """[N, 3] in the order of COVERED: 1 where they said yes, 0 where no, -1 where nothing."""
    parts: list[str]
    """test or validation, empty where the file does not say."""


def are_readings(path: Path) -> bool:
    """Whether a label file has the radiologists' columns."""
    columns = _columns(path)
    return OPACITY in columns and PNEUMOTHORAX in columns


def read_readings(path: Path) -> Readings:
    """A file such as four_findings_expert_labels_test_labels.csv; a UserError for a cell that is not YES, NO or empty,
    and for the file of what single radiologists said.
    """
    columns = _columns(path)
    if READER in columns:
        raise UserError(f"{path} has what each radiologist said (column '{READER}'); take the labels they agreed on")
    image = next((name for name in IMAGE if name in columns), IMAGE[0])
    file = read_label_file(path, [image, *COVERED], image, optional=(SET,))
    answers = np.full((len(file), len(COVERED)), NOT_SAID, np.int8)
    for c, name in enumerate(COVERED):
        for row, text in enumerate(file[name]):
            if text.upper() not in ANSWERS:
                raise UserError(f"{file.place(row)}: {name} is '{text}'; it should be YES, NO or empty")
            answers[row, c] = ANSWERS[text.upper()]
    parts = [""] * len(file)
    for row, text in enumerate(file.columns.get(SET, ())):
        if text.lower() not in SETS:
            raise UserError(f"{file.place(row)}: {SET} is '{text}'; it should be test or val")
        parts[row] = SETS[text.lower()]
    return Readings(file, file[image], answers, parts)


def _columns(path: Path) -> list[str]:
    """The header of a label file; nothing where it cannot be read, for whoever reads all of it says why."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.readline().decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error):
        return []
    return [name.strip(' \r\n"') for name in re.split(f"[{SEPARATORS}]", header)]


def joined(findings: NDArray[np.uint8], names: Sequence[str]) -> NDArray[np.uint8]:
    """The NIH's findings [N, C] in the radiologists' words [N, 3]: there where any finding that is covered is."""
    columns = [[names.index(name) for name in covered] for covered in COVERED.values()]
    return np.stack([findings[:, each].max(1) for each in columns], axis=1).astype(np.uint8)


def as_findings(answers: NDArray[np.int8], own: NDArray[Any], names: Sequence[str]) -> NDArray[np.int8]:
    """Answers [N, 3] in the NIH's words [N, C], -1 where they do not say; `own` are the NIH's findings.

    A NO denies every finding that is covered. A YES affirms the one that is; of several it affirms the one that the
    NIH's labels have alone, and an opacity is never told apart.
    """
    found = np.full(own.shape, NOT_SAID, np.int8)
    for c, (name, covered) in enumerate(COVERED.items()):
        columns = [names.index(each) for each in covered if each in names]
        yes, no = answers[:, c] == 1, answers[:, c] == 0
        found[np.ix_(no, columns)] = 0
        if name == PNEUMOTHORAX:
            found[np.ix_(yes, columns)] = 1
        if name == NODULE:
            alone = yes & (own[:, columns].sum(1) == 1)
            for column in columns:
                found[alone & (own[:, column] == 1), column] = 1
    return found


def explained(films: int, names: Sequence[str]) -> str:
    """How the second label set was made, for the readers of tables."""
    opacities = [name for name in COVERED[OPACITY] if name in names]
    return (
        f"Corrected labels are those that radiologists agreed on for {films:,} films: Pneumothorax as they said; no "
        "Nodule and no Mass where they saw neither, and where they saw one of them the one that the NIH's labels have "
        f"alone; no {_listed(opacities)} where they saw no airspace opacity, and nothing where they saw one. "
        "Of other findings they say nothing: compare classes one by one, and no means."
    )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
