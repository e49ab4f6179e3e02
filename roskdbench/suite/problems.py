"""What a suite says of a problem: a dataset, and what can be set about every one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from roskdbench.errors import UserError
from roskdbench.suite.plugged import Plugged, one_of

if TYPE_CHECKING:
    from roskdbench.data.catalogue import Catalogue
    from roskdbench.data.problem import Problem

Task = Literal["single-label", "multi-label"]
TASKS: tuple[Task, ...] = ("single-label", "multi-label")
Size = Annotated[int, Field(ge=28, le=1024)]
Fit = Literal["crop", "pad"]
Window = Literal["full", "percentiles"]
LOCATION_KEYS = frozenset({"root", "corrected"})
"""Keys that say where data is. What is there counts, not where."""


@dataclass(frozen=True)
class Card:
    """A dataset's terms."""

    title: str
    licence: str
    citation: str
    how: str
    """How to get it, for a person."""


@dataclass(frozen=True)
class Published:
    """What others have printed for a model that was trained on these data with clean labels, and tested as they are."""

    title: str
    """The model, and whose it is: ResNet-18 (Yang et al. 2023)."""
    scores: Mapping[str, float]
    """By the names of metrics, such as accuracy and auc."""
    images: int
    """How many images its data had; where a run has others, its tables say so."""
    size: int
    """Their width and height; a run on others has nothing beside it."""


OFFICIAL = "official"
"""The test part that data come with."""


class Dataset(Plugged):
    """Images with labels. Fields are what a suite can set; a subclass draws them or lists what is on disk."""

    family: ClassVar[str] = "dataset"
    card: ClassVar[Card]
    has_noisy_copy: ClassVar[bool] = False
    known_classes: ClassVar[tuple[str, ...]] = ()
    """Names of the classes, where they are the same for every suite."""

    has_votes: ClassVar[bool] = False
    """Whether it knows what each of several annotators said."""
    grouped_by: ClassVar[str | None] = None
    """What samples belong together by, such as patient or lesion; None where nothing is known of that."""
    channels: ClassVar[int | None]
    """3 or 1; None where the data have to be asked."""
    task: ClassVar[Task | None]

    def image_count(self) -> int:
        """How many images there are, or are likely to be."""
        raise NotImplementedError

    @property
    def image_size(self) -> int | None:
        """Width and height of the images, in pixels; None where the data have to be asked."""
        raise NotImplementedError

    @property
    def keeps_test_part(self) -> bool:
        """Whether the test part is the one that the data come with, whatever the seed."""
        return False

    @property
    def published(self) -> Sequence[Published]:
        """Results that tables show beside labels alone. They hold for some sizes and parts only: none for others."""
        return ()

    @property
    def dataset(self) -> str:
        """Its name."""
        return self.name

    @property
    def is_drawn(self) -> bool:
        """Whether there are no files to read."""
        return isinstance(self, DrawnDataset)


class DrawnDataset(Dataset):
    """Images that are drawn from a seed: there are no data to get."""

    size: Annotated[int, Field(ge=28, le=224)] = 32
    """Width and height of the images, in pixels."""
    samples: Annotated[int, Field(ge=64, le=200_000)] = 2000
    """How many images are drawn."""
    seed: int = 0
    """Of the drawing; the same seed draws the same images."""

    def image_count(self) -> int:
        """As many as are asked for."""
        return self.samples

    @property
    def image_size(self) -> int | None:
        """As is asked for."""
        return self.size

    def draw(self) -> Problem:
        """The images and labels, a pure function of the settings."""
        raise NotImplementedError

    def attributes(self) -> Mapping[str, Sequence[str]]:
        """What is known of each sample beside its labels."""
        return {}


class RealProblem(Dataset):
    """What every dataset on disk has in common."""

    expected_samples: ClassVar[int] = 10_000
    """How many images there are likely to be; for estimates before the data were looked at."""
    is_one_file: ClassVar[bool] = False
    """Whether `root` may be a file instead of a folder."""

    root: Path | None = None
    """The folder of the data. `--data PROBLEM=DIR` goes before it; without both, ROSKDBENCH_DATA is looked through."""
    size: Size = 224
    """Width and height the images are brought to, in pixels."""
    fit: Fit = "crop"
    """How an image becomes square: its middle is cut out, or black is added around it."""
    window: Window | None = None
    """How 16-bit images become 8 bits: from their lowest value to their highest (`full`), or between the 0.5th and the
    99.5th percentile; left out, they are an error. A DICOM file's own window goes before it.
    """
    split: Literal["ours", "official"] = "ours"
    """`official` keeps the test part that the data come with."""
    bad_images: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of images that may be unreadable; they are left out everywhere and counted in the tables' notes."""
    corrected: Path | None = None
    """A second, better label set for all or some of the images, written like the dataset's own: scored as well."""

    @property
    def keeps_test_part(self) -> bool:
        """By `split: official`."""
        return self.split == OFFICIAL

    def image_count(self) -> int:
        """A guess."""
        return self.expected_samples

    @property
    def image_size(self) -> int | None:
        """As is asked for."""
        return self.size

    @classmethod
    def found_under(cls, folder: Path) -> Path | None:
        """Where the data are in ROSKDBENCH_DATA, if they are there."""
        return folder / cls.name if (folder / cls.name).exists() else None

    @property
    def has_second_labels(self) -> bool:
        """Whether some samples have better labels beside the problem's own."""
        return self.corrected is not None

    @classmethod
    def generate(cls, folder: Path, groups: int, seed: int) -> None:
        """Write a small release in the layout of the official files: drawn images of so many patients (or lesions)
        under made-up names.
        """
        raise UserError(f"{cls.name} has no official layout that a release could be made in")

    def catalogue(self, root: Path) -> Catalogue:
        """Everything about the problem but its pixels: which images there are, and their labels, groups and parts."""
        raise NotImplementedError


if TYPE_CHECKING:
    ProblemSpec = Dataset
else:
    ProblemSpec = one_of(Dataset)
