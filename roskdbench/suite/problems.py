"""The datasets a suite can name, and what can be set about each."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from roskdbench.suite.declared import Declared

Size = Annotated[int, Field(ge=28, le=1024)]


class _Phantom(Declared):
    built: ClassVar[bool] = True
    has_noisy_copy: ClassVar[bool] = True

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

    dataset: Literal["phantom-lesion"]


class PhantomChest(_Phantom):
    """Drawn chest films: eight findings at once, grey, as rare as in ChestX-ray14, several films a patient.

    The noisy copy misses a finding with probability `label_noise` and invents one with a tenth of it.
    """

    dataset: Literal["phantom-chest"]


class _Downloaded(Declared):
    built: ClassVar[bool] = False
    has_noisy_copy: ClassVar[bool] = False
    samples: ClassVar[int]
    source: ClassVar[str]

    size: Size = 224
    """Width and height the images are brought to, in pixels."""
    root: Path | None = None
    """The folder of the downloaded data."""


class Isic2019(_Downloaded):
    """ISIC 2019: 25,331 dermoscopy images, eight classes."""

    samples: ClassVar[int] = 25331
    source: ClassVar[str] = "the ISIC 2019 challenge (training input, ground truth and metadata)"
    dataset: Literal["isic2019"]


class ChestXray14(_Downloaded):
    """NIH ChestX-ray14: 112,120 X-rays of 30,805 patients."""

    samples: ClassVar[int] = 112120
    source: ClassVar[str] = "the NIH Clinical Center's ChestX-ray14 release (images and Data_Entry_2017)"
    dataset: Literal["chestxray14"]


ProblemSpec = Annotated[PhantomLesion | PhantomChest | Isic2019 | ChestXray14, Field(discriminator="dataset")]
