"""Auto-PGD, in both norms: PGD whose steps find their own length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import PositiveInt, field_validator, model_validator

from roskdbench.errors import UserError, nearest
from roskdbench.plugins import register
from roskdbench.suite.attack import Attack
from roskdbench.suite.problems import Task

if TYPE_CHECKING:
    from torch import Tensor

    from roskdbench.measuring.attacks.attacking import Victim
    from roskdbench.measuring.attacks.goals import Goal

CLASSES = 9  # of AutoAttack


@register("apgd")
class Apgd(Attack):
    """Auto-PGD: steps along the gradient with momentum, halved at the paper's checkpoints where they stop paying; the
    worst image found is kept (Croce and Hein 2020).
    """

    counts_passes: ClassVar[bool] = True

    loss: Literal["ce", "margin", "dlr", "targeted"] = "ce"
    """`ce` is the cross-entropy (binary ones, summed, for several findings), `dlr` the difference of logits ratio, for
    single-label problems. `targeted` pushes single-label images towards one other class after another by the targeted
    ratio, and images with several findings towards the findings of `towards`.
    """
    steps: PositiveInt = 100
    restarts: PositiveInt = 1
    classes: PositiveInt = CLASSES
    """Of `targeted` and single-label problems: how many other classes are tried, the likeliest first."""
    towards: Literal["decisions", "labels"] | list[str] = "decisions"
    """Of `targeted` and several findings: the opposite of what the model decides of the clean image, the opposite of
    its labels, or findings by name, these and no others.
    """

    @field_validator("towards", mode="before")
    @classmethod
    def _is_a_vector_of_labels(cls, given: Any) -> Any:
        if not isinstance(given, list) and given not in ("decisions", "labels"):
            raise ValueError("say decisions, labels, or a list of findings such as [effusion, nodule]")
        return given

    @model_validator(mode="after")
    def _has_a_target_if_it_says_so(self) -> Self:
        said = [name for name in ("classes", "towards") if getattr(self, name) != type(self).model_fields[name].default]
        if said and self.loss != "targeted":
            raise ValueError(f"apgd: {said[0]} is for the loss targeted, and the loss is {self.loss}")
        return self

    def steps_taken(self) -> int:
        """In all restarts, and towards all classes."""
        one_by_one = self.loss == "targeted" and self.towards == "decisions"
        return self.steps * self.restarts * (self.classes if one_by_one else 1)

    def objection(self, task: Task, classes: Sequence[str]) -> str | None:
        """A ratio needs a few classes, and a single label."""
        needed = {"dlr": 3, "targeted": 4}.get(self.loss, 2)
        if task == "single-label":
            if isinstance(self.towards, list):
                return "apgd towards findings is for multi-label problems; leave `towards` out"
            if classes and len(classes) < needed:
                return f"apgd with the loss {self.loss} needs {needed} classes, and there are {len(classes)}; use ce"
            return None
        if self.loss == "dlr":
            return "apgd with the loss dlr is for single-label problems; use the loss ce or targeted"
        named = self.towards if classes and isinstance(self.towards, list) else []
        unknown = [name for name in named if name not in classes]
        return f"apgd: there is no finding '{unknown[0]}'; {nearest(unknown[0], classes)}" if unknown else None

    def perturb(self, victim: Victim, images: Tensor, labels: Tensor) -> Tensor:
        """The worst images on the way."""
        import torch

        from roskdbench.measuring.attacks.autopgd import Worst, worst_images
        from roskdbench.measuring.attacks.goals import AwayFromLabels

        with torch.no_grad():
            logits = victim(images)
        goals = self._goals(victim, logits, labels)
        single = victim.task == "single-label"
        # What targets led to is compared by what they have in common.
        judge = goals[0] if len(goals) == 1 else AwayFromLabels("single-label", "ce", labels)
        worst = Worst(images, logits, judge, labels if single else None)
        return worst_images(
            victim.model, goals, worst, images, self.norm, self.radius, self.steps, self.restarts, victim.generator
        )

    def _goals(self, victim: Victim, logits: Tensor, labels: Tensor) -> list[Goal]:
        """What is climbed, one after the other."""
        import torch

        from roskdbench.measuring.attacks import goals

        if self.loss == "dlr":
            return [goals.LogitsRatio(labels)]
        if self.loss != "targeted":
            return [goals.AwayFromLabels(victim.task, self.loss, labels)]
        if victim.task == "single-label":
            tried = goals.likeliest_others(logits, labels, self.classes)
            return [goals.LogitsRatio(labels, each) for each in tried]
        if self.towards == "decisions":
            return [goals.TowardsFindings((logits < 0).to(logits).masked_fill(labels.isnan(), torch.nan))]
        if self.towards == "labels":
            return [goals.TowardsFindings(1 - labels)]
        if objection := self.objection(victim.task, victim.classes):
            raise UserError(objection)
        places = [victim.classes.index(name) for name in self.towards]
        return [goals.TowardsFindings(goals.wanted_findings(labels, places))]
