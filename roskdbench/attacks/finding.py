"""Attacks on one finding of several: hidden where it is, or invented where it is not. The others are left to chance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from roskdbench.errors import UserError, nearest
from roskdbench.plugins import register
from roskdbench.suite.attack import STEPS, Attack, Radius
from roskdbench.suite.problems import Task
from roskdbench.values import MetricValue

if TYPE_CHECKING:
    from torch import Tensor

    from roskdbench.measuring.attacks.attacking import Victim
    from roskdbench.measuring.predictions import Predictions


class FindingAttack(Attack):
    """PGD on the logit of one finding, on the images that have it or on those that do not."""

    tasks: ClassVar[tuple[str, ...]] = ("multi-label",)
    counts_passes: ClassVar[bool] = True
    present: ClassVar[bool]
    """Whether images are attacked that have the finding, or those that lack it."""

    finding: str
    """Its name among the problem's classes."""
    steps: PositiveInt = STEPS
    step: Radius | None = None
    """The length of a step; a quarter of the radius if left out."""
    restarts: PositiveInt = 1

    def steps_taken(self) -> int:
        """In all restarts."""
        return self.steps * self.restarts

    def objection(self, task: Task, classes: Sequence[str]) -> str | None:
        """It needs a problem with this finding among others."""
        if task not in self.tasks or not classes or self.finding in classes:
            return super().objection(task, classes)
        return f"{self.name}: there is no finding '{self.finding}'; {nearest(self.finding, classes)}"

    def perturb(self, victim: Victim, images: Tensor, labels: Tensor) -> Tensor:
        """The worst images on the way; those that the finding is not to be hidden in, or invented in, as they are."""
        import torch

        from roskdbench.measuring.attacks.gradient import OneFinding, PgdAttacker

        if self.finding not in victim.classes:
            raise UserError(self.objection(victim.task, victim.classes) or f"{self.name}: the classes are not known")
        place = victim.classes.index(self.finding)
        own = labels[:, place]  # NaN, where it is not known, is neither
        rows = torch.nonzero(own > 0.5 if self.present else own <= 0.5)[:, 0]
        if not len(rows):
            return images
        attacker = PgdAttacker(
            OneFinding(victim.model, place),
            "multi-label",
            self.norm,
            self.radius,
            self.step or self.radius / 4,
            self.steps,
            self.restarts,
            "margin",  # of one finding: its logit, down where it is and up where it is not
            victim.generator,
        )
        changed = images.clone()
        changed[rows] = attacker(images[rows], labels[rows][:, [place]])
        return changed

    def numbers(self, clean: Predictions, attacked: Predictions) -> Iterable[MetricValue]:
        """`flipped`: of the images that were attacked, the share whose decision on the finding was right and is wrong;
        `flipped-of-right`: of those alone that it was right on. Of the finding, and of all classes, which is the same.
        """
        place = clean.classes.index(self.finding)
        aimed = clean.known[:, place] & (clean.truth[:, place] == self.present)
        right = aimed & (clean.decisions[:, place] == self.present)
        flipped = int((right & (attacked.decisions[:, place] != self.present)).sum())
        for metric, images in ((FLIPPED, int(aimed.sum())), (FLIPPED_OF_RIGHT, int(right.sum()))):
            for label in (self.finding, ""):
                yield MetricValue(metric, flipped / images if images else None, images, label)


FLIPPED, FLIPPED_OF_RIGHT = "flipped", "flipped-of-right"


@register("hide-finding")
class HideFinding(FindingAttack):
    """Hiding a finding: PGD on the logit of `finding` alone, on the images that have it. For several findings."""

    present: ClassVar[bool] = True


@register("invent-finding")
class InventFinding(FindingAttack):
    """Inventing a finding: PGD on the logit of `finding` alone, on the images that lack it. For several findings."""

    present: ClassVar[bool] = False
