"""Films that got too much or too little radiation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roskdbench.plugins import register
from roskdbench.suite.corruption import Amounts, Corruption, Uniforms

if TYPE_CHECKING:
    from torch import Tensor


@register("exposure")
class Exposure(Corruption):
    """Exposure: a film that got several times the radiation, or a fraction of it."""

    strengths: Amounts = [0.29, 0.4, 0.52, 0.61, 0.71]
    """How often the radiation is doubled, or halved."""

    def corrupt(self, images: Tensor, strength: float, uniforms: Uniforms) -> Tensor:
        """A film is white where nothing passes, so what passes is 1 - pixel: over-exposed for half of the images,
        where the lungs go black and keep no structure, and under-exposed for the others, which turn pale.
        """
        more = uniforms(1)[:, :, None, None] < 0.5
        passed = 1 - images
        return 1 - (passed * 2**strength).where(more, passed * 2**-strength).clamp(0, 1)
