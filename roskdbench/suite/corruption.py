"""What a corruption says of itself: how images get worse where no one means harm, in five severities.

A corruption is one class in one file. A suite names it, or gives a mapping with its strengths:
`{corruption: brightness, strengths: [0.1, 0.2, 0.3, 0.4, 0.5]}`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from roskdbench.suite.plugged import Plugged
from roskdbench.values import Facts

if TYPE_CHECKING:
    from torch import Tensor

SEVERITIES = (1, 2, 3, 4, 5)
Uniforms = Callable[[int], "Tensor"]
"""Gives so many numbers in [0, 1) for each image [B, count]: of the seed and the sample, whatever the batch."""
_FIVE = Field(min_length=len(SEVERITIES), max_length=len(SEVERITIES))
Strengths = Annotated[list[float], _FIVE]
Amounts = Annotated[list[Annotated[float, Field(gt=0)]], _FIVE]
"""Strengths above 0."""
Shares = Annotated[list[Annotated[float, Field(gt=0, le=1)]], _FIVE]
"""Strengths above 0 and up to 1."""


class Corruption(Plugged):
    """Images made worse. Fields are its settings; override `corrupt`, and give `strengths` a default."""

    family: ClassVar[str] = "corruption"

    strengths: Strengths
    """What each severity from 1 to 5 means to `corrupt`."""

    @model_serializer(mode="wrap")
    def _with_its_strengths(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Strengths are always said: without them, a better default would give old fingerprints a new meaning."""
        return {self.family: self.name, **handler(self), "strengths": self.strengths}

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """The corrupted images, pixels from 0 to 1, each a function of its image and its random numbers alone.

        `images` are [B, channels, H, W] in [0, 1]; `uniforms(count)` gives random numbers [B, count].
        """
        raise NotImplementedError

    def facts(self, severity: int) -> Facts:
        """What stands in the columns of results."""
        return Facts(perturbation=self.name, severity=severity)
