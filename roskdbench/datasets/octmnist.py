"""`octmnist`: MedMNIST's optical coherence tomography of the retina."""

from typing import ClassVar

from roskdbench.datasets.medmnist import MedMnist, card_of
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, Task


@register("octmnist")
class OctMnist(MedMnist):
    """OCTMNIST: retinal OCT, 4 classes.

    The test part is the source's own, of other patients. Validation is a tenth of the source's training images, drawn
    by image.
    """

    card: ClassVar[Card] = card_of(
        "octmnist", "OCTMNIST: retinal OCT, 4 classes", "CC BY 4.0", "Kermany et al., Cell 2018"
    )
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "single-label"
    expected_samples: ClassVar[int] = 109_309
    known_classes: ClassVar[tuple[str, ...]] = (
        "choroidal neovascularization",
        "diabetic macular edema",
        "drusen",
        "normal",
    )
