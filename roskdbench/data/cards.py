"""What is known of each dataset: its terms, whom to cite, and how to get it."""

from dataclasses import dataclass

from roskdbench.data import phantoms


@dataclass(frozen=True)
class Card:
    """A dataset's terms."""

    title: str
    licence: str
    citation: str
    how: str
    """How to get it, for a person."""


_MEDMNIST = "Yang et al., MedMNIST v2, Scientific Data 2023"
_MEDMNIST_HOW = "{name}.npz (or {name}_64.npz, _128, _224) from medmnist.com"


def _medmnist(name: str, title: str, licence: str, source: str) -> Card:
    return Card(title, licence, f"{_MEDMNIST}; {source}", _MEDMNIST_HOW.format(name=name))


CARDS = {
    "phantom-lesion": Card("Drawn skin lesions", phantoms.LICENCE, "roskdbench phantoms", "nothing to get"),
    "phantom-chest": Card("Drawn chest films", phantoms.LICENCE, "roskdbench phantoms", "nothing to get"),
    "isic2019": Card(
        "ISIC 2019: dermoscopy, 8 classes",
        "CC BY-NC 4.0",
        "Tschandl et al., HAM10000, Scientific Data 2018; Codella et al., ISIC 2017, 2018; Hernández-Pérez et al., "
        "BCN20000, Scientific Data 2024",
        "training input, ground truth and metadata from challenge.isic-archive.com/data (2019)",
    ),
    "chestxray14": Card(
        "NIH ChestX-ray14: X-rays, 8 or 14 findings",
        "free use with citation (NIH Clinical Center)",
        "Wang et al., ChestX-ray8, CVPR 2017",
        "images_001 to _012, Data_Entry_2017_v2020.csv and the two lists from nihcc.app.box.com/v/ChestXray-NIHCC",
    ),
    "dermamnist": _medmnist(
        "dermamnist", "DermaMNIST: dermoscopy, 7 classes", "CC BY-NC 4.0", "Tschandl et al., HAM10000, 2018"
    ),
    "chestmnist": _medmnist(
        "chestmnist", "ChestMNIST: X-rays, 14 findings", "CC BY 4.0", "Wang et al., ChestX-ray8, CVPR 2017"
    ),
    "pneumoniamnist": _medmnist(
        "pneumoniamnist", "PneumoniaMNIST: X-rays of children, 2 classes", "CC BY 4.0", "Kermany et al., Cell 2018"
    ),
    "bloodmnist": _medmnist(
        "bloodmnist", "BloodMNIST: blood cells, 8 classes", "CC BY 4.0", "Acevedo et al., Data in Brief 2020"
    ),
    "pathmnist": _medmnist(
        "pathmnist", "PathMNIST: colon tissue, 9 classes", "CC BY 4.0", "Kather et al., PLOS Medicine 2019"
    ),
    "retinamnist": _medmnist(
        "retinamnist", "RetinaMNIST: fundus images, 5 grades", "CC BY 4.0", "Liu et al., DeepDRiD, Patterns 2022"
    ),
    "medmnist": Card("Any other MedMNIST file", "its own", _MEDMNIST, "an npz file from medmnist.com"),
    "folder": Card("Your own images", "yours", "yours", "a CSV with a path and labels a row, or a folder a class"),
}
