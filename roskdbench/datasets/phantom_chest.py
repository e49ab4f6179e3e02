"""`phantom-chest`: drawn chest films."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from roskdbench.data.phantoms import LICENCE, NOTE
from roskdbench.data.phantoms.chest import CLASSES
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, DrawnDataset, Task

if TYPE_CHECKING:
    from roskdbench.data.problem import Problem


@register("phantom-chest")
class PhantomChest(DrawnDataset):
    """Drawn chest films: eight findings at once, grey, as rare as in ChestX-ray14, several films a patient.

    The noisy copy misses a finding with probability `label_noise` and invents one with a tenth of it.
    """

    card: ClassVar[Card] = Card("Drawn chest films", LICENCE, "roskdbench phantoms", "nothing to get")
    channels: ClassVar[int | None] = 1
    task: ClassVar[Task | None] = "multi-label"
    has_noisy_copy: ClassVar[bool] = True
    grouped_by: ClassVar[str | None] = "patient"
    known_classes: ClassVar[tuple[str, ...]] = CLASSES

    label_noise: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Strength of the noisy copy that `noise: own` trains on."""
    scanner: Literal["a", "b", "both"] | None = None
    """The device that images are taken with: `a` if left out; `b` is of another make; of `both` each group has one."""

    def attributes(self) -> dict[str, list[str]]:
        """Sex and age, which say nothing of images; and the scanner, where there are both."""
        from roskdbench.data.phantoms.chest import FILMS
        from roskdbench.data.phantoms.scanners import people

        return people(self.samples, FILMS, self.seed, self.scanner)

    def draw(self) -> Problem:
        """Images, true findings and their noisy copy."""
        import numpy as np

        from roskdbench.data.noise import misreport
        from roskdbench.data.phantoms.chest import draw_chest
        from roskdbench.data.phantoms.scanners import taken_with
        from roskdbench.data.problem import Labels, Problem

        images, findings, groups = draw_chest(self.samples, self.size, self.seed)
        random = np.random.default_rng([self.seed, 1])
        noisy = misreport(findings, self.label_noise, self.label_noise / 10, random)
        labels = Labels("multi-label", CLASSES, findings, groups, noisy)
        images = taken_with(images, self.scanner, self.attributes())
        return Problem(self.name, images, labels, self.card.licence, self.card.citation, NOTE)
