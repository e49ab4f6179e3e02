"""Torch's types, for the annotations of files that are read by commands which never import torch."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch.nn import Module
else:
    Generator = Module = Tensor = Any

__all__ = ["Generator", "Module", "Tensor"]
