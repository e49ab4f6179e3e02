"""`landscape`: the loss around a model's trained weights, and on the line between two readings of its training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, field_validator

from roskdbench.measuring import EPSILON, LEVELS
from roskdbench.plugins import register
from roskdbench.suite.measure import Column, Measure, Reads
from roskdbench.values import STUDENT, MetricValue

if TYPE_CHECKING:
    import pandas

    from roskdbench.jobs.measuring import MeasureContext

CURVATURE = 200  # passes of an image for the curvature and the line


@register("landscape")
class Landscape(Measure):
    """Landscape: the loss on a filter-normalised plane around the trained weights, how sharply it bends there, and, for
    averaged weights, on the line from the last ones.
    """

    revision: ClassVar[int] = 2
    reads: ClassVar[tuple[Reads, ...]] = ("model",)
    subjects: ClassVar[tuple[str, ...]] = (STUDENT,)
    heading: ClassVar[str] = "landscape"
    command: ClassVar[str] = "landscape"
    drawn_only: ClassVar[frozenset[str]] = frozenset({"clamp"})
    columns: ClassVar[tuple[Column, ...]] = (
        Column("loss", "loss", higher_is_better=False),
        *(Column(f"basin+{level:g}", f"basin +{level:g}") for level in LEVELS),
        Column("sharpness", "sharpness", higher_is_better=False),
        Column("eigenvalue", "eigenvalue", higher_is_better=False),
        Column("barrier", "barrier", higher_is_better=False),
    )

    points: Annotated[int, Field(ge=3)] = 51
    """On each side of the plane; odd, so that the trained weights are one of them."""
    clamp: Annotated[float, Field(gt=0)] = 8.0
    """Losses are cut at this height in drawings, and only there."""
    images: PositiveInt | None = 500
    """How many images the loss is over, the same ones for every method; all of the part if null."""
    part: Literal["test", "train"] = "test"
    """Images of the test part with true labels, or of the training part with the labels that training sees."""
    seed: int = 0
    """Of the directions, which all methods and all runs share."""

    @field_validator("points")
    @classmethod
    def _has_a_centre(cls, points: int) -> int:
        if points % 2 == 0:
            raise ValueError("an even number of points has none at the trained weights; take an odd one")
        return points

    def inputs_beside(self) -> tuple[Reads, ...]:
        """The labels that training sees, for the training part."""
        return ("model", "labels") if self.part == "train" else self.reads

    def compute(self, context: MeasureContext) -> Iterable[MetricValue]:
        """Write plane.npz (places [p], losses [p, p]), line.npz (places, losses, f1) for averaged weights."""
        from roskdbench.measuring.landscape.measured import measure

        return measure(self, context)

    def images_of(self, test_samples: float) -> float:
        """As many as are asked for."""
        return min(self.images or test_samples, test_samples)

    def passes(self, images: int) -> float:
        """One at each point, and those of the curvature."""
        return float(images * (self.points**2 + CURVATURE))

    def notes(self, numbers: pandas.DataFrame) -> list[str]:
        """What was measured where."""
        counts = ", ".join(f"{count:,}" for count in sorted(set(numbers["n"])))
        where = {"test": "test images", "train": "training images with the labels that training saw"}[self.part]
        return [
            f"Loss landscape over {counts} {where}, {self.points} x {self.points} points, filter-normalised, the same "
            "directions and images for every method. Basin: the share of the plane around the trained weights that "
            "stays within so much of their loss.",
            f"Sharpness: Keskar's, in percent, epsilon {EPSILON:g}; eigenvalue: the Hessian's largest; barrier: how "
            "far the line from the last to the averaged weights rises above its chord.",
        ]
