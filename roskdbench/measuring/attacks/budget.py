"""What an attack costs: how many images went through a model for it, and how many gradients came back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass
class Passes:
    """Of all images together."""

    forwards: int = 0
    """Those of gradients, too."""
    gradients: int = 0

    def add(self, others: "Passes") -> None:
        """Those of other images."""
        self.forwards += others.forwards
        self.gradients += others.gradients


@contextmanager
def counted(model: nn.Module, passes: Passes) -> Iterator[Passes]:
    """Add what the model is asked inside the block."""

    def backward(gradient: Tensor) -> None:
        passes.gradients += len(gradient)

    def forward(module: nn.Module, inputs: tuple[Any, ...], logits: Tensor) -> None:
        passes.forwards += len(logits)
        if logits.requires_grad:
            logits.register_hook(backward)  # type: ignore[no-untyped-call]

    handle = model.register_forward_hook(forward)
    try:
        yield passes
    finally:
        handle.remove()
