"""What an attack says of itself: its norm, its radius, its settings, and how it changes images.

An attack is one class in one file. A suite names it by a mapping or as tables do: `pgd linf 8/255, margin, 40 steps`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from roskdbench.errors import UserError
from roskdbench.fingerprint import canonical_json
from roskdbench.suite.plugged import Plugged
from roskdbench.suite.problems import Task
from roskdbench.values import GREY_LEVELS, Facts, MetricValue

if TYPE_CHECKING:
    from torch import Tensor

    from roskdbench.measuring.attacks.attacking import Victim
    from roskdbench.measuring.predictions import Predictions

Norm = Literal["l2", "linf"]
Loss = Literal["ce", "margin"]
LOSSES = ("ce", "margin", "dlr", "targeted")
"""Every loss that an attack may raise, as it stands alone in a text."""
STEPS = 20
SEEDED = ("loss", "steps", "step", "restarts")


def _number(value: Any) -> Any:
    """1.28/255 as the paper writes it, or a plain number."""
    if not isinstance(value, str):
        return value
    above, slash, below = value.partition("/")
    try:
        return float(Fraction(above.strip()) / Fraction(below.strip()) if slash else Fraction(above.strip()))
    except (ValueError, ZeroDivisionError):
        raise ValueError("a radius is a number or a quotient such as 1.28/255") from None


Radius = Annotated[float, Field(gt=0), BeforeValidator(_number, json_schema_input_type=float | str)]


def refuse_beyond_pixels(norm: Norm, radius: float) -> None:
    """A ValueError for more than a pixel's whole range: it is likely a number of grey levels."""
    if norm == "linf" and radius > 1:
        raise ValueError(f"a pixel goes from 0 to 1, and linf {radius:g} is beyond that; say {radius:g}/{GREY_LEVELS}")


class Attack(Plugged):
    """Images changed within a radius so that a model errs. Fields are its settings; override `perturb`."""

    family: ClassVar[str] = "attack"
    tasks: ClassVar[tuple[str, ...]] = ("single-label", "multi-label")
    shares_gradient: ClassVar[bool] = False
    """Whether `perturb` needs no more than the gradient at the clean images, which is then taken once for all radii."""
    counts_passes: ClassVar[bool] = False
    """Whether results say how many gradients and forward passes of an image it took."""

    norm: Norm
    radius: Radius
    """Of the whole image for l2, of each pixel for linf; pixels go from 0 to 1."""

    @model_validator(mode="after")
    def _is_in_range(self) -> Self:
        refuse_beyond_pixels(self.norm, self.radius)
        return self

    def perturb(self, victim: Victim, images: Tensor, labels: Tensor) -> Tensor:
        """The attacked images, each within the radius of its clean one and with pixels from 0 to 1.

        `victim` gives logits for images (`victim(images)`, with gradient), the task, a generator seeded for this
        attack on this batch, and the gradient of the loss (`victim.gradient(images, labels)`).
        """
        raise NotImplementedError

    def steps_taken(self) -> int:
        """How many gradients it takes of each image, for estimates."""
        return 1

    def objection(self, task: Task, classes: Sequence[str]) -> str | None:
        """Why it cannot attack models of this task with these classes (none where they are not known yet), or None."""
        return None if task in self.tasks else f"{self.result_name} is for {self.tasks[0]} problems; use pgd or fgsm"

    def numbers(self, clean: Predictions, attacked: Predictions) -> Iterable[MetricValue]:
        """What it tells beside scores, from what a model says of the same images before and after."""
        return ()

    @property
    def facts(self) -> Facts:
        """What of it stands in the columns of results."""
        known = {name: getattr(self, name) for name in Facts._fields if name in type(self).model_fields}
        others = {
            name: value
            for name, value in self.declaration().items()
            if name not in known and name not in ("attack", "kind")
        }
        text = canonical_json(others.pop("options") if others.keys() == {"options"} else others) if others else ""
        return Facts(**{**known, "perturbation": self.result_name, "options": text})

    @property
    def result_name(self) -> str:
        """What it is called in results."""
        return self.name

    @property
    def label(self) -> str:
        """What tables call it, its radius in grey levels."""
        return self.facts.perturbation_label

    @property
    def purpose(self) -> str:
        """What its random numbers are seeded by. Its form is fixed: labels may change, and this may not."""
        given = self.declaration()
        parts = [f"{self.result_name} {self.norm} {self.radius * GREY_LEVELS:.4g}/{GREY_LEVELS}"]
        for name, value in sorted(given.items(), key=lambda each: SEEDED.index(each[0]) if each[0] in SEEDED else 9):
            if name == "loss":
                parts.append(str(value))
            elif name == "step":
                parts.append(f"step {value * GREY_LEVELS:.4g}/{GREY_LEVELS}")
            elif name in ("steps", "restarts"):
                parts.append(f"{value} {name}")
        return ", ".join(parts)

    @classmethod
    def from_text(cls, text: str) -> Mapping[str, Any]:
        """An attack as tables call it: pgd linf 8/255, or pgd l2 128/255, margin, 40 steps, step 16/255, 5 restarts."""
        from roskdbench.suite.libraries import packaged_attacks

        head, *rest = [part.strip() for part in text.split(",")]
        words = head.split()
        if len(words) != 3:
            raise UserError(f"'{text}' is no attack; write one such as pgd linf 8/255, or fgsm l2 128/255")
        name, norm, radius = words
        given: dict[str, Any] = {"attack": name, "norm": norm, "radius": radius}
        if name in packaged_attacks():
            given |= {"attack": "torchattacks", "kind": name}
        for part in rest:
            given |= _setting(part)
        return given

    @classmethod
    def also_understood(cls) -> Iterable[str]:
        """The attacks of torchattacks."""
        from roskdbench.suite.libraries import packaged_attacks

        return packaged_attacks()


def _setting(part: str) -> dict[str, Any]:
    """A setting after the radius: a loss, `40 steps`, `step 1/255` or `finding pleural effusion`."""
    if part in LOSSES:
        return {"loss": part}
    if found := re.fullmatch(r"finding (\S.*)", part):
        return {"finding": found[1]}
    if found := re.fullmatch(r"(\d+) ([a-z_]+)|([a-z_]+) (\S+)", part):
        number, name, other, value = found.groups()
        return {name or other: number or value}
    raise UserError(f"'{part}' says nothing of an attack; say margin, 40 steps, step 1/255 or 5 restarts")
