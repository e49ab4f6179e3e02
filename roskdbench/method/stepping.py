"""Where a step's gradient comes from: the loss where the weights are, or where it is worst nearby."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from roskdbench.method.parts import Part

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Descent:
    """One step that is to be taken."""

    loss: Callable[[], torch.Tensor]
    """The loss of the step's batch at the weights as they are, each time anew."""
    parameters: Sequence[torch.Tensor]
    """All that learns; their `grad` is what the optimiser goes by."""
    statistics_kept: Callable[[], AbstractContextManager[None]]
    """While it is open, BatchNorm's running statistics stay as they are."""


class Stepping(Part):
    """A family of parts: how a step's gradient is found."""

    @property
    def passes(self) -> float:
        """How often the loss and its gradient are computed in a step."""
        return 1.0

    def gradients(self, descent: Descent) -> torch.Tensor:
        """Leave a gradient with every parameter; the loss that is to be noted."""
        raise NotImplementedError

    def declaration(self) -> dict[str, Any]:
        """The part as a suite would write it, without what is as usual."""
        return {"kind": self.kind, **self.model_dump(mode="json", exclude_defaults=True)}


class Plain(Stepping):
    """The gradient of the loss."""

    def gradients(self, descent: Descent) -> torch.Tensor:
        """By one backward pass."""
        loss = descent.loss()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss


class Sharpness(Stepping):
    """The gradient where the loss is worst within rho, to first order (SAM: Foret et al. 2021; adaptive: Kwon et al.
    2021): grad L(w + rho g / |g|), with w^2 g / ||w| g| in place of g / |g| if adaptive. That is for all weights alike,
    biases too, and wants a rho about ten times as large.
    """

    rho: Annotated[float, Field(gt=0)] = 0.05
    adaptive: bool = False

    @property
    def passes(self) -> float:
        """One to find the direction, one to go by."""
        return 2.0

    def gradients(self, descent: Descent) -> torch.Tensor:
        """By two backward passes; running statistics are those of the weights themselves."""
        import torch

        loss = descent.loss()
        loss.backward()  # type: ignore[no-untyped-call]
        there = [(each, each.grad, each.detach().clone()) for each in descent.parameters if each.grad is not None]
        scales = [was.abs() if self.adaptive else torch.ones_like(was) for _, _, was in there]
        norm = torch.stack([(scale * grad).norm() for (_, grad, _), scale in zip(there, scales, strict=True)]).norm()
        with torch.no_grad():
            for (each, grad, _), scale in zip(there, scales, strict=True):
                each.add_(self.rho / (norm + 1e-12) * scale**2 * grad)
                each.grad = None
        with descent.statistics_kept():
            descent.loss().backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for each, _, was in there:
                each.copy_(was)
        return loss
