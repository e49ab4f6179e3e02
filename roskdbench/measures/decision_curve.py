"""`decision-curve`: what a model is worth to somebody who acts from a given probability on, against acting always."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from roskdbench.plugins import register
from roskdbench.suite.measure import Column, Measure
from roskdbench.values import MetricValue

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from numpy.typing import NDArray

    from roskdbench.measuring.predictions import Predictions
    from roskdbench.suite.protocol import Protocol

MODEL, ALL = "net-benefit", "treat-all"
PREVALENCE = "prevalence"
SHOWN = (0.1, 0.2)


def at(metric: str, threshold: float, scaled: bool = False) -> str:
    """What a number at a threshold probability is called, as the model gives it or scaled."""
    return f"{metric}@{threshold:g}{'@scaled' if scaled else ''}"


def columns_at(thresholds: Sequence[float], scaled: bool = False) -> tuple[Column, ...]:
    """The model's net benefit at each threshold beside that of treating all."""
    end = ", scaled" if scaled else ""
    return tuple(
        column
        for each in thresholds
        for column in (
            Column(at(MODEL, each, scaled), f"NB at {each:g}{end}", has_draws=True),
            Column(at(ALL, each), f"all at {each:g}", higher_is_better=None),
        )
    )


@register("decision-curve")
class DecisionCurve(Measure):
    """Decision curve: net benefit by the probability from which one acts, against treating all and treating nobody."""

    heading: ClassVar[str] = "net benefit"
    columns: ClassVar[tuple[Column, ...]] = columns_at(SHOWN)

    thresholds: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)] = list(SHOWN)
    """The threshold probabilities that tables show. Curves always go from .01 to .5."""
    scaled: bool = False
    """Whether logits are first divided by the temperature that validation chooses."""

    @model_validator(mode="after")
    def _thresholds_differ(self) -> Self:
        """Two of one name would be one in every table."""
        names = [f"{each:g}" for each in self.thresholds]
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise ValueError(f"thresholds names {twice[0]} twice")
        return self

    @property
    def shown(self) -> Sequence[Column]:
        """Its columns with these settings."""
        return columns_at(self.thresholds, self.scaled)

    def stored_names(self, protocol: Protocol) -> dict[str, list[str]]:
        """As its columns are called."""
        return {column.metric: [column.metric] for column in self.shown}

    def table_columns(self, protocol: Protocol, shown: Sequence[str]) -> Sequence[Column]:
        """The model and treating all, at each threshold."""
        return self.shown

    def evaluate(self, predictions: Predictions) -> Iterator[MetricValue]:
        """Of each class and in the mean: the model at every threshold of the curve and of tables, treating all at those
        of tables, and the prevalence, from which treating all follows at any other.
        """
        from roskdbench.measuring.decision_curve import CURVE, benefit_at, benefit_of_all_at

        scaled = self._scaled(predictions)
        everywhere = {at(MODEL, each, self.scaled): each for each in (*CURVE, *self.thresholds)}
        for name, each in everywhere.items():
            yield from scaled.statistic(Column(name, "", statistic=benefit_at(each)))
        for each in self.thresholds:
            yield from scaled.statistic(Column(at(ALL, each), "", statistic=benefit_of_all_at(each)))
        yield from scaled.statistic(Column(PREVALENCE, "", statistic=_prevalence))

    def draws(self, predictions: Predictions, seed: int) -> Mapping[str, NDArray[np.floating[Any]]]:
        """Of the model at the thresholds that tables show; the temperature stays what validation made it."""
        from roskdbench.measuring.decision_curve import benefit_at
        from roskdbench.statistics.bootstrap import statistic_draws

        columns = [Column(at(MODEL, each, self.scaled), "", statistic=benefit_at(each)) for each in self.thresholds]
        return statistic_draws(columns, self._scaled(predictions), seed)

    def _scaled(self, predictions: Predictions) -> Predictions:
        if not self.scaled:
            return predictions
        from roskdbench.measuring.calibration import temperature

        tested, logits = predictions.tested, predictions.logits
        known = tested.known()
        counted = None if known is None else known["validation"] == 1
        chosen = temperature(tested.task, tested.validation.targets, logits["validation"], counted)
        return replace(predictions, logits={part: each / chosen for part, each in logits.items()})

    def notes(self, numbers: pandas.DataFrame) -> list[str]:
        """What the columns are."""
        said = "logits divided by the temperature that validation chose" if self.scaled else "as the model gives them"
        return [
            "Net benefit (Vickers and Elkin 2006) of acting from a probability p on: the share of images acted on "
            "rightly, less p / (1 - p) times the share acted on wrongly; mean over classes. all: of acting on every "
            f"image; of acting on none it is 0. Probabilities: {said}."
        ]


def _prevalence(truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any]) -> float | None:
    """The share of samples that has the class."""
    return float(truth.mean()) if len(truth) else None
