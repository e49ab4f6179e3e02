"""Phantoms: drawn datasets, the embedded default. They stand in for real data; they are not evidence about it."""

from roskdbench.data.phantoms.chest import draw_chest
from roskdbench.data.phantoms.lesion import draw_lesions

__all__ = ["LICENCE", "NOTE", "draw_chest", "draw_lesions"]

LICENCE = "CC0 1.0 (drawn by roskdbench)"
NOTE = (
    "A phantom: drawn images whose classes are simple visual structure. It shows that the machinery works and lets "
    "methods differ; it says nothing about how they rank on patients."
)
