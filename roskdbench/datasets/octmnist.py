"""`octmnist`: MedMNIST's optical coherence tomography of the retina."""

from typing import ClassVar

from roskdbench.datasets.medmnist import MedMnist, card_of
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, Task


@register("octmnist")
class OctMnist(MedMnist):
    """OCTMNIST: retinal OCT, 4 classes.

    The test part is the source's own, and some of its patients are in training, too (Tampu et al., 2022). Validation is
    a tenth of the source's training images, drawn by image.
    """

    card: ClassVar[Card] = card_of(
        "octmnist", "OCTMNIST: retinal OCT, 4 classes", "CC BY 4.0", "Kermany et al., Cell 2018"
    )
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "single-label"
    expected_samples: ClassVar[int] = 109_309
    sources: ClassVar[str] = (
        "Scans of some patients stand in training and in the official test part, which lifts scores (Tampu, Eklund and "
        "Haj-Hosseini, Inflation of test accuracy due to data leakage, Scientific Data 2022); the file does not say "
        "which."
    )
    known_classes: ClassVar[tuple[str, ...]] = (
        "choroidal neovascularization",
        "diabetic macular edema",
        "drusen",
        "normal",
    )
