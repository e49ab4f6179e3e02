"""`scores`: precision, recall, F1 and AUC on the test part. Every cell has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from roskdbench.plugins import register
from roskdbench.suite.measure import Column, Measure
from roskdbench.values import CORRECTED, Facts, MetricValue

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from numpy.typing import NDArray

    from roskdbench.measuring.predictions import Predictions
    from roskdbench.suite.protocol import Protocol

COLUMNS = {
    "precision": Column("precision", "P", has_draws=True, compared=False),
    "recall": Column("recall", "R", has_draws=True, compared=False),
    "f1": Column("f1", "F1", has_draws=True),
    "auc": Column("auc", "AUC", has_draws=True),
    "accuracy": Column("accuracy", "Acc", has_draws=True),
}


def stored_scores(protocol: Protocol) -> dict[str, list[str]]:
    """What the score of each column is stored as: by the protocol's average, for several findings at its threshold."""
    averaged = {
        metric: [f"{metric}-{protocol.average}{at}" for at in ("", f"@{protocol.threshold}")]
        for metric in ("precision", "recall", "f1")
    }
    return {**averaged, "auc": ["auc-macro"], "accuracy": ["accuracy"]}


@register("scores")
class Scores(Measure):
    """Scores: precision, recall, F1 and per-class AUC on the test part."""

    revision: ClassVar[int] = 2
    columns: ClassVar[tuple[Column, ...]] = tuple(COLUMNS.values())

    def stored_names(self, protocol: Protocol) -> dict[str, list[str]]:
        """By the protocol's average, and for several findings at its threshold."""
        return stored_scores(protocol)

    def table_columns(self, protocol: Protocol, shown: Sequence[str]) -> Sequence[Column]:
        """Those that are shown; and again against corrected labels, where the data have such."""
        own = [COLUMNS[name] for name in shown if name in COLUMNS]
        corrected = Facts(labels=CORRECTED)
        again = [replace(each, facts=corrected, group="corrected labels") for each in own]
        return [*own, *again]

    def evaluate(self, predictions: Predictions) -> Iterable[MetricValue]:
        """All of them, whichever are shown."""
        from roskdbench.measuring import values_of

        return [*values_of(predictions.score_rows()), *predictions.corrected()]

    def draws(self, predictions: Predictions, seed: int) -> Mapping[str, NDArray[np.floating[Any]]]:
        """From counts: quicker than computing each score again."""
        from roskdbench.statistics.bootstrap import draws_of

        found, corrected = draws_of(predictions, seed), predictions.on_corrected()
        if corrected is not None:
            end = Facts(labels=CORRECTED).drawn_as
            found |= {f"{name}{end}": drawn for name, drawn in draws_of(corrected, seed).items() if "|" not in name}
        return found

    def notes(self, numbers: pandas.DataFrame) -> list[str]:
        """Whose labels corrected ones are."""
        if not (numbers["labels"] == CORRECTED).any():
            return []
        return ["Corrected labels: scores against the data's second label set, on the test images that have it."]
