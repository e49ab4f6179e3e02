"""`mimic-cxr-jpg`: MIMIC-CXR-JPG as PhysioNet gives it out: three gzipped tables, and a folder a patient and study."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.attributes import SEXES, age_band, known
from roskdbench.data.catalogue import Catalogue, count, match, numbered, refuse_split_groups, second_labels, some
from roskdbench.data.chexpert_labels import CLASSES, Choice, Marks, drawn_marks
from roskdbench.data.generated import films, write_image, write_table
from roskdbench.data.labelfile import LabelFile, one_of, read_label_file
from roskdbench.data.listing import find_by_path
from roskdbench.data.problem import TEST, TRAIN, VALIDATION, Labels
from roskdbench.errors import UserError
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, RealProblem, Task

NEWEST = "mimic-cxr-2.0.0"
"""How the tables of version 2.0.0 begin, and those of 2.1.0, too."""
IMAGES, PATIENTS = "files", "patients.csv"
SUBJECT, STUDY, FILM, VIEW, DATE, PART = "subject_id", "study_id", "dicom_id", "ViewPosition", "StudyDate", "split"
SEX, AGE, YEAR = "gender", "anchor_age", "anchor_year"
PARTS = {"train": TRAIN, "validate": VALIDATION, "test": TEST}
VIEWS = {"AP": "AP", "PA": "PA", **dict.fromkeys(("LATERAL", "LL", "RL", "XTABLE LATERAL"), "lateral")}
OPACITY, OPACITY_OF_PEOPLE = "Lung Opacity", "Airspace Opacity"
"""What the labellers call it, and what the radiologist's file of version 2.1.0 does."""
COLUMNS = (
    FILM,
    SUBJECT,
    STUDY,
    "PerformedProcedureStepDescription",
    VIEW,
    "Rows",
    "Columns",
    DATE,
    "StudyTime",
    "ProcedureCodeSequence_CodeMeaning",
    "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
)
"""Of the metadata."""


@register("mimic-cxr-jpg")
class MimicCxrJpg(RealProblem):
    """MIMIC-CXR-JPG: 377,110 X-rays of 65,379 patients with labels made of reports, grouped by patient.

    Labels that are blank count as 0, and those that are -1 as uncertain; studies without labels are left out. The
    tables' notes say how many there are. With MIMIC-IV's patients.csv beside the tables, sex and age are known, too.
    """

    card: ClassVar[Card] = Card(
        "MIMIC-CXR-JPG: X-rays, 5 or 14 findings",
        "PhysioNet Credentialed Health Data License 1.5.0",
        "Johnson et al., MIMIC-CXR-JPG, arXiv:1901.07042, 2019; Johnson et al., MIMIC-CXR, Scientific Data 2019; "
        "Goldberger et al., PhysioBank, PhysioToolkit and PhysioNet, Circulation 2000",
        "the tables mimic-cxr-2.0.0-….csv.gz and the folder files of MIMIC-CXR-JPG 2.0.0 or 2.1.0 from physionet.org, "
        "with a credentialed account",
    )
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "multi-label"
    expected_samples: ClassVar[int] = 243_000
    grouped_by: ClassVar[str | None] = "patient"

    labels: Choice = "five"
    """The five findings of CheXpert's competition, or all fourteen columns."""
    labeller: Literal["chexpert", "negbio"] = "chexpert"
    """The program whose labels are taken."""
    views: Literal["frontal", "lateral", "all"] = "frontal"
    """Which films are taken: frontal are those whose ViewPosition is PA or AP."""
    only_present: bool = False
    """Take the films of the tables whose images are there, instead of asking for all of them."""
    corrected: Path | None = None
    """A second, better label set with a row a study, such as the radiologist's mimic-cxr-2.1.0-test-set-labeled.csv:
    scored as well.
    """

    @classmethod
    def generate(cls, folder: Path, groups: int, seed: int) -> None:
        """Films of so many patients, a study each, every third with a lateral one; every fiftieth has no labels."""
        drawn = films(groups, seed)
        random = np.random.default_rng([seed, 3])
        films_of: list[list[object]] = []
        parts: list[list[object]] = []
        studies: list[list[object]] = []
        for number, (image, patient) in enumerate(zip(drawn.images, drawn.groups.tolist(), strict=True)):
            subject, study = str(_scattered(10_000_000, patient)), str(_scattered(50_000_000, number))
            studies.append([subject, study])
            part = ("train", "train", "train", "test", "validate")[patient % 5]
            frontal = ("PA", "postero-anterior") if number % 2 else ("AP", "antero-posterior")
            shown = [(image, *frontal)] + [(image[:, :, ::-1], "LATERAL", "lateral")] * (number % 3 == 2)
            for pixels, view, meaning in shown:
                name = "-".join(random.bytes(4).hex() for _ in range(5))
                size = [pixels.shape[1], pixels.shape[2], 21500101 + number % 20 * 10_000, "120000.0"]
                films_of.append([name, subject, study, "CHEST", view, *size, "CHEST", meaning, "Erect"])
                parts.append([name, study, subject, part])
                write_image(pixels, folder / IMAGES / _place(subject, study, name))
        classes = sorted(CLASSES["fourteen"])
        for labeller in ("chexpert", "negbio"):
            marks = drawn_marks(drawn.labels, seed + (labeller == "negbio"))
            rows = [[*study, *(cells[name] for name in classes)] for study, cells in zip(studies, marks, strict=True)]
            labelled = [row for number, row in enumerate(rows) if number % 50 != 7]
            write_table(folder / f"{NEWEST}-{labeller}.csv.gz", [SUBJECT, STUDY, *classes], labelled)
        write_table(folder / f"{NEWEST}-metadata.csv.gz", COLUMNS, films_of)
        write_table(folder / f"{NEWEST}-split.csv.gz", [FILM, STUDY, SUBJECT, PART], parts)
        who = [[_scattered(10_000_000, each), drawn.sexes[each], drawn.ages[each], 2150] for each in range(groups)]
        write_table(folder / f"{PATIENTS}.gz", [SUBJECT, SEX, AGE, YEAR], who)

    def catalogue(self, root: Path) -> Catalogue:
        """Films in the order of the metadata."""
        metadata = _metadata(root)
        marks, report_of = _reports(root, self.labeller, CLASSES[self.labels], metadata)
        views = [VIEWS.get(text.upper(), "") for text in metadata[VIEW]]
        wanted = {"frontal": {"AP", "PA"}, "lateral": {"lateral"}, "all": set(views)}[self.views]
        labelled = report_of >= 0
        chosen = np.flatnonzero(labelled & np.array([view in wanted for view in views], dtype=bool))
        if not len(chosen):
            raise UserError(f"{metadata.path}: none of the films with labels is {self.views}; say views: all")
        parts = _parts(root, metadata, chosen) if self.split == "official" else None
        names = _places(metadata, chosen)
        found = find_by_path([root / IMAGES], (".jpg",), names, 4)
        rows, images, absent = match(names, found, self.only_present, root / IMAGES)
        kept = chosen[rows]
        marks = marks.take(report_of[kept])
        subjects = _cells(metadata, SUBJECT, kept)
        labels = Labels(
            task="multi-label",
            classes=marks.classes,
            targets=marks.targets,
            groups=numbered(subjects),
            corrected=None
            if self.corrected is None
            else _corrected(self.corrected, _cells(metadata, STUDY, kept), marks.classes, marks.targets),
            uncertain=marks.uncertain,
            parts=None if parts is None else parts[rows],
        )
        others = int(labelled.sum()) - len(chosen)
        remarks = (
            _left_out(metadata, labelled),
            f"{others:,} of {int(labelled.sum()):,} films are not {self.views} by their {VIEW} and are left out."
            if others
            else "",
            absent,
            marks.remark,
        )
        dates = _cells(metadata, DATE, kept) if DATE in metadata else [""] * len(kept)
        attributes = {"view": [views[row] for row in kept], **_of_patients(root, subjects, dates)}
        remark = " ".join(part for part in remarks if part)
        return Catalogue(images, labels, 1, self.size, remark, attributes=attributes, blank=marks.blank)


def _scattered(first: int, number: int) -> int:
    """A made-up identifier: other numbers have others, and neighbours are far apart."""
    return first + number * 1_234_577 % 10_000_000


def _table(root: Path, kind: str, what: str) -> Path:
    """The one table of a kind, of whichever version."""
    names = {path.name.removesuffix(".gz") for path in root.glob(f"mimic-cxr-2.*-{kind}.csv*")}
    return one_of(root, sorted(name for name in names if name.endswith(".csv")) or [f"{NEWEST}-{kind}.csv"], what)


def _metadata(root: Path) -> LabelFile:
    path = _table(root, "metadata", "the view of each film")
    file = read_label_file(path, [FILM, SUBJECT, STUDY, VIEW], FILM, optional=(DATE,))
    _refuse_other_than_numbers(file)
    if "" in file[FILM]:
        raise UserError(f"{file.place(file[FILM].index(''))}: there is no {FILM}")
    return file


def _reports(
    root: Path, labeller: str, classes: tuple[str, ...], metadata: LabelFile
) -> tuple[Marks, NDArray[np.int64]]:
    """What each report says, and the row of each film's report, -1 where its study has none."""
    file = read_label_file(_table(root, labeller, "the labels"), [SUBJECT, STUDY, *classes], STUDY)
    _refuse_other_than_numbers(file)
    return Marks.of(file, classes), _joined(metadata, file)


def _refuse_other_than_numbers(file: LabelFile) -> None:
    """Who is not known would be a patient of their own, and a study not known would have no labels."""
    for column, such_as in ((SUBJECT, 10000032), (STUDY, 50414267)):
        cells = file[column]
        if not all(map(str.isdigit, cells)):
            row = next(row for row, text in enumerate(cells) if not text.isdigit())
            raise UserError(f"{file.place(row)}: {column} is '{cells[row]}'; it should be a number such as {such_as}")


def _joined(metadata: LabelFile, reports: LabelFile) -> NDArray[np.int64]:
    """By study; one that the tables give to two subjects is an error."""
    row_of = {study: row for row, study in enumerate(reports[STUDY])}
    found = np.array([row_of.get(study, -1) for study in metadata[STUDY]], dtype=np.int64)
    if (found < 0).all():
        raise UserError(f"{reports.path} has labels for none of the {len(metadata):,} films of {metadata.path.name}")
    subjects = reports[SUBJECT]
    for row, (report, subject) in enumerate(zip(found.tolist(), metadata[SUBJECT], strict=True)):
        if report >= 0 and subject != subjects[report]:
            raise UserError(
                f"{metadata.place(row)}: study {metadata[STUDY][row]} is of subject {subject}, and by "
                f"{reports.place(report)} of {subjects[report]}; the tables are not of one release"
            )
    return found


def _cells(file: LabelFile, column: str, rows: NDArray[np.int64]) -> list[str]:
    cells = file[column]
    return [cells[row] for row in rows.tolist()]


def _places(metadata: LabelFile, rows: NDArray[np.int64]) -> list[str]:
    """Where films lie in the folder of images, which is what they are called by, too."""
    columns = (_cells(metadata, column, rows) for column in (SUBJECT, STUDY, FILM))
    return [_place(*each) for each in zip(*columns, strict=True)]


def _place(subject: str, study: str, film: str) -> str:
    return f"p{subject[:2]}/p{subject}/s{study}/{film}.jpg"


def _left_out(metadata: LabelFile, labelled: NDArray[np.bool_]) -> str:
    without = {metadata[STUDY][row] for row in np.flatnonzero(~labelled)}
    if not without:
        return ""
    films_without, studies = int((~labelled).sum()), len(set(metadata[STUDY]))
    return f"{len(without):,} of {studies:,} studies ({films_without:,} films) have no labels and are left out."


def _parts(root: Path, metadata: LabelFile, rows: NDArray[np.int64]) -> NDArray[np.int8]:
    """The part of each film by the official split. A film that it does not list, or a split patient, is an error."""
    file = read_label_file(_table(root, "split", "the official split"), [FILM, PART], FILM)
    if unknown := set(file[PART]) - PARTS.keys():
        row = next(row for row, text in enumerate(file[PART]) if text in unknown)
        raise UserError(f"{file.place(row)}: {PART} is '{file[PART][row]}'; it should be train, validate or test")
    part_of = dict(zip(file[FILM], file[PART], strict=True))
    names = _cells(metadata, FILM, rows)
    if absent := [name for name in names if name not in part_of]:
        raise UserError(f"{file.path}: {count(len(absent), len(names))} not listed: {some(absent)}")
    parts = np.array([PARTS[part_of[name]] for name in names], dtype=np.int8)
    refuse_split_groups(parts, [f"subject {each}" for each in _cells(metadata, SUBJECT, rows)], file.path.name)
    return parts


def _of_patients(root: Path, subjects: list[str], dates: list[str]) -> dict[str, list[str]]:
    """Sex, and the age at the time of the film, by the patients' table of MIMIC-IV, if it is there. Its years and the
    dates of films are moved by as much for one patient.
    """
    if not any((root / name).is_file() for name in (PATIENTS, f"{PATIENTS}.gz")):
        return {}
    file = read_label_file(one_of(root, [PATIENTS], "sexes and ages"), [SUBJECT, SEX, AGE], SUBJECT, optional=(YEAR,))
    row_of = {subject: row for row, subject in enumerate(file[SUBJECT])}
    rows = [row_of.get(subject, -1) for subject in subjects]
    years = file[YEAR] if YEAR in file else [""] * len(file)
    return {
        "sex": [known(file[SEX][row], SEXES) if row >= 0 else "" for row in rows],
        "age": [
            age_band(_age(file[AGE][row], years[row], date)) if row >= 0 else ""
            for row, date in zip(rows, dates, strict=True)
        ],
    }


def _age(anchor: str, year: str, date: str) -> str:
    """The age in the year of a film, from that in another year; that one itself where a year is not known."""
    if anchor.isdigit() and year.isdigit() and date[:4].isdigit():
        return str(int(anchor) + int(date[:4]) - int(year))
    return anchor


def _corrected(
    path: Path, studies: list[str], classes: Sequence[str], own: NDArray[np.uint8]
) -> NDArray[np.signedinteger]:
    """A label set by study; what the labellers call lung opacity may be called airspace opacity in it."""
    others = [name for name in classes if name != OPACITY]
    file = read_label_file(path, [STUDY, *others], STUDY, optional=(OPACITY, OPACITY_OF_PEOPLE))
    if OPACITY in classes and OPACITY not in file:
        if OPACITY_OF_PEOPLE not in file:
            raise UserError(f"{path}: there is no column '{OPACITY}', nor '{OPACITY_OF_PEOPLE}'")
        file = replace(file, columns={**file.columns, OPACITY: file[OPACITY_OF_PEOPLE]})
    return second_labels(studies, file[STUDY], Marks.of(file, classes).second, own, path)
