"""The labels that CheXpert's labeller makes of a report, as CheXpert and MIMIC-CXR-JPG have them: a column for each of
fourteen findings, with 1, 0, -1 where the report is unsure, and blank where it does not mention the finding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.labelfile import LabelFile
from roskdbench.data.phantoms.chest import CLASSES as DRAWN
from roskdbench.errors import UserError

Choice = Literal["five", "fourteen"]
CLASSES: dict[Choice, tuple[str, ...]] = {
    "five": ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"),
    "fourteen": (
        "No Finding",
        "Enlarged Cardiomediastinum",
        "Cardiomegaly",
        "Lung Opacity",
        "Lung Lesion",
        "Edema",
        "Consolidation",
        "Pneumonia",
        "Atelectasis",
        "Pneumothorax",
        "Pleural Effusion",
        "Pleural Other",
        "Fracture",
        "Support Devices",
    ),
}
"""The five of CheXpert's competition in its order, and all of them in the order of CheXpert's files."""
UNCERTAIN, BLANK = -1, -2
MARKS = {"1.0": 1, "1": 1, "0.0": 0, "0": 0, "-1.0": UNCERTAIN, "-1": UNCERTAIN, "": BLANK}


@dataclass(frozen=True)
class Marks:
    """What a label file says of each sample and class: 1, 0, UNCERTAIN or BLANK."""

    classes: tuple[str, ...]
    codes: NDArray[np.int8]  # [N, C]

    @classmethod
    def of(cls, file: LabelFile, classes: Sequence[str]) -> "Marks":
        """Those of some columns; a UserError for a cell that is none of them."""
        codes = np.empty((len(file), len(classes)), np.int8)
        for c, name in enumerate(classes):
            cells = file[name]
            if unknown := set(cells) - MARKS.keys():
                row = next(row for row, text in enumerate(cells) if text in unknown)
                raise UserError(
                    f"{file.place(row)}: {name} is '{cells[row]}'; it should be 1, 0, -1 (uncertain) or blank"
                )
            codes[:, c] = [MARKS[text] for text in cells]
        return cls(tuple(classes), codes)

    def take(self, rows: NDArray[np.int64]) -> "Marks":
        """Those of some samples."""
        return Marks(self.classes, self.codes[rows])

    @property
    def targets(self) -> NDArray[np.uint8]:
        """1 where a finding is said to be there, else 0. [N, C]"""
        found: NDArray[np.uint8] = (self.codes == 1).astype(np.uint8)
        return found

    @property
    def uncertain(self) -> NDArray[np.uint8] | None:
        """1 where the report is unsure; None where none is. [N, C]"""
        found: NDArray[np.uint8] = (self.codes == UNCERTAIN).astype(np.uint8)
        return found if found.any() else None

    @property
    def blank(self) -> NDArray[np.uint8] | None:
        """1 where the report does not mention the finding; None where it always does. [N, C]"""
        found: NDArray[np.uint8] = (self.codes == BLANK).astype(np.uint8)
        return found if found.any() else None

    @property
    def second(self) -> NDArray[np.int8]:
        """As a second label set: blank is 0 as in the first one, and -1 says nothing. [N, C]"""
        found: NDArray[np.int8] = np.where(self.codes == BLANK, 0, self.codes).astype(np.int8)
        return found

    @property
    def remark(self) -> str:
        """How many labels are blank, how many uncertain, and where most of these are."""
        blank, uncertain = self._counted(BLANK), self._counted(UNCERTAIN)
        parts = [f"{blank} are blank and count as 0"] * bool(blank) + [f"{uncertain} are uncertain"] * bool(uncertain)
        return f"Of {self.codes.size:,} labels {', '.join(parts)}." if parts else ""

    def _counted(self, code: int) -> str:
        counts = (self.codes == code).sum(axis=0)
        most = int(counts.argmax())
        return f"{int(counts.sum()):,} ({self.classes[most]} most: {int(counts[most]):,})" if counts.any() else ""


SHOWN_AS = {
    "Enlarged Cardiomediastinum": ("Cardiomegaly",),
    "Cardiomegaly": ("Cardiomegaly",),
    "Lung Opacity": ("Atelectasis", "Infiltration", "Mass", "Nodule", "Pneumonia"),
    "Lung Lesion": ("Mass", "Nodule"),
    "Edema": ("Infiltration",),
    "Consolidation": ("Mass", "Pneumonia"),
    "Pneumonia": ("Pneumonia",),
    "Atelectasis": ("Atelectasis",),
    "Pneumothorax": ("Pneumothorax",),
    "Pleural Effusion": ("Effusion",),
}
"""By which of the drawn findings a generated film shows a finding; the others of the fourteen are dealt by lot."""
BY_LOT, UNSURE, DENIED = 0.1, 0.15, 0.3


def drawn_marks(findings: NDArray[np.integer], seed: int, complete: bool = False) -> list[dict[str, str]]:
    """Cells by class for films with these drawn findings [N, 8], as a labeller would have them: a share of what is
    there is uncertain, most of what is not there is blank. `complete`: all 1 or 0, as people have them.
    """
    random = np.random.default_rng([seed, 14])
    names = [name for name in CLASSES["fourteen"] if name != "No Finding"]
    there = random.random((len(findings), len(names))) < BY_LOT
    for c, name in enumerate(names):
        if name in SHOWN_AS:
            there[:, c] = findings[:, [DRAWN.index(each) for each in SHOWN_AS[name]]].any(axis=1)
    lot = random.random(there.shape)
    absent = np.where(complete | (lot < DENIED), "0.0", "")
    cells = np.where(there, np.where(~np.bool_(complete) & (lot < UNSURE), "-1.0", "1.0"), absent)
    healthy = ~there[:, [c for c, name in enumerate(names) if name != "Support Devices"]].any(axis=1)
    nothing = np.where(healthy, "1.0", "0.0" if complete else "")
    return [
        {"No Finding": mark, **dict(zip(names, row, strict=True))}
        for mark, row in zip(nothing.tolist(), cells.tolist(), strict=True)
    ]
