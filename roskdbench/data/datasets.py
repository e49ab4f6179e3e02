"""From a problem's declaration to what it is made of: drawn arrays, or a catalogue of what is on disk."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from roskdbench.data import phantoms
from roskdbench.data.cards import CARDS
from roskdbench.data.catalogue import Catalogue
from roskdbench.data.noise import confuse, misreport
from roskdbench.data.phantoms import chest, lesion
from roskdbench.data.problem import Labels, Problem
from roskdbench.data.sources import chestxray, folder, isic, medmnist
from roskdbench.errors import UserError, refusal
from roskdbench.suite.problems import PhantomChest, PhantomLesion, RealProblem


def draw(spec: PhantomLesion | PhantomChest) -> Problem:
    """The phantom that is declared."""
    random = np.random.default_rng([spec.seed, 1])
    if isinstance(spec, PhantomLesion):
        images, targets, groups = phantoms.draw_lesions(spec.samples, spec.size, spec.seed)
        noisy = confuse(targets, len(lesion.CLASSES), spec.label_noise, random)
        labels = Labels("single-label", lesion.CLASSES, targets, groups, noisy)
    else:
        images, findings, groups = phantoms.draw_chest(spec.samples, spec.size, spec.seed)
        misread = misreport(findings, spec.label_noise, spec.label_noise / 10, random)
        labels = Labels("multi-label", chest.CLASSES, findings, groups, misread)
    card = CARDS[spec.dataset]
    return Problem(spec.dataset, images, labels, card.licence, card.citation, phantoms.NOTE)


def catalogue(name: str, spec: RealProblem, root: Path) -> Catalogue:
    """What is under `root`; a UserError, beginning with the problem's name, for what is wrong with it."""
    try:
        found = _READERS[spec.dataset](spec, root)  # type: ignore[attr-defined]
    except UserError as error:
        raise UserError(f"problem '{name}': {error}") from None
    except OSError as error:
        reason = refusal(error)
        raise UserError(f"problem '{name}': cannot read {error.filename or root}: {reason}") from None
    except UnicodeDecodeError:
        raise UserError(f"problem '{name}': a list under {root} is not text in UTF-8") from None
    if len(found.labels) < FEWEST:
        raise UserError(f"problem '{name}': {len(found.labels)} images are too few; there should be {FEWEST} or more")
    return found


FEWEST = 10
_READERS: dict[str, Callable[..., Catalogue]] = {
    "isic2019": isic.catalogue,
    "chestxray14": chestxray.catalogue,
    **dict.fromkeys(("medmnist", *medmnist.CLASSES), medmnist.catalogue),
    "folder": folder.catalogue,
}
