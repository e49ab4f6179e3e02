"""The datasets a suite can name, and what can be set about each."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from roskdbench.suite.declared import Declared

Task = Literal["single-label", "multi-label"]
Size = Annotated[int, Field(ge=28, le=1024)]
Fit = Literal["crop", "pad"]
MedMnistName = Literal[
    "medmnist", "dermamnist", "chestmnist", "pneumoniamnist", "bloodmnist", "pathmnist", "retinamnist"
]
LOCATION_KEYS = frozenset({"root", "corrected"})
"""Keys that say where data is. What is there counts, not where."""


class _Phantom(Declared):
    has_noisy_copy: ClassVar[bool] = True
    channels: ClassVar[int]
    task: ClassVar[Task]

    size: Annotated[int, Field(ge=28, le=224)] = 32
    """Width and height of the images, in pixels."""
    samples: Annotated[int, Field(ge=64, le=200_000)] = 2000
    """How many images are drawn."""
    seed: int = 0
    """Of the drawing; the same seed draws the same images."""
    label_noise: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Strength of the noisy copy that `noise: own` trains on."""


class PhantomLesion(_Phantom):
    """Drawn skin lesions: eight classes, RGB, as unbalanced as ISIC 2019, several images a lesion.

    The noisy copy replaces a label by another class with probability `label_noise`.
    """

    channels: ClassVar[int] = 3
    task: ClassVar[Task] = "single-label"
    dataset: Literal["phantom-lesion"]


class PhantomChest(_Phantom):
    """Drawn chest films: eight findings at once, grey, as rare as in ChestX-ray14, several films a patient.

    The noisy copy misses a finding with probability `label_noise` and invents one with a tenth of it.
    """

    channels: ClassVar[int] = 1
    task: ClassVar[Task] = "multi-label"
    dataset: Literal["phantom-chest"]


class RealProblem(Declared):
    """What every dataset on disk has in common."""

    has_noisy_copy: ClassVar[bool] = False

    root: Path | None = None
    """The folder of the data. `--data PROBLEM=DIR` goes before it; without both, ROSKDBENCH_DATA is looked through."""
    size: Size = 224
    """Width and height the images are brought to, in pixels."""
    fit: Fit = "crop"
    """How an image becomes square: its middle is cut out, or black is added around it."""
    split: Literal["ours", "official"] = "ours"
    """`official` keeps the test part that the data come with."""
    bad_images: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of images that may be unreadable; they are left out everywhere and counted in the tables' notes."""
    corrected: Path | None = None
    """A second, better label set for all or some of the images, written like the dataset's own: scored as well."""

    @property
    def samples(self) -> int:
        """How many images there are likely to be; for estimates before the data were looked at."""
        return EXPECTED_SAMPLES.get(self.dataset, 10_000)  # type: ignore[attr-defined]


class Isic2019(RealProblem):
    """ISIC 2019: 25,331 dermoscopy images, eight classes, grouped by lesion."""

    channels: ClassVar[int] = 3
    task: ClassVar[Task] = "single-label"
    dataset: Literal["isic2019"]
    split: Literal["ours"] = "ours"
    only_present: bool = False
    """Take the rows of the label file whose images are there, instead of asking for all of them."""


class ChestXray14(RealProblem):
    """NIH ChestX-ray14: 112,120 X-rays of 30,805 patients, grouped by patient."""

    channels: ClassVar[int] = 1
    task: ClassVar[Task] = "multi-label"
    dataset: Literal["chestxray14"]
    labels: Literal["eight", "fourteen"] = "eight"
    """The eight findings of the paper, or all fourteen."""
    only_present: bool = False
    """Take the rows of the label file whose images are there, instead of asking for all of them."""


class MedMnist(RealProblem):
    """A MedMNIST file. `root` is the npz file, or a folder with it under its own name.

    `medmnist` reads any file of that format; its classes are numbers unless `classes` names them.
    """

    dataset: MedMnistName
    size: Size | None = None  # type: ignore[assignment]
    """Width and height the images are brought to; as they are in the file if left out."""
    split: Literal["ours", "official"] = "official"
    """`ours` draws new parts; MedMNIST says nothing of patients, so these may then stand in several of them."""
    classes: list[str] | None = None
    """Names of the classes, for `dataset: medmnist`."""
    corrected: None = None

    @property
    def channels(self) -> int | None:
        """None where the file has to be asked."""
        return {"chestmnist": 1, "pneumoniamnist": 1, "medmnist": None}.get(self.dataset, 3)

    @property
    def task(self) -> Task | None:
        """None where the file has to be asked."""
        return {"chestmnist": "multi-label", "medmnist": None}.get(self.dataset, "single-label")

    @model_validator(mode="after")
    def _known_classes_keep_their_names(self) -> "MedMnist":
        if self.classes and self.dataset != "medmnist":
            raise ValueError(f"the classes of {self.dataset} have names; leave out 'classes'")
        return self


class Folder(RealProblem):
    """Any images: a CSV with a path and labels a row, or a folder a class.

    Without `csv`, the folders in `root` are classes; folders called train, validation (or val) and test, if there are
    any, are the parts and hold the classes.
    """

    dataset: Literal["folder"]
    csv: str | None = None
    """The label file, inside `root`."""
    image: str = "image"
    """The column with the path of each image, from `root`."""
    extension: str = ""
    """What is added to that path, such as .jpg."""
    label: str | None = None
    """The column with the class, for single-label problems."""
    labels: Annotated[list[str], Field(min_length=1)] | None = None
    """The columns of 0 and 1 (-1: uncertain), for multi-label problems."""
    group: str | None = None
    """The column with the patient or lesion."""
    part: str | None = None
    """The column that says train, validation (or val) or test."""
    classes: list[str] | None = None
    """The classes in the order that tables show; in alphabetical order if left out."""
    colour: Literal["rgb", "grey"] = "rgb"

    @property
    def channels(self) -> int:
        """3 or 1."""
        return 3 if self.colour == "rgb" else 1

    @property
    def task(self) -> Task:
        """Multi-label where there are several label columns."""
        return "multi-label" if self.labels else "single-label"

    @model_validator(mode="after")
    def _columns_fit(self) -> "Folder":
        columns = [key for key in ("label", "labels", "group", "part") if getattr(self, key)]
        if self.csv is None and columns:
            raise ValueError(f"'{columns[0]}' names a column, and there is no csv")
        if self.csv is None and self.corrected is not None:
            raise ValueError("'corrected' needs a csv that it is written like")
        if self.csv is not None and bool(self.label) == bool(self.labels):
            raise ValueError("a csv needs either label (one column of classes) or labels (columns of 0 and 1)")
        for key in ("labels", "classes"):
            names = getattr(self, key) or []
            if len(set(names)) < len(names):
                raise ValueError(f"'{key}' names '{next(name for name in names if names.count(name) > 1)}' twice")
        if self.part and self.split != "official":
            raise ValueError("'part' is the column of the official split; say split: official, or leave it out")
        if self.labels and self.classes:
            raise ValueError("with labels, the columns are the classes; leave out 'classes'")
        if self.csv is not None and self.split == "official" and not self.part:
            raise ValueError("split: official needs the column with the parts: part")
        return self


EXPECTED_SAMPLES = {
    "isic2019": 25_331,
    "chestxray14": 112_120,
    "dermamnist": 10_015,
    "chestmnist": 112_120,
    "pneumoniamnist": 5_856,
    "bloodmnist": 17_092,
    "pathmnist": 107_180,
    "retinamnist": 1_600,
}
REAL_DATASETS = ("isic2019", "chestxray14", *get_args(MedMnistName), "folder")

ProblemSpec = Annotated[
    PhantomLesion | PhantomChest | Isic2019 | ChestXray14 | MedMnist | Folder, Field(discriminator="dataset")
]
