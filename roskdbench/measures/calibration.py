"""`calibration`: whether a model's test probabilities are what happens, before and after temperature scaling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from roskdbench.plugins import register
from roskdbench.suite.measure import Column, Measure
from roskdbench.values import MetricValue

if TYPE_CHECKING:
    import pandas

    from roskdbench.measuring.predictions import Predictions


@register("calibration")
class Calibration(Measure):
    """Calibration: ECE, Brier score, negative log-likelihood and reliability, before and after a temperature chosen on
    validation.
    """

    heading: ClassVar[str] = "calibration"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("ece", "ECE", higher_is_better=False),
        Column("brier", "Brier", higher_is_better=False),
        Column("nll", "NLL", higher_is_better=False),
        Column("temperature", "T", higher_is_better=None),
        Column("ece@scaled", "ECE at T", higher_is_better=False),
    )

    def evaluate(self, predictions: Predictions) -> Iterable[MetricValue]:
        """Metrics after the temperature end in "@scaled"."""
        from roskdbench.measuring import Row, values_of
        from roskdbench.measuring.calibration import calibration_rows, temperature

        tested, test = predictions.tested, predictions.logits["test"]
        known = tested.known()
        flags = {part: None if known is None else known[part] == 1 for part in ("validation", "test")}
        validation = predictions.logits["validation"]
        chosen = temperature(tested.task, tested.validation.targets, validation, flags["validation"])
        truth = tested.test.targets
        rows: list[Row] = calibration_rows(tested.task, truth, test, flags["test"], "")
        rows += calibration_rows(tested.task, truth, test / chosen, flags["test"], "@scaled")
        rows.append(("temperature", "", chosen, len(tested.validation)))
        return values_of(rows)

    def notes(self, numbers: pandas.DataFrame) -> list[str]:
        """What the columns are."""
        from roskdbench.measuring import BINS

        return [
            f"Calibration on the test part: ECE over {BINS} equal bins; Brier scores (single-label) sum over classes.",
            "T: the temperature that validation chose; ECE at T: after dividing logits by it.",
        ]
