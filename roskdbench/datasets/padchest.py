"""`padchest`: PadChest as BIMCV gives it out: one label file, whose labels are lists of names, and folders 0 to 54 of
16-bit PNGs.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from roskdbench.data.attributes import SEXES, age_band, known
from roskdbench.data.catalogue import Catalogue, find_files, match, numbered, second_labels
from roskdbench.data.generated import films, write_image, write_table
from roskdbench.data.labelfile import LabelFile, one_of, read_label_file
from roskdbench.data.problem import Labels
from roskdbench.errors import UserError, nearest
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, RealProblem, Task, Window

FINDINGS: dict[str, tuple[str, ...]] = {
    "atelectasis": (
        *("atelectasis", "atelectasis basal", "laminar atelectasis", "lobar atelectasis", "round atelectasis"),
        *("segmental atelectasis", "total atelectasis"),
    ),
    "cardiomegaly": ("cardiomegaly",),
    "pleural effusion": (
        *("pleural effusion", "loculated pleural effusion", "loculated fissural effusion", "hydropneumothorax"),
        *("hemothorax", "empyema"),
    ),
    "infiltrates": (
        *("infiltrates", "interstitial pattern", "ground glass pattern", "reticular interstitial pattern"),
        *("reticulonodular interstitial pattern", "miliary opacities", "alveolar pattern", "consolidation"),
        "air bronchogram",
    ),
    "mass": ("mass", "pulmonary mass", "pleural mass", "mediastinal mass"),
    "nodule": ("nodule", "multiple nodules"),
    "pneumonia": ("pneumonia", "atypical pneumonia"),
    "pneumothorax": ("pneumothorax", "hydropneumothorax"),
    "consolidation": ("consolidation", "air bronchogram"),
    "pulmonary edema": ("pulmonary edema",),
    "emphysema": ("emphysema",),
    "pulmonary fibrosis": ("pulmonary fibrosis", "post radiotherapy changes", "asbestosis signs"),
    "pleural thickening": ("pleural thickening", "apical pleural thickening", "calcified pleural thickening"),
    "hernia": ("hernia", "hiatal hernia"),
}
"""The labels of PadChest that each class takes: its own name and the names under it in PadChest's tree. Of the masses,
those of the breast and of soft tissue are not taken: they are not in the chest.
"""
SILENT = frozenset({"", "unchanged", "exclude", "suboptimal study"})
"""Labels that do not say which findings an image shows."""
LABELS = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
IMAGE, NAMES, PATIENT, VIEW, METHOD = "ImageID", "Labels", "PatientID", "Projection", "MethodLabel"
SEX, BIRTH, DATE = "PatientSex_DICOM", "PatientBirth", "StudyDate_DICOM"
METHODS = ("Physician", "RNN_model")
VIEWS = ("PA", "AP", "AP_horizontal", "L", "COSTAL", "EXCLUDE", "UNK")
_NAME = r"""(?:'[^']*'|"[^"]*")"""
LIST = re.compile(rf"\[\s*(?:{_NAME}\s*(?:,\s*{_NAME}\s*)*)?\]")


@register("padchest")
class PadChest(RealProblem):
    """PadChest: 160,861 X-rays of 67,625 patients of one hospital, labels from reports, grouped by patient.

    The classes are fourteen findings, by PadChest's names, that other sets of chest films have, too; each takes its own
    label and those under it in PadChest's tree (a laminar atelectasis is an atelectasis, a consolidation an
    infiltrate). A film whose labels say nothing of findings, because there are none, or only that nothing has changed,
    is left out and counted.
    """

    card: ClassVar[Card] = Card(
        "PadChest: X-rays, 14 findings",
        "PadChest Dataset Research Use Agreement (BIMCV): research only",
        "Bustos et al., PadChest: A large chest x-ray image dataset with multi-label annotated reports, Medical Image "
        "Analysis 2020",
        f"{LABELS} and the folders 0 to 54 of PNGs from bimcv.cipf.es/bimcv-projects/padchest",
    )
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "multi-label"
    expected_samples: ClassVar[int] = 92_000
    grouped_by: ClassVar[str | None] = "patient"
    known_classes: ClassVar[tuple[str, ...]] = tuple(FINDINGS)

    split: Literal["ours"] = "ours"
    window: Window = "full"
    """How 16-bit films become 8 bits: from their lowest value to their highest (`full`), or between the 0.5th and the
    99.5th percentile.
    """
    views: Annotated[list[Literal["PA", "AP", "AP_horizontal", "L", "COSTAL"]], Field(min_length=1)] = ["PA", "AP"]
    """The projections to take: from behind, from the front, from the front lying down, lateral, of the ribs."""
    labelled_by: Literal["physicians", "all"] = "all"
    """Reports that physicians labelled, about a quarter; or those as well that a recurrent network labelled."""
    only_present: bool = False
    """Take the rows of the label file whose images are there, instead of asking for all of them."""

    @classmethod
    def generate(cls, folder: Path, groups: int, seed: int) -> None:
        """Films of so many patients in 12 bits, every eighth of them lateral; an eighth of the reports say nothing."""
        drawn, rows, shown = films(groups, seed), [], [*FINDINGS][:8]
        for number, (image, flags, patient) in enumerate(
            zip(drawn.images, drawn.labels, drawn.groups.tolist(), strict=True)
        ):
            name, place = f"{10_000 + number}_{patient:05}.png", patient * 2 // groups
            found = [label for label, flag in zip(shown, flags, strict=True) if flag] or ["normal"]
            text = str([label if c == 0 else f" {label}" for c, label in enumerate(found)])
            text = {5: "nan", 11: "['unchanged']"}.get(number % 16, text)
            view = "L" if number % 8 == 7 else ("PA", "PA", "AP", "AP_horizontal")[patient % 4]
            person = [patient + 1, f"{2014 - drawn.ages[patient]}.0", drawn.sexes[patient]]
            rows.append([number, name, place, "20140915", 10_000 + number, *person, view, METHODS[patient % 2], text])
            write_image(image.astype(np.uint16) << 4, folder / str(place) / name)
        header = ["", IMAGE, "ImageDir", DATE, "StudyID", PATIENT, BIRTH, SEX, VIEW, METHOD, NAMES]
        write_table(folder / f"{LABELS}.gz", header, rows)

    def catalogue(self, root: Path) -> Catalogue:
        """Images in the order of the label file, from the folders 0 to 54 or from any one folder."""
        file = _read(one_of(root, [LABELS], "the labels"))
        targets = _targets(file)
        taken, remark = self._taken(file, targets)
        found = find_files(root, (".png",))
        names = [file[IMAGE][row] for row in taken.tolist()]
        present, images, absent = match(names, found, self.only_present, root, file[IMAGE], ".png")
        rows = taken[present]
        own = targets[rows].astype(np.uint8)
        if not own.any():
            raise UserError(f"{file.path}: no image that is taken has any of the {len(FINDINGS)} findings")
        patients = [file[PATIENT][row] for row in rows]
        labels = Labels(
            task="multi-label",
            classes=tuple(FINDINGS),
            targets=own,
            groups=numbered(patients),
            corrected=None if self.corrected is None else _corrected(self.corrected, images.names, own),
        )
        depth = f"16-bit films are brought to 8 bits by window: {self.window}."
        said = " ".join(part for part in (remark, absent, depth, _on_other_names(file, rows)) if part)
        return Catalogue(images, labels, 1, self.size, said, _attributes(file, rows), groups=patients)

    def _taken(self, file: LabelFile, targets: NDArray[np.int8]) -> tuple[NDArray[np.int64], str]:
        """The rows of the views and labellers that are asked for and that say something, and a remark on the others."""
        _refuse_unknown(file, VIEW, VIEWS)
        _refuse_unknown(file, METHOD, METHODS)
        by = METHODS[:1] if self.labelled_by == "physicians" else METHODS
        asked = np.array([view in self.views for view in file[VIEW]]) & np.array(
            [method in by for method in file[METHOD]]
        )
        said = asked & (targets[:, 0] >= 0)
        if not said.any():
            raise UserError(f"{file.path}: no row with labels has the views {', '.join(self.views)}" + self._labeller)
        silent = int(asked.sum() - said.sum())
        which = f"{int(asked.sum()):,} of {len(file):,} rows have the views {', '.join(self.views)}{self._labeller}"
        return np.flatnonzero(said), f"{which}; {silent:,} of them say nothing of findings and are left out."

    @property
    def _labeller(self) -> str:
        return " and labels by physicians" if self.labelled_by == "physicians" else ""


def _read(path: Path) -> LabelFile:
    return read_label_file(path, [IMAGE, NAMES, PATIENT, VIEW, METHOD], IMAGE, optional=(SEX, BIRTH, DATE))


def _targets(file: LabelFile) -> NDArray[np.int8]:
    """[N, C]; -1 in rows that say nothing of findings."""
    columns: dict[str, list[int]] = {}
    for c, labels in enumerate(FINDINGS.values()):
        for label in labels:
            columns.setdefault(label, []).append(c)
    targets = np.zeros((len(file), len(FINDINGS)), np.int8)
    read: dict[str, list[int] | None] = {}
    for row, text in enumerate(file[NAMES]):
        if text not in read:
            names = _names(text)
            if names is None:
                example = "['pleural effusion', 'cardiomegaly']"
                raise UserError(f"{file.place(row)}: {NAMES} is {text[:60]}; it should be a list such as {example}")
            read[text] = [c for name in names for c in columns.get(name, ())] if names - SILENT else None
        places = read[text]
        targets[row, slice(None) if places is None else places] = -1 if places is None else 1
    return targets


def _names(text: str) -> frozenset[str] | None:
    """The names in a list as Python writes it, which PadChest pads with spaces; None for what is no such list."""
    if text in ("", "nan"):
        return frozenset()
    if not LIST.fullmatch(text):
        return None
    return frozenset(name[1:-1].strip() for name in re.findall(_NAME, text))


def _on_other_names(file: LabelFile, rows: NDArray[np.int64]) -> str:
    """A remark on labels that no class takes, the most frequent first: PadChest has 174, a file may misspell."""
    taken = {label for labels in FINDINGS.values() for label in labels} | SILENT | {"normal"}
    count = Counter(name for row in rows for name in (_names(file[NAMES][row]) or frozenset()) - taken)
    if not count:
        return ""
    first = sorted(count.items(), key=lambda each: (-each[1], each[0]))[:3]
    most = ", ".join(f"{name} ({number:,})" for name, number in first)
    return f"{len(count):,} other labels are of none of the classes, most often {most}."


def _refuse_unknown(file: LabelFile, column: str, values: tuple[str, ...]) -> None:
    unknown = set(file[column]) - set(values)
    if unknown:
        row = next(row for row, text in enumerate(file[column]) if text in unknown)
        text = file[column][row]
        raise UserError(f"{file.place(row)}: unknown {column} '{text}'; {nearest(text, values)}")


def _attributes(file: LabelFile, rows: NDArray[np.int64]) -> dict[str, list[str]]:
    """View, sex and age of the chosen rows."""
    found = {"view": [file[VIEW][row] for row in rows]}
    if SEX in file:
        found["sex"] = [known(file[SEX][row], SEXES) for row in rows]
    if BIRTH in file and DATE in file:
        found["age"] = [_age(file[BIRTH][row], file[DATE][row]) for row in rows]
    return found


def _age(birth: str, date: str) -> str:
    """The band of the years from that of birth (1930.0) to that of the study (20140915)."""
    years = [int(text[:4]) for text in (birth, date) if text[:4].isdecimal() and len(text) >= 4]
    return age_band(str(years[1] - years[0])) if len(years) == 2 else ""


def _corrected(path: Path, names: list[str], own: NDArray[np.uint8]) -> NDArray[np.signedinteger]:
    file = read_label_file(path, [IMAGE, NAMES], IMAGE)
    return second_labels(names, file[IMAGE], _targets(file), own, path)
