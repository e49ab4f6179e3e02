"""`tissuemnist`: MedMNIST's cells of the kidney's cortex."""

from typing import ClassVar

from roskdbench.datasets.medmnist import MedMnist, card_of
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, Task


@register("tissuemnist")
class TissueMnist(MedMnist):
    """TissueMNIST: kidney cells, 8 classes.

    The cells are of three pieces of tissue, and the official split was drawn by cell.
    """

    card: ClassVar[Card] = card_of(
        "tissuemnist",
        "TissueMNIST: kidney cells, 8 classes",
        "CC BY 4.0",
        "Ljosa et al., Nature Methods 2012; Woloshuk et al., Cytometry A 2021",
    )
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "single-label"
    expected_samples: ClassVar[int] = 236_386
    known_classes: ClassVar[tuple[str, ...]] = (
        "collecting duct, connecting tubule",
        "distal convoluted tubule",
        "glomerular endothelial cells",
        "interstitial endothelial cells",
        "leukocytes",
        "podocytes",
        "proximal tubule segments",
        "thick ascending limb",
    )
    sources: ClassVar[str] = (
        "Its cells are of three pieces of tissue, and the official split was drawn by cell: every part has cells of "
        "the same tissue."
    )
