"""`breastmnist`: MedMNIST's breast ultrasound."""

from typing import ClassVar

from roskdbench.datasets.medmnist import MedMnist, card_of
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, Task


@register("breastmnist")
class BreastMnist(MedMnist):
    """BreastMNIST: breast ultrasound, malignant or not.

    Its 780 images are of 600 patients, and the official split was drawn by image; the source has some images twice
    (Pawłowska et al., 2023).
    """

    card: ClassVar[Card] = card_of(
        "breastmnist",
        "BreastMNIST: breast ultrasound, 2 classes",
        "CC BY 4.0",
        "Al-Dhabyani et al., Data in Brief 2020",
    )
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "single-label"
    expected_samples: ClassVar[int] = 780
    known_classes: ClassVar[tuple[str, ...]] = ("malignant", "normal, benign")
    sources: ClassVar[str] = (
        "Its 780 images are of 600 patients, and the file does not say of which; the official split was drawn by "
        "image, and the source has some images twice (Pawłowska et al., Data in Brief 2023)."
    )
