"""`chexpert`: CheXpert as Stanford gives it out, in full or small: train.csv, valid.csv and a folder a patient."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.attributes import SEXES, age_band, known
from roskdbench.data.catalogue import Catalogue, match, numbered, refuse_split_groups, second_labels
from roskdbench.data.chexpert_labels import CLASSES, Choice, Marks, drawn_marks
from roskdbench.data.generated import films, write_image, write_table
from roskdbench.data.labelfile import LabelFile, one_of, read_label_file
from roskdbench.data.listing import find_by_path
from roskdbench.data.problem import TEST, TRAIN_OR_VALIDATION, Labels
from roskdbench.errors import UserError
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, RealProblem, Task

PATH, VIEW, SEX, AGE, PROJECTION = "Path", "Frontal/Lateral", "Sex", "Age", "AP/PA"
TRAIN, VALID = "train", "valid"
SMALL = "CheXpert-v1.0-small"
BATCH = "CheXpert-v1.0 batch "
"""How the folders begin that the full-size films come in; the label files are in the first of them."""
FILM = re.compile(r"(?:^|/)(?:(train|valid|test)/)?((patient\d+)/study\d+/[^/]+)$")


@register("chexpert")
class CheXpert(RealProblem):
    """CheXpert: 223,648 X-rays of 64,740 patients with labels made of reports, grouped by patient.

    Labels that are blank count as 0, and those that are -1 as uncertain; the tables' notes say how many there are.
    """

    card: ClassVar[Card] = Card(
        "CheXpert: X-rays, 5 or 14 findings",
        "Stanford University Dataset Research Use Agreement: research, not commercial",
        "Irvin et al., CheXpert, AAAI 2019",
        "CheXpert-v1.0 or CheXpert-v1.0-small with its train.csv and valid.csv from aimi.stanford.edu, once you have "
        "agreed to its terms",
    )
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "multi-label"
    expected_samples: ClassVar[int] = 191_229
    grouped_by: ClassVar[str | None] = "patient"

    split: Literal["ours", "official"] = "ours"
    """`official`: valid.csv, labelled by three radiologists, is the test part, and train.csv all others; `ours` draws
    new parts from both.
    """
    labels: Choice = "five"
    """The five findings of CheXpert's competition, or all fourteen columns."""
    views: Literal["frontal", "lateral", "all"] = "frontal"
    """Which films are taken."""
    only_present: bool = False
    """Take the rows of the label files whose images are there, instead of asking for all of them."""

    @classmethod
    def generate(cls, folder: Path, groups: int, seed: int) -> None:
        """Films of so many patients, every third study with a lateral one; every fourth patient is in valid.csv."""
        drawn = films(groups, seed)
        marks = {name: drawn_marks(drawn.labels, seed, name == VALID) for name in (TRAIN, VALID)}
        rows: dict[str, list[list[object]]] = {TRAIN: [], VALID: []}
        studies = [0] * groups
        for number, (image, patient) in enumerate(zip(drawn.images, drawn.groups.tolist(), strict=True)):
            part = VALID if patient % 4 == 3 else TRAIN
            studies[patient] += 1
            place = f"{part}/patient{patient + 1:05}/study{studies[patient]}"
            who = ["Female" if drawn.sexes[patient] == "F" else "Male", drawn.ages[patient]]
            cells = [marks[part][number][name] for name in CLASSES["fourteen"]]
            projection = "PA" if studies[patient] % 3 == 0 else "AP"
            film = f"{place}/view1_frontal.jpg"
            rows[part].append([f"{SMALL}/{film}", *who, "Frontal", projection, *cells])
            write_image(image, folder / film)
            if number % 3 == 2:
                film = f"{place}/view2_lateral.jpg"
                rows[part].append([f"{SMALL}/{film}", *who, "Lateral", "", *cells])
                write_image(image[:, :, ::-1], folder / film)
        for part, lines in rows.items():
            write_table(folder / f"{part}.csv", [PATH, SEX, AGE, VIEW, PROJECTION, *CLASSES["fourteen"]], lines)

    def catalogue(self, root: Path) -> Catalogue:
        """Films in the order of train.csv, then of valid.csv; `root` is the folder with these files, or the one that
        it is in.
        """
        home = _home(root)
        listed = _listed(home, CLASSES[self.labels], self.split == "official")
        chosen = np.array(
            [row for row, view in enumerate(listed.views) if self.views in ("all", view.lower())], dtype=np.int64
        )
        if not len(chosen):
            raise UserError(f"{home}: none of the {len(listed.names):,} rows is {self.views}; say views: all")
        names = [listed.names[row] for row in chosen]
        found = find_by_path(_image_folders(home), (".jpg", ".jpeg"), names, 3)
        rows, images, absent = match(names, found, self.only_present, home)
        kept = chosen[rows]
        marks = listed.marks.take(kept)
        patients = [listed.patients[row] for row in kept]
        parts = listed.parts[kept] if self.split == "official" else None
        if parts is not None:
            refuse_split_groups(parts, patients, f"{TRAIN}.csv and {VALID}.csv")
        labels = Labels(
            task="multi-label",
            classes=marks.classes,
            targets=marks.targets,
            groups=numbered(patients),
            corrected=None
            if self.corrected is None
            else _corrected(self.corrected, images.names, marks.classes, marks.targets),
            uncertain=marks.uncertain,
            parts=parts,
        )
        others = len(listed.names) - len(chosen)
        remarks = (
            "" if listed.has_valid else f"There is no {VALID}.csv; its films are not among these.",
            f"{others:,} of {len(listed.names):,} films are not {self.views} and are left out." if others else "",
            absent,
            marks.remark,
        )
        attributes = {name: [column[row] for row in kept] for name, column in listed.attributes.items()}
        remark = " ".join(part for part in remarks if part)
        return Catalogue(images, labels, 1, self.size, remark, attributes=attributes, blank=marks.blank)


@dataclass(frozen=True)
class _Listed:
    """The rows of both label files, one after another."""

    names: list[str]
    patients: list[str]
    views: list[str]
    marks: Marks
    parts: NDArray[np.int8]
    attributes: dict[str, list[str]]
    has_valid: bool


def _home(root: Path) -> Path:
    """The folder with train.csv: the root, or the one folder in it that has it."""
    if _has(root, TRAIN):
        return root
    homes = sorted(each for each in root.iterdir() if _has(each, TRAIN))
    if not homes:
        raise UserError(f"neither {root} nor a folder in it has {TRAIN}.csv, the file with the labels")
    if len(homes) > 1:
        raise UserError(f"both {homes[0]} and {homes[1]} have {TRAIN}.csv; name one of them as the root")
    return homes[0]


def _has(folder: Path, part: str) -> bool:
    return any((folder / name).is_file() for name in (f"{part}.csv", f"{part}.csv.gz"))


def _image_folders(home: Path) -> list[Path]:
    """The folder itself; with it, where the full-size films are as they come, the folders of the other batches."""
    if not home.name.startswith(BATCH):
        return [home]
    return [home, *sorted(each for each in home.parent.glob(f"{BATCH}*") if each.is_dir() and each != home)]


def _listed(home: Path, classes: tuple[str, ...], official: bool) -> _Listed:
    files = {TRAIN: _read(one_of(home, [f"{TRAIN}.csv"], "the labels"), classes)}
    if official or _has(home, VALID):
        files[VALID] = _read(one_of(home, [f"{VALID}.csv"], "the radiologists' labels"), classes)
    names: list[str] = []
    patients: list[str] = []
    place_of: dict[str, str] = {}
    for part, file in files.items():
        for row in range(len(file)):
            name, patient = _film(file, row, part)
            if name in place_of:
                raise UserError(f"{file.place(row)}: '{name}' was listed before, in {place_of[name]}")
            place_of[name] = file.path.name
            names.append(name)
            patients.append(patient)
    return _Listed(
        names,
        patients,
        [view for file in files.values() for view in file[VIEW]],
        Marks(classes, np.concatenate([Marks.of(file, classes).codes for file in files.values()])),
        np.concatenate(
            [
                np.full(len(file), TEST if part == VALID else TRAIN_OR_VALIDATION, np.int8)
                for part, file in files.items()
            ]
        ),
        _attributes(list(files.values())),
        VALID in files,
    )


def _read(path: Path, classes: tuple[str, ...]) -> LabelFile:
    file = read_label_file(path, [PATH, VIEW, *classes], PATH, optional=(SEX, AGE, PROJECTION))
    for row, view in enumerate(file[VIEW]):
        if view not in ("Frontal", "Lateral"):
            raise UserError(f"{file.place(row)}: {VIEW} is '{view}'; it should be Frontal or Lateral")
    return file


def _film(file: LabelFile, row: int, part: str = "") -> tuple[str, str]:
    """What a film is called, which begins with its patient, and the patient. Its path may say whose part it is of."""
    found = FILM.search(file[PATH][row])
    if found is None:
        raise UserError(
            f"{file.place(row)}: the {PATH} '{file[PATH][row]}' says no patient; it should end like "
            "patient00001/study1/view1_frontal.jpg"
        )
    if part and found[1] not in (None, part):
        raise UserError(
            f"{file.place(row)}: {file[PATH][row]} is a film of {found[1]}, and the file should list those of {part}; "
            "put the right file in its place"
        )
    return found[2], found[3]


def _attributes(files: list[LabelFile]) -> dict[str, list[str]]:
    """Sex, age and view of every row, as far as a file has such columns."""
    found = {}
    for name, column, read in (("sex", SEX, lambda text: known(text, SEXES)), ("age", AGE, age_band)):
        if any(column in file for file in files):
            found[name] = [read(text) for file in files for text in _cells(file, column)]
    found["view"] = [
        "lateral" if view == "Lateral" else text if text in ("AP", "PA") else ""
        for file in files
        for view, text in zip(file[VIEW], _cells(file, PROJECTION), strict=True)
    ]
    return found


def _cells(file: LabelFile, column: str) -> list[str]:
    return file[column] if column in file else [""] * len(file)


def _corrected(
    path: Path, names: list[str], classes: tuple[str, ...], own: NDArray[np.uint8]
) -> NDArray[np.signedinteger]:
    file = read_label_file(path, [PATH, *classes], PATH)
    return second_labels(
        names, [_film(file, row)[0] for row in range(len(file))], Marks.of(file, classes).second, own, path
    )
