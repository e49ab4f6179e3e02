"""What of the teachers a student is drawn to: each of them, or their mixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.method.parts import Part

if TYPE_CHECKING:
    import torch

    from roskdbench.method.batch import Batch


class Matching(Part):
    """A family of parts: the soft part of the loss."""

    def divergence(self, batch: Batch, temperature: float) -> torch.Tensor:
        """The batch mean of the divergence of the student from its teachers."""
        raise NotImplementedError


class EachTeacher(Matching):
    """sum_m w_m KL(q_m || p): the weighted divergences from the teachers."""

    def divergence(self, batch: Batch, temperature: float) -> torch.Tensor:
        """The weighted mean over teachers and examples."""
        return (batch.weights * batch.divergences(temperature)).sum(0).mean()


class Mixture(Matching):
    """KL(sum_m w_m q_m || p): the divergence from the teachers' weighted mean."""

    def divergence(self, batch: Batch, temperature: float) -> torch.Tensor:
        """The mean over examples."""
        return batch.mixture_divergence(temperature).mean()
