"""`memorisation`: what a model says of the training samples whose labels noise flipped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from roskdbench.plugins import register
from roskdbench.suite.measure import Column, Measure, Reads
from roskdbench.values import STUDENT, TEACHER, MetricValue

if TYPE_CHECKING:
    import pandas

    from roskdbench.jobs.measuring import MeasureContext

UNSEEN = "-unseen"
"""The end of a metric that is about flipped labels which a teacher on a subset has not learnt from."""


@register("memorisation")
class Memorisation(Measure):
    """Memorisation: of the training labels that noise flipped, the share that student and teachers reproduce, and
    correct.
    """

    reads: ClassVar[tuple[Reads, ...]] = ("model", "labels")
    subjects: ClassVar[tuple[str, ...]] = (STUDENT, TEACHER)
    heading: ClassVar[str] = "flipped training labels"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("memorised", "memorised", higher_is_better=False),
        Column("corrected", "corrected"),
        Column("memorised", "by teachers", higher_is_better=False, subject=TEACHER),
    )

    def compute(self, context: MeasureContext) -> Iterable[MetricValue]:
        """Of flipped labels that the model has learnt from, and of others."""
        import numpy as np

        from roskdbench.data.noise import flips
        from roskdbench.engine.prediction import logits_for
        from roskdbench.measuring import values_of
        from roskdbench.measuring.memorisation import memorisation_rows

        labels, train = context.true_labels, context.split["train"]
        arrays = dict(context.training_labels)
        if labels is not context.problem.labels:
            arrays["flipped"] = flips(labels, arrays["targets"])
        seen_by_model = np.ones(len(train), bool) if context.subset is None else context.subset
        flipped = arrays["flipped"][train].reshape(len(train), -1).any(1)
        found: list[MetricValue] = []
        for end, members in (("", True), (UNSEEN, False)):
            chosen = train[flipped & (seen_by_model == members)]
            if members or len(chosen):
                logits = logits_for(context.network(), context.problem.images, chosen, context.device)
                rows = memorisation_rows(
                    labels.task,
                    labels.classes,
                    labels.targets[chosen],
                    arrays["targets"][chosen],
                    arrays["flipped"][chosen],
                    logits,
                )
                found += values_of((f"{metric}{end}", *rest) for metric, *rest in rows)  # type: ignore[misc]
        return found

    def passes(self, images: int) -> float:
        """The training part, once."""
        return float(images)

    def notes(self, numbers: pandas.DataFrame) -> list[str]:
        """What the columns are."""
        if numbers["value"].isna().all():
            return ["Flipped training labels: no label that training saw is known to be wrong, so nothing is measured."]
        return [
            "Flipped training labels: the share that a model reproduces (memorised) and sets right (corrected); "
            "by teachers: the mean over teachers, each of those it was trained on."
        ]
