"""`vindr-cxr`: VinDr-CXR as PhysioNet gives it out (DICOM files; a row an image and radiologist, a column a finding) or
as Kaggle does (`train.csv`, a row a finding and radiologist).
"""

import hashlib
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.catalogue import Catalogue, find_files, match, second_labels, some
from roskdbench.data.dicom import write_dicom
from roskdbench.data.generated import films, write_table
from roskdbench.data.labelfile import one_of
from roskdbench.data.phantoms.chest import CLASSES as EIGHT
from roskdbench.data.problem import TEST, TRAIN_OR_VALIDATION, Labels
from roskdbench.datasets._vindr_readings import IMAGE, RADIOLOGIST, Marks, Readings, consensus_marks, read_by_each
from roskdbench.errors import UserError
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, RealProblem, Task, Window

COMMON = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Infiltration", "Pleural effusion", "Pleural thickening"),
    *("Pneumothorax", "Pulmonary fibrosis"),
)
FOURTEEN = tuple(
    sorted((*COMMON, "Aortic enlargement", "Calcification", "ILD", "Lung Opacity", "Nodule/Mass", "Other lesion"))
)
OTHERS = (
    *("Clavicle fracture", "Edema", "Emphysema", "Enlarged PA", "Lung cavity", "Lung cyst", "Mediastinal shift"),
    "Rib fracture",
)
NOTHING = "No finding"
SETS = {"common": COMMON, "fourteen": FOURTEEN, "local": (*FOURTEEN, *OTHERS)}
READ, CONSENSUS, KAGGLE = "image_labels_train.csv", "image_labels_test.csv", "train.csv"
DICOM = (".dicom", ".dcm")
ENDINGS = (*DICOM, ".png", ".jpg", ".jpeg")


@register("vindr-cxr")
class VindrCxr(RealProblem):
    """VinDr-CXR: 18,000 X-rays of two hospitals, 15,000 of them read by three radiologists each, 3,000 by consensus.

    A finding is there if more than half of those who read the image say so; what each said is kept, so that noise of
    `kind: annotators` with `source: data` trains on it. Images are DICOM files, or PNGs and JPEGs that they were
    converted to, called by their image_id. Of which patient an image is nobody knows: each stands alone, and two of
    one patient may be in different parts.
    """

    card: ClassVar[Card] = Card(
        "VinDr-CXR: X-rays, 14 findings, three radiologists",
        "PhysioNet Credentialed Health Data License 1.5.0 (Kaggle's part: the competition's rules)",
        "Nguyen et al., VinDr-CXR: An open dataset of chest X-rays with radiologist's annotations, Scientific Data "
        "2022",
        "annotations/, train/ and test/ from physionet.org/content/vindr-cxr, or train.csv and train/ from Kaggle's "
        "vinbigdata-chest-xray-abnormalities-detection; DICOM needs pip install 'roskdbench[dicom]'",
    )
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "multi-label"
    has_votes: ClassVar[bool] = True
    expected_samples: ClassVar[int] = 18_000

    window: Window = "full"
    """How films of more than 8 bits that say no window of their own become 8 bits: from their lowest value to their
    highest (`full`), or between the 0.5th and the 99.5th percentile.
    """
    labels: Literal["common", "fourteen", "local"] = "fourteen"
    """Kaggle's fourteen findings; the eight of them that other sets of chest films have, too; or all 22 findings that
    radiologists marked in the image, which Kaggle's file does not tell apart.
    """
    only_present: bool = False
    """Take the rows of the label files whose images are there, instead of asking for all of them."""

    @property
    def known_classes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of `labels`."""
        return SETS[self.labels]

    @classmethod
    def generate(cls, folder: Path, groups: int, seed: int) -> None:
        """PhysioNet's files for one DICOM film of each patient, every sixth of them with a consensus."""
        drawn, random = films(groups, seed), np.random.default_rng([seed, 3])
        classes, shown = SETS["local"], {"Effusion": "Pleural effusion", "Mass": "Nodule/Mass", "Nodule": "Nodule/Mass"}
        read, agreed = [], []
        for patient, row in enumerate(np.unique(drawn.groups, return_index=True)[1].tolist()):
            name = hashlib.sha256(f"{seed} {patient}".encode()).hexdigest()[:32]
            there = {shown.get(label, label) for label, flag in zip(EIGHT, drawn.labels[row], strict=True) if flag}
            truth = np.array([label in there for label in classes])
            part = "test" if patient % 6 == 5 else "train"
            if part == "test":
                agreed.append([name, *truth.astype(int), int(not truth.any())])
            for reader in sorted(random.choice(17, 3, replace=False).tolist()) if part == "train" else ():
                draws = random.random(len(classes))
                marks = np.where(truth, draws >= 0.2, draws < 0.02)
                read.append([name, f"R{reader + 1}", *marks.astype(int), int(not marks.any())])
            values = drawn.images[row][0].astype(np.uint16) << 4
            turned = patient % 3 == 1
            write_dicom(
                4095 - values if turned else values,
                folder / part / f"{name}.dicom",
                PhotometricInterpretation="MONOCHROME1" if turned else "MONOCHROME2",
                **({"WindowCenter": 2048, "WindowWidth": 4096} if patient % 2 else {}),
            )
        write_table(folder / "annotations" / READ, [IMAGE, RADIOLOGIST, *classes, NOTHING], read)
        write_table(folder / "annotations" / CONSENSUS, [IMAGE, *classes, NOTHING], agreed)

    def catalogue(self, root: Path) -> Catalogue:
        """Images in the order of the label files, those with a consensus last, from `root` and the folders in it."""
        place = root / "annotations" if (root / "annotations").is_dir() else root
        listed = one_of(place, [READ, KAGGLE], "what each radiologist said")
        read = self._read(listed)
        agreed, consensus = self._consensus(place)
        twice = sorted(set(read.names) & set(agreed))
        if twice:
            raise UserError(
                f"{place}: {some(twice)} both in {CONSENSUS} and among the images that were read one by one"
            )
        names = [*read.names, *agreed]
        rows, images, absent = match(names, _images(root), self.only_present, root, names)
        votes, marks = read.with_consensus(consensus)
        votes, marks = votes[rows], marks[rows]
        own = (marks == 1).astype(np.uint8)
        labels = Labels(
            task="multi-label",
            classes=self.known_classes,
            targets=own,
            groups=np.arange(len(rows)),
            corrected=None if self.corrected is None else self._corrected(self.corrected, images.names, own),
            uncertain=(marks < 0).astype(np.uint8) if (marks < 0).any() else None,
            parts=np.where(rows < len(read.names), TRAIN_OR_VALIDATION, TEST).astype(np.int8)
            if self.split == "official"
            else None,
            votes=votes,
        )
        whole = agreed or listed.name.startswith(KAGGLE)
        without = "" if whole else f"There is no {CONSENSUS}; its films are not among these."
        remarks = [absent, without, _on_blanks(votes, marks), self._on_depth(images.paths)]
        return Catalogue(images, labels, 1, self.size, " ".join(part for part in remarks if part))

    def _read(self, path: Path) -> Readings:
        kaggle = path.name.startswith(KAGGLE)
        if kaggle and self.labels == "local":
            raise UserError(f"{path} knows fourteen findings; labels: local needs {READ} from PhysioNet")
        return read_by_each(path, self.known_classes, (*FOURTEEN, NOTHING) if kaggle else None)

    def _consensus(self, place: Path) -> tuple[list[str], Marks]:
        """The images that were labelled by consensus, where the file is there, and their marks."""
        if self.split != "official" and not any((place / f"{CONSENSUS}{end}").is_file() for end in ("", ".gz")):
            return [], np.zeros((0, len(self.known_classes)), np.int8)
        path = one_of(place, [CONSENSUS], "the labels of the test part")
        return consensus_marks(path, self.known_classes)

    def _corrected(self, path: Path, names: list[str], own: NDArray[np.uint8]) -> NDArray[np.signedinteger]:
        """A file like that of the consensus."""
        listed, marks = consensus_marks(path, self.known_classes)
        return second_labels(names, listed, marks, own, path)

    def _on_depth(self, paths: list[Path]) -> str:
        deep = any(path.suffix.lower() in DICOM for path in paths)
        return (
            f"DICOM films without a window of their own are brought to 8 bits by window: {self.window}." if deep else ""
        )


def _images(root: Path) -> dict[str, Path]:
    """The image of each image_id."""
    found: dict[str, Path] = {}
    for path in find_files(root, ENDINGS).values():
        if path.stem in found:
            raise UserError(f"{path} and {found[path.stem]} are one image twice; keep one")
        found[path.stem] = path
    return found


def _on_blanks(votes: Marks, marks: Marks) -> str:
    """A remark on cells that are blank."""
    seen = (votes >= 0).any(2, keepdims=True)
    blank, unknown = int(((votes < 0) & seen).sum()), int((marks < 0).sum())
    if not blank and not unknown:
        return ""
    labels = f"{unknown:,} labels are not known" if unknown != 1 else "1 label is not known"
    return f"{blank:,} cells of radiologists are blank and count as nothing said; {labels}."
