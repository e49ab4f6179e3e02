"""From a problem's declaration to its arrays: the one place that knows how each dataset is made."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from roskdbench.data import phantoms
from roskdbench.data.phantoms import chest, lesion
from roskdbench.data.problem import Labels, Problem
from roskdbench.errors import UserError
from roskdbench.suite.problems import ChestXray14, Isic2019, PhantomChest, PhantomLesion, ProblemSpec

CITATION = "roskdbench phantoms"


def load(name: str, spec: ProblemSpec) -> Problem:
    """The problem that `spec` declares, under the name it has in the suite."""
    check(name, spec)
    return _MAKERS[spec.dataset](name, spec)


def check(name: str, spec: ProblemSpec) -> None:
    """A UserError if the problem's data cannot be had: no root, a root that is not there, or no loader yet."""
    if isinstance(spec, Isic2019 | ChestXray14):
        if spec.root is None:
            raise UserError(f"problem '{name}' needs a root, the folder with {spec.source}: problems.{name}.root")
        if not spec.root.is_dir():
            raise UserError(f"problem '{name}': there is no folder {spec.root}; get {spec.source} and name its folder")
    if spec.dataset not in _MAKERS:
        raise UserError(f"problem '{name}': the loader for {spec.dataset} is not built yet")


def _phantom_lesion(name: str, spec: PhantomLesion) -> Problem:
    images, targets, groups = phantoms.draw_lesions(spec.samples, spec.size, spec.seed)
    noisy = confuse(targets, len(lesion.CLASSES), spec.label_noise, np.random.default_rng([spec.seed, 1]))
    labels = Labels("single-label", lesion.CLASSES, targets, groups, noisy)
    return Problem(name, images, labels, phantoms.LICENCE, CITATION, phantoms.NOTE)


def _phantom_chest(name: str, spec: PhantomChest) -> Problem:
    images, targets, groups = phantoms.draw_chest(spec.samples, spec.size, spec.seed)
    noisy = misreport(targets, spec.label_noise, spec.label_noise / 10, np.random.default_rng([spec.seed, 1]))
    labels = Labels("multi-label", chest.CLASSES, targets, groups, noisy)
    return Problem(name, images, labels, phantoms.LICENCE, CITATION, phantoms.NOTE)


def confuse(targets: NDArray[np.int64], classes: int, rate: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Each label replaced, with probability `rate`, by another class drawn evenly."""
    flipped = random.random(len(targets)) < rate
    other = (targets + random.integers(1, classes, len(targets))) % classes
    return np.where(flipped, other, targets)


def misreport(
    targets: NDArray[np.uint8], miss: float, false_alarm: float, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Each finding left out with probability `miss`; each absent one reported with probability `false_alarm`."""
    draws = random.random(targets.shape)
    return np.where(targets == 1, draws >= miss, draws < false_alarm).astype(np.uint8)


_MAKERS: dict[str, Callable[..., Problem]] = {
    "phantom-lesion": _phantom_lesion,
    "phantom-chest": _phantom_chest,
}
