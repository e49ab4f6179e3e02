"""MedMNIST files: `medmnist`, and the sets that are known by name."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from roskdbench.data.catalogue import Catalogue, some
from roskdbench.data.npz import PARTS, NpzImages, labels_of, shape_of
from roskdbench.data.patterns import patterns
from roskdbench.data.problem import Labels
from roskdbench.errors import UserError
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, Published, RealProblem, Size, Task

SMALLEST = 28  # pixels
SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
"""Of a generated file's images in each part."""
_MEDMNIST = "Yang et al., MedMNIST v2, Scientific Data 2023"


@register("medmnist")
class MedMnist(RealProblem):
    """Any MedMNIST file. `root` is the npz file, or a folder with it under its own name.

    Its classes are numbers unless `classes` names them.
    """

    card: ClassVar[Card] = Card("Any other MedMNIST file", "its own", _MEDMNIST, "an npz file from medmnist.com")
    channels: ClassVar[int | None] = None
    task: ClassVar[Task | None] = None
    is_one_file: ClassVar[bool] = True
    sources: ClassVar[str] = ""
    """What is known of images of one patient, lesion or scan that stand in several parts; for the readers of tables."""

    size: Size | None = None  # type: ignore[assignment]
    """Width and height the images are brought to; as they are in the file if left out."""
    split: Literal["ours", "official"] = "official"
    """`ours` draws new parts; MedMNIST says nothing of patients, so these may then stand in several of them."""
    classes: list[str] | None = None
    """Names of the classes, for `dataset: medmnist`."""
    corrected: None = None

    @model_validator(mode="after")
    def _known_classes_keep_their_names(self) -> "MedMnist":
        if self.classes and self.known_classes:
            raise ValueError(f"the classes of {self.name} have names; leave out 'classes'")
        return self

    @classmethod
    def found_under(cls, folder: Path) -> Path | None:
        """A folder of its name, or the one with its npz files."""
        if cls is MedMnist:
            return None
        if (folder / cls.name).exists():
            return folder / cls.name
        return next((each for each in (folder, folder / "medmnist") if any(each.glob(f"{cls.name}*.npz"))), None)

    @classmethod
    def generate(cls, folder: Path, groups: int, seed: int) -> None:
        """A file of so many images, each class at least once in every part, whose classes differ in a pattern."""
        if not cls.known_classes or cls.channels is None:
            raise UserError(f"{cls.name} may be any file; generate a set with a name, such as bloodmnist")
        random, classes = np.random.default_rng(seed), len(cls.known_classes)
        arrays: dict[str, NDArray[np.uint8]] = {}
        flags = {}
        for part, share in SHARES.items():
            order = random.permutation(np.arange(max(round(share * groups), classes)) % classes)
            flags[part] = np.eye(classes, dtype=np.uint8)[order]
            if cls.task == "multi-label":
                flags[part] |= (random.random(flags[part].shape) < 1 / classes).astype(np.uint8)
        images = patterns(np.concatenate(list(flags.values())), cls.channels, SMALLEST, random)
        stops = np.cumsum([len(each) for each in flags.values()])
        for (part, each), pixels in zip(flags.items(), np.split(images, stops[:-1]), strict=True):
            arrays[f"{part}_images"] = pixels[..., 0] if cls.channels == 1 else pixels
            arrays[f"{part}_labels"] = each if cls.task == "multi-label" else each.argmax(1)[:, None].astype(np.uint8)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / f"{cls.name}.npz", allow_pickle=False, **arrays)

    def catalogue(self, root: Path) -> Catalogue:
        """The three parts one after another. Nothing is known of patients, so every image is a group of its own."""
        path = _file(self, root)
        shapes = [shape_of(path, part) for part in PARTS]
        if len({shape[1:] for shape in shapes}) > 1:
            raise UserError(f"{path}: the images of its parts differ in size")
        labels = labels_of(path, [shape[0] for shape in shapes])
        channels = shapes[0][3] if len(shapes[0]) == 4 else 1
        if channels not in (1, 3) or min(shapes[0][1:3]) < SMALLEST:
            shape = "x".join(map(str, shapes[0][1:]))
            raise UserError(f"{path}: images of {shape}; there should be 1 or 3 channels and {SMALLEST} pixels or more")
        names = [f"{part}-{number}" for part, shape in zip(PARTS, shapes, strict=True) for number in range(shape[0])]
        parts = [np.full(shape[0], value, np.int8) for value, shape in zip(PARTS.values(), shapes, strict=True)]
        single = labels.shape[1] == 1
        targets = labels[:, 0].astype(np.int64) if single else labels.astype(np.uint8)
        found = Labels(
            task="single-label" if single else "multi-label",
            classes=_classes(self, path, labels),
            targets=targets,
            groups=np.arange(len(names)),
            parts=np.concatenate(parts) if self.split == "official" else None,
        )
        held = max(shapes[0][1:3])
        size = self.size or held
        remark = f"Images of {held} pixels, brought to {size}. " if size > held else ""
        images = NpzImages(path, names, [shape[0] for shape in shapes])
        return Catalogue(images, found, channels, size, f"{remark}{self.sources}".strip())


def card_of(name: str, title: str, licence: str, source: str) -> Card:
    """The terms of a set: MedMNIST's paper and its source's."""
    how = f"{name}.npz (or {name}_64.npz, _128, _224) from medmnist.com"
    return Card(title, licence, f"{_MEDMNIST}; {source}", how)


@register("dermamnist")
class DermaMnist(MedMnist):
    """DermaMNIST: dermoscopy, 7 classes.

    Several images show one lesion, and in the official split they stand in several parts (Abhishek et al., 2025).
    """

    card: ClassVar[Card] = card_of(
        "dermamnist", "DermaMNIST: dermoscopy, 7 classes", "CC BY-NC 4.0", "Tschandl et al., HAM10000, 2018"
    )
    channels: ClassVar[int | None] = 3
    task: ClassVar[Task | None] = "single-label"
    expected_samples: ClassVar[int] = 10_015
    known_classes: ClassVar[tuple[str, ...]] = (
        "actinic keratoses",
        "basal cell carcinoma",
        "benign keratosis",
        "dermatofibroma",
        "melanoma",
        "melanocytic nevi",
        "vascular lesions",
    )
    sources: ClassVar[str] = (
        "Images of one lesion stand in several parts of DermaMNIST's official split (Abhishek et al., Investigating "
        "the Quality of DermaMNIST and Fitzpatrick17k, Scientific Data 2025), so its test part says little of new "
        "lesions; the file does not say which images are of one lesion."
    )


@register("chestmnist")
class ChestMnist(MedMnist):
    """ChestMNIST: X-rays, 14 findings."""

    card: ClassVar[Card] = card_of(
        "chestmnist", "ChestMNIST: X-rays, 14 findings", "CC BY 4.0", "Wang et al., ChestX-ray8, CVPR 2017"
    )
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "multi-label"
    expected_samples: ClassVar[int] = 112_120
    known_classes: ClassVar[tuple[str, ...]] = (
        "atelectasis",
        "cardiomegaly",
        "effusion",
        "infiltration",
        "mass",
        "nodule",
        "pneumonia",
        "pneumothorax",
        "consolidation",
        "edema",
        "emphysema",
        "fibrosis",
        "pleural",
        "hernia",
    )


@register("pneumoniamnist")
class PneumoniaMnist(MedMnist):
    """PneumoniaMNIST: X-rays of children, 2 classes.

    The test part is the source's own, of other patients; validation was drawn by image from the source's training part.
    """

    card: ClassVar[Card] = card_of(
        "pneumoniamnist", "PneumoniaMNIST: X-rays of children, 2 classes", "CC BY 4.0", "Kermany et al., Cell 2018"
    )
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "single-label"
    expected_samples: ClassVar[int] = 5_856
    known_classes: ClassVar[tuple[str, ...]] = ("normal", "pneumonia")

    @property
    def published(self) -> Sequence[Published]:
        """The benchmark's ResNet-18 at 28 pixels."""
        if self.split != "official" or self.size not in (None, SMALLEST):
            return ()
        scores = {"accuracy": 0.854, "auc": 0.944}
        return (Published("ResNet-18 (Yang et al. 2023)", scores, self.expected_samples, SMALLEST),)


@register("bloodmnist")
class BloodMnist(MedMnist):
    """BloodMNIST: blood cells, 8 classes.

    All parts were drawn by cell; the file does not say which cells are of one donor.
    """

    card: ClassVar[Card] = card_of(
        "bloodmnist", "BloodMNIST: blood cells, 8 classes", "CC BY 4.0", "Acevedo et al., Data in Brief 2020"
    )
    channels: ClassVar[int | None] = 3
    task: ClassVar[Task | None] = "single-label"
    expected_samples: ClassVar[int] = 17_092
    known_classes: ClassVar[tuple[str, ...]] = (
        "basophil",
        "eosinophil",
        "erythroblast",
        "immature granulocyte",
        "lymphocyte",
        "monocyte",
        "neutrophil",
        "platelet",
    )


@register("pathmnist")
class PathMnist(MedMnist):
    """PathMNIST: colon tissue, 9 classes."""

    card: ClassVar[Card] = card_of(
        "pathmnist", "PathMNIST: colon tissue, 9 classes", "CC BY 4.0", "Kather et al., PLOS Medicine 2019"
    )
    channels: ClassVar[int | None] = 3
    task: ClassVar[Task | None] = "single-label"
    expected_samples: ClassVar[int] = 107_180
    known_classes: ClassVar[tuple[str, ...]] = (
        "adipose",
        "background",
        "debris",
        "lymphocytes",
        "mucus",
        "smooth muscle",
        "normal colon mucosa",
        "cancer-associated stroma",
        "colorectal adenocarcinoma epithelium",
    )


@register("retinamnist")
class RetinaMnist(MedMnist):
    """RetinaMNIST: fundus images, 5 grades."""

    card: ClassVar[Card] = card_of(
        "retinamnist", "RetinaMNIST: fundus images, 5 grades", "CC BY 4.0", "Liu et al., DeepDRiD, Patterns 2022"
    )
    channels: ClassVar[int | None] = 3
    task: ClassVar[Task | None] = "single-label"
    expected_samples: ClassVar[int] = 1_600
    known_classes: ClassVar[tuple[str, ...]] = ("grade 0", "grade 1", "grade 2", "grade 3", "grade 4")


def _file(spec: MedMnist, root: Path) -> Path:
    if root.is_file():
        _refuse_other(spec, root)
        return root
    if type(spec) is MedMnist:
        raise UserError(f"{root} is a folder; dataset: medmnist needs the npz file itself")
    names = [f"{spec.dataset}_{spec.size}.npz"] * (spec.size is not None) + [f"{spec.dataset}.npz"]
    for name in names:
        if (root / name).is_file():
            return root / name
    others = sorted(path.name for path in root.glob(f"{spec.dataset}_*.npz"))
    there = f"; it has {some(others)}: say size, or let root be the file" if others else ""
    raise UserError(f"{root} has no {' or '.join(names)}{there}")


def _refuse_other(spec: MedMnist, path: Path) -> None:
    """A UserError for a file that has another set's name."""
    named = path.stem.lower().partition("_")[0]
    others = {cls.name for cls in _sets(MedMnist)} - {spec.dataset}
    if type(spec) is not MedMnist and named in others:
        raise UserError(f"{path} is a file of {named} by its name, and the dataset is {spec.dataset}")


def _sets(cls: type[MedMnist]) -> Iterator[type[MedMnist]]:
    """Every set with a name that is known."""
    for each in cls.__subclasses__():
        yield each
        yield from _sets(each)


def _classes(spec: MedMnist, path: Path, labels: NDArray[np.int64]) -> tuple[str, ...]:
    single = labels.shape[1] == 1
    used = int(labels.max()) + 1 if single else labels.shape[1]
    names = spec.known_classes or tuple(spec.classes or map(str, range(used)))
    if len(names) < 2:
        raise UserError(f"{path}: there is one class; there should be two or more")
    if used > len(names) or (not single and used != len(names)):
        raise UserError(f"{path}: labels for {used} classes where {spec.dataset} has {len(names)}: {', '.join(names)}")
    return names
