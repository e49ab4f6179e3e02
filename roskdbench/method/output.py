"""What a network says of images, as far as a method asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from roskdbench.errors import UserError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Output:
    """Logits, and what they were made from where the method wants it."""

    logits: torch.Tensor  # [B, C]
    pooled: torch.Tensor | None = None  # [B, F]
    stages: tuple[torch.Tensor, ...] | None = None  # each [B, channels, h, w], the coarsest last

    @property
    def features(self) -> torch.Tensor:
        """The pooled features [B, F] that logits are a linear function of, for methods with `uses_features = True`."""
        if self.pooled is None:
            raise UserError("batch.features: say `uses_features = True` in the method to have features computed")
        return self.pooled

    @property
    def maps(self) -> tuple[torch.Tensor, ...]:
        """The feature maps after each of the last four stages, for methods with `uses_maps = True`."""
        if self.stages is None:
            raise UserError("maps: say `uses_maps = True` in the method to have feature maps computed")
        return self.stages


@dataclass(frozen=True)
class Widths:
    """How large a network's features and maps are."""

    features: int
    maps: tuple[tuple[int, int, int], ...] = ()
    """Of each map its channels, height and width; empty unless the method uses maps."""
