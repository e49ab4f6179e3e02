"""What datasets call the same thing: the written table by which a model of one hospital is tested on another's images.

Names are compared in lower case, and with these in place of their synonyms. What no name stands for is not shared:
airspace opacity is none of ChestX-ray14's findings, and CheXpert's lung lesion is neither a mass nor a nodule alone.
"""

from collections.abc import Mapping, Sequence

from roskdbench.errors import UserError, nearest

SYNONYMS = {
    # chest films: CheXpert and MIMIC-CXR-JPG, VinDr-CXR, PadChest against ChestX-ray14
    "pleural effusion": "effusion",
    "lung mass": "mass",
    "pulmonary edema": "edema",
    "infiltrates": "infiltration",
    "pleural thickening": "pleural_thickening",
    "pleural": "pleural_thickening",  # ChestMNIST
    "emphysematous": "emphysema",
    "pulmonary fibrosis": "fibrosis",
    "hiatal hernia": "hernia",
    # skin: HAM10000 and DermaMNIST against ISIC 2019
    "melanoma": "mel",
    "melanocytic nevi": "nv",
    "melanocytic nevus": "nv",
    "nevus": "nv",
    "basal cell carcinoma": "bcc",
    "actinic keratoses": "akiec",
    "actinic keratosis": "ak",
    "benign keratosis": "bkl",
    "dermatofibroma": "df",
    "vascular lesions": "vasc",
    "vascular lesion": "vasc",
    "squamous cell carcinoma": "scc",
}
"""DermaMNIST's actinic keratoses hold Bowen's disease, too, so they are HAM10000's AKIEC and not ISIC 2019's AK."""


def shared_classes(
    home: Sequence[str], away: Sequence[str], labels: Mapping[str, str] | None = None
) -> list[tuple[int, int]]:
    """The places of classes that two problems share, in the order at home. `labels` names pairs beside the table; a
    UserError for a name in it that one of them does not have.
    """
    place = {_name(label): number for number, label in enumerate(away)}
    given = labels or {}
    for names, known, where in ((given, home, "at home"), (given.values(), away, "there")):
        for name in names:
            if _name(name) not in map(_name, known):
                raise UserError(f"external: labels: there is no class '{name}' {where}; {nearest(name, known)}")
    found = []
    for number, label in enumerate(home):
        there = place.get(_name(given.get(label, label)))
        if there is not None:
            found.append((number, there))
    return found


def _name(label: str) -> str:
    plain = label.strip().lower()
    return SYNONYMS.get(plain, plain)
