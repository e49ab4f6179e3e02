"""MedMNIST's three sets of organs on CT: `organamnist`, `organcmnist` and `organsmnist`, from the same scans."""

from typing import ClassVar

from roskdbench.datasets.medmnist import MedMnist, card_of
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, Task

ORGANS = (
    "bladder",
    "femur-left",
    "femur-right",
    "heart",
    "kidney-left",
    "kidney-right",
    "liver",
    "lung-left",
    "lung-right",
    "pancreas",
    "spleen",
)
_SOURCE = "Bilic et al., LiTS, Medical Image Analysis 2023; Xu et al., IEEE Transactions on Medical Imaging 2019"


def _card(name: str, plane: str) -> Card:
    return card_of(name, f"Organ{name[5].upper()}MNIST: CT, {plane} slices, 11 organs", "CC BY 4.0", _SOURCE)


class OrganMnist(MedMnist):
    """Slices of CT scans through the middle of an organ: what the three sets have in common.

    The official parts have scans of their own, 115, 16 and 70. Which slices are of one scan the files do not say, so
    parts that are drawn anew share scans.
    """

    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "single-label"
    known_classes: ClassVar[tuple[str, ...]] = ORGANS
    sources: ClassVar[str] = (
        "Images are slices of 201 CT scans, and the file does not say of which: the official parts have 115, 16 and 70 "
        "scans of their own, parts that are drawn anew (split: ours) share them, and intervals take slices of one scan "
        "for independent."
    )


@register("organamnist")
class OrganAMnist(OrganMnist):
    """OrganAMNIST: CT, axial slices, 11 organs."""

    card: ClassVar[Card] = _card("organamnist", "axial")
    expected_samples: ClassVar[int] = 58_830


@register("organcmnist")
class OrganCMnist(OrganMnist):
    """OrganCMNIST: CT, coronal slices, 11 organs."""

    card: ClassVar[Card] = _card("organcmnist", "coronal")
    expected_samples: ClassVar[int] = 23_583


@register("organsmnist")
class OrganSMnist(OrganMnist):
    """OrganSMNIST: CT, sagittal slices, 11 organs."""

    card: ClassVar[Card] = _card("organsmnist", "sagittal")
    expected_samples: ClassVar[int] = 25_211
