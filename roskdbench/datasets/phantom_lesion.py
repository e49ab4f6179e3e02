"""`phantom-lesion`: drawn skin lesions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from roskdbench.data.phantoms import LICENCE, NOTE
from roskdbench.data.phantoms.lesion import CLASSES
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, DrawnDataset, Task

if TYPE_CHECKING:
    from roskdbench.data.problem import Problem


@register("phantom-lesion")
class PhantomLesion(DrawnDataset):
    """Drawn skin lesions: eight classes, RGB, as unbalanced as ISIC 2019, several images a lesion.

    The noisy copy replaces a label by another class with probability `label_noise`.
    """

    card: ClassVar[Card] = Card("Drawn skin lesions", LICENCE, "roskdbench phantoms", "nothing to get")
    channels: ClassVar[int | None] = 3
    task: ClassVar[Task | None] = "single-label"
    has_noisy_copy: ClassVar[bool] = True
    grouped_by: ClassVar[str | None] = "lesion"
    known_classes: ClassVar[tuple[str, ...]] = CLASSES

    label_noise: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Strength of the noisy copy that `noise: own` trains on."""
    scanner: Literal["a", "b", "both"] | None = None
    """The device that images are taken with: `a` if left out; `b` is of another make; of `both` each group has one."""

    def attributes(self) -> dict[str, list[str]]:
        """Sex and age, which say nothing of images; and the scanner, where there are both."""
        from roskdbench.data.phantoms.lesion import SHOTS
        from roskdbench.data.phantoms.scanners import people

        return people(self.samples, SHOTS, self.seed, self.scanner)

    def draw(self) -> Problem:
        """Images, true classes and their noisy copy."""
        import numpy as np

        from roskdbench.data.noise import confuse
        from roskdbench.data.phantoms.lesion import draw_lesions
        from roskdbench.data.phantoms.scanners import taken_with
        from roskdbench.data.problem import Labels, Problem

        images, targets, groups = draw_lesions(self.samples, self.size, self.seed)
        noisy = confuse(targets, len(CLASSES), self.label_noise, np.random.default_rng([self.seed, 1]))
        labels = Labels("single-label", CLASSES, targets, groups, noisy)
        images = taken_with(images, self.scanner, self.attributes())
        return Problem(self.name, images, labels, self.card.licence, self.card.citation, NOTE)
