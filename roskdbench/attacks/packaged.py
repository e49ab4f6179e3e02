"""Any attack of torchattacks, by its name there."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from roskdbench.errors import UserError, nearest
from roskdbench.plugins import register
from roskdbench.suite.attack import Attack, Norm
from roskdbench.suite.libraries import packaged_attacks

if TYPE_CHECKING:
    from torch import Tensor

    from roskdbench.measuring.attacks.attacking import Victim


Plain = bool | int | float | Annotated[str, Field(max_length=40)]

INSTALL = "pip install --no-deps torchattacks==3.5.1"
"""Without what it names beside torch: a requests of 2020 that neither it nor we import, and what that brings."""


@register("torchattacks")
class Packaged(Attack):
    """Of torchattacks: an attack by its name there, such as APGD, Square, FAB, AutoAttack or CW. For single-label. One
    that knows no radius, as CW looks for the nearest image, counts where what it finds is within it.
    """

    tasks: ClassVar[tuple[str, ...]] = ("single-label",)

    kind: str
    """Its name in torchattacks."""
    norm: Norm = "linf"
    """Of its radius, and given to it where it takes one; that of the attack itself where it does not."""
    options: dict[str, Plain | list[Plain]] = {}
    """What else its constructor is given. The radius is given as `eps` or `max_epsilon` where it takes one."""

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if not packaged_attacks():
            raise ValueError(f"attacks of torchattacks need it; get it with: {INSTALL}")
        if self.kind not in packaged_attacks():
            raise ValueError(f"torchattacks has no attack '{self.kind}'; {nearest(self.kind, packaged_attacks())}")
        return self

    @property
    def result_name(self) -> str:
        """Its name in torchattacks."""
        return self.kind

    def perturb(self, victim: Victim, images: Tensor, labels: Tensor) -> Tensor:
        """Its images; global random numbers are seeded for this batch and put back."""
        import torch
        import torchattacks

        kind, seed = getattr(torchattacks, self.kind), victim.seed
        options: dict[str, Any] = dict(self.options)
        names = signature(kind).parameters
        bounded = [name for name in ("eps", "max_epsilon") if name in names]
        for name in bounded:
            options.setdefault(name, self.radius)
        if "norm" in names:
            options.setdefault("norm", {"l2": "L2", "linf": "Linf"}[self.norm])
        if "n_classes" in names:
            with torch.no_grad():
                options.setdefault("n_classes", victim(images[:1]).shape[1])
        if "seed" in names:
            options.setdefault("seed", seed % (1 << 31))
        try:
            built = kind(victim.model, **options)
        except TypeError as error:
            raise UserError(f"torchattacks cannot make {self.kind} with {options}: {error}") from None
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            changed: Tensor = built(images.contiguous(), labels).detach()
        if bounded:
            return changed
        there = victim.distance(images, changed) <= self.radius
        return torch.where(there[:, None, None, None], changed, images)
