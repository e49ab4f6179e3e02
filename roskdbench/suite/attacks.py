"""Attacks as a suite names them: FGSM and PGD, l2 and l-infinity, any radius; or any attack of torchattacks."""

import re
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from roskdbench.errors import nearest
from roskdbench.suite.declared import Declared
from roskdbench.suite.libraries import packaged_attacks

GREY_LEVELS = 255
STEPS = 20
OURS = ("fgsm", "pgd")
Norm = Literal["l2", "linf"]
Loss = Literal["ce", "margin"]


def _number(value: Any) -> Any:
    """1.28/255 as the paper writes it, or a plain number."""
    if not isinstance(value, str):
        return value
    above, slash, below = value.partition("/")
    try:
        return float(Fraction(above.strip()) / Fraction(below.strip()) if slash else Fraction(above.strip()))
    except (ValueError, ZeroDivisionError):
        raise ValueError("a radius is a number or a quotient such as 1.28/255") from None


def in_range(norm: Norm, radius: float) -> None:
    """A ValueError for more than a pixel's whole range: it is likely a number of grey levels."""
    if norm == "linf" and radius > 1:
        raise ValueError(f"a pixel goes from 0 to 1, and linf {radius:g} is beyond that; say {radius:g}/{GREY_LEVELS}")


Radius = Annotated[float, Field(gt=0), BeforeValidator(_number, json_schema_input_type=float | str)]


class _GradientAttack(Declared):
    """What both attacks along the gradient have in common."""

    norm: Norm
    radius: Radius
    """Of the whole image for l2, of each pixel for linf; pixels go from 0 to 1."""
    loss: Loss = "ce"
    """`ce` is the cross-entropy (binary ones, summed, for multi-label); `margin` does not know the logits' scale."""

    @model_validator(mode="after")
    def _is_in_range(self) -> Self:
        in_range(self.norm, self.radius)
        return self

    @property
    def name(self) -> str:
        """What tables call it, its radius in grey levels."""
        parts = [f"{self.attack} {self.norm} {grey_levels(self.radius)}"]  # type: ignore[attr-defined]
        return ", ".join([*parts, *self._unusual])

    @property
    def _unusual(self) -> list[str]:
        """What is not as it is if nothing is said."""
        return [] if self.loss == "ce" else [self.loss]


class Fgsm(_GradientAttack):
    """One step along the gradient, as long as the radius."""

    attack: Literal["fgsm"]


class Pgd(_GradientAttack):
    """Steps along the gradient from a random start, each cut back to the ball; the worst image found is kept."""

    attack: Literal["pgd"]
    steps: PositiveInt = STEPS
    step: Radius | None = None
    """The length of a step; a quarter of the radius if left out."""
    restarts: PositiveInt = 1

    @property
    def step_length(self) -> float:
        """In pixels' units."""
        return self.step or self.radius / 4

    @property
    def _unusual(self) -> list[str]:
        parts = super()._unusual
        if self.steps != STEPS:
            parts.append(f"{self.steps} steps")
        if self.step is not None:
            parts.append(f"step {grey_levels(self.step)}")
        if self.restarts != 1:
            parts.append(f"{self.restarts} restarts")
        return parts


class Packaged(Declared):
    """An attack of torchattacks by its name there, such as APGD, Square, FAB, AutoAttack or CW. For single-label."""

    attack: Literal["torchattacks"]
    kind: str
    """Its name in torchattacks."""
    norm: Norm = "linf"
    """The norm it is held to when its images are checked."""
    radius: Radius
    """The radius it is held to; said to it as `eps` where it takes one."""
    options: dict[str, Any] = {}
    """What else its constructor is told."""

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.kind not in packaged_attacks():
            raise ValueError(f"torchattacks has no attack '{self.kind}'; {nearest(self.kind, packaged_attacks())}")
        in_range(self.norm, self.radius)
        return self

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.kind} {self.norm} {grey_levels(self.radius)}"


def _from_name(value: Any) -> Any:
    """An attack as tables call it: pgd linf 8/255, or pgd l2 128/255, margin, 40 steps, step 16/255, 5 restarts."""
    if not isinstance(value, str):
        return value
    head, *rest = [part.strip() for part in value.split(",")]
    words = head.split()
    if len(words) != 3:
        raise ValueError(f"'{value}' is no attack; write one such as pgd linf 8/255, or fgsm l2 128/255")
    kind, norm, radius = words
    parts: dict[str, Any] = {"norm": norm, "radius": radius}
    if kind in OURS:
        parts["attack"] = kind
    elif kind in packaged_attacks():
        parts |= {"attack": "torchattacks", "kind": kind}
    else:
        known = (*OURS, *packaged_attacks())
        raise ValueError(f"there is no attack '{kind}', here or in torchattacks; {nearest(kind, known)}")
    for part in rest:
        found = re.fullmatch(
            r"(?P<loss>margin|ce)|(?P<steps>\d+) steps|step (?P<step>\S+)|(?P<restarts>\d+) restarts", part
        )
        if found is None:
            raise ValueError(f"'{part}' says nothing of an attack; say margin, 40 steps, step 1/255 or 5 restarts")
        parts |= {key: word for key, word in found.groupdict().items() if word is not None}
    return parts


_Specs = Annotated[Fgsm | Pgd | Packaged, Field(discriminator="attack")]
AttackSpec = Annotated[_Specs, BeforeValidator(_from_name, json_schema_input_type=str | _Specs)]
"""An attack: a mapping, or the name that tables have for it."""


def grey_levels(radius: float) -> str:
    """A radius in the paper's notation."""
    return f"{radius * GREY_LEVELS:.4g}/{GREY_LEVELS}"


def radius_of(name: str) -> tuple[str, str, float] | None:
    """Attack, norm and radius in grey levels of an attack's name; None for other names."""
    found = re.fullmatch(rf"(fgsm|pgd) (l2|linf) ([\d.e+]+)/{GREY_LEVELS}", name)
    return (found[1], found[2], float(found[3])) if found else None


# The paper's "l2, 1.28/255" as printed; the same number read as l-infinity; and the radius that is usual for l2.
READINGS: dict[str, tuple[Norm, float]] = {
    "a": ("l2", 1.28 / GREY_LEVELS),
    "b": ("linf", 1.28 / GREY_LEVELS),
    "c": ("l2", 128 / GREY_LEVELS),
}
PAPER: list[Any] = [
    kind(attack=name, norm=norm, radius=radius)
    for norm, radius in READINGS.values()
    for name, kind in (("fgsm", Fgsm), ("pgd", Pgd))
]


class Attacks(Declared):
    """The test part attacked: scores before and after, curves over radii, and checks of the attacks themselves.

    The preset `paper` is FGSM and PGD at l2 1.28/255, l_inf 1.28/255 and l2 128/255.
    """

    measure: Literal["attacks"]
    preset: Literal["paper"] | None = None
    attacks: list[AttackSpec] = []
    """Attacks besides those of the preset; the preset `paper` if neither is given."""
    sweep: list[Radius] = []
    """Radii of curves: FGSM and PGD in both norms. For l2 they are scaled by the root of the number of pixels."""
    images: PositiveInt | None = None
    """How many test images are attacked, the same ones for every method; all of them if left out."""
    checked: PositiveInt = 100
    """How many of them the checks are made on."""

    @model_validator(mode="after")
    def _radii_are_in_range(self) -> Self:
        for radius in self.sweep:
            in_range("linf", radius)
        return self

    @model_validator(mode="after")
    def _attacks_differ(self) -> "Attacks":
        """Two attacks of one name would be one in every table."""
        names = [attack.name for attack in self.attacks]
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise ValueError(f"attacks names '{twice[0]}' twice")
        return self

    @property
    def chosen(self) -> list[Any]:
        """Every attack, each once."""
        preset = PAPER if self.preset == "paper" or not self.attacks else []
        return list({attack.name: attack for attack in [*preset, *self.attacks]}.values())
