"""How teachers are weighted against each other in a training step.

A Weighting is a frozen declaration; what changes while a student trains lives in the Weigher that it begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from roskdbench.method.parts import Part

if TYPE_CHECKING:
    import torch

    from roskdbench.method.batch import Batch


@dataclass(frozen=True)
class Setting:
    """What a weighting may want to know of the training that begins."""

    teachers: int
    classes: int
    features: int
    device: torch.device
    seed: int


class Weigher:
    """Gives a batch its weights. This one has no state; one that learns overrides all four methods."""

    def __init__(self, weighting: Weighting, setting: Setting) -> None:
        self.weighting, self.setting = weighting, setting

    def weights(self, batch: Batch) -> torch.Tensor:
        """Weights [K, 1] for the whole batch or [K, B] for each example."""
        per = getattr(self.weighting, "per", "batch")
        generator = batch.epoch_generator if per == "epoch" else batch.generator
        columns = len(batch.samples) if per == "example" else 1
        drawn = self.weighting.draw(self.setting.teachers, columns, generator)
        return drawn.to(self.setting.device, non_blocking=True)

    def after_step(self, batch: Batch) -> None:
        """Called when the student has learnt from the batch."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All that has to be kept for a training to go on as if it had not been interrupted."""
        return {}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take up a kept state."""


class Weighting(Part):
    """A family of parts: the weights of teachers."""

    uses_features: ClassVar[bool] = False

    def begin(self, setting: Setting) -> Weigher:
        """What gives weights during one training."""
        return Weigher(self, setting)

    def draw(self, teachers: int, columns: int, generator: torch.Generator) -> torch.Tensor:
        """Weights [teachers, columns], each column drawn for itself, on the CPU in float32."""
        raise NotImplementedError

    def pauses_student(self, epoch: int) -> bool:
        """Whether the student rests in this epoch while the weighting learns."""
        return False

    @property
    def held_out(self) -> float:
        """The share of training samples kept from the student for the weighting to learn from."""
        return 0.0

    def objection(self, epochs: int) -> str | None:
        """Why this weighting cannot serve in a training of so many epochs, or None."""
        return None


Per = Literal["batch", "example", "epoch"]


class Equal(Weighting):
    """Every teacher counts the same."""

    def draw(self, teachers: int, columns: int, generator: torch.Generator) -> torch.Tensor:
        """1/K each."""
        import torch

        return torch.full((teachers, columns), 1 / teachers)


class Exponential(Weighting):
    """Weights drawn from Exp(1) (section III-B, equation 4)."""

    per: Per = "batch"
    scale: Literal["normalised", "raw"] = "normalised"
    """Normalised weights sum to 1; raw ones to a Gamma(K, 1) draw."""

    def draw(self, teachers: int, columns: int, generator: torch.Generator) -> torch.Tensor:
        """Independent exponential draws."""
        import torch

        raw = torch.empty(teachers, columns).exponential_(generator=generator)
        return raw / raw.sum(0) if self.scale == "normalised" else raw


class Dirichlet(Weighting):
    """Weights drawn from a symmetric Dirichlet: 1 is normalised Exp(1), less is sparser, more is more even."""

    concentration: Annotated[float, Field(gt=0)] = 1.0
    per: Per = "batch"

    def draw(self, teachers: int, columns: int, generator: torch.Generator) -> torch.Tensor:
        """Independent Dirichlet draws."""
        import torch

        alpha = torch.full((columns, teachers), self.concentration, dtype=torch.float64)
        return torch._sample_dirichlet(alpha, generator=generator).T.float()


class OneHot(Weighting):
    """One teacher at a time, each as likely as the others."""

    per: Per = "batch"

    def draw(self, teachers: int, columns: int, generator: torch.Generator) -> torch.Tensor:
        """One 1 in each column."""
        import torch

        chosen = torch.randint(teachers, (columns,), generator=generator)
        return torch.nn.functional.one_hot(chosen, teachers).T.float()
