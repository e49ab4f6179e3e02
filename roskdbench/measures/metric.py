"""`metric`: a metric on stored predictions as a measure of one column. Suites name metrics under `shown`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import PrivateAttr, ValidationInfo, model_validator

from roskdbench.plugins import register
from roskdbench.suite.measure import Column, Measure
from roskdbench.suite.plugged import registry_of

if TYPE_CHECKING:
    from roskdbench.suite.protocol import Protocol


@register("metric")
class MetricMeasure(Measure):
    """Metric: one of the registered metrics, by its name."""

    metric: str
    """The name that it is registered under."""
    _column: Column = PrivateAttr()

    @model_validator(mode="after")
    def _is_known(self, info: ValidationInfo) -> MetricMeasure:
        self._column = registry_of(info).find("metric", self.metric).thing
        return self

    @property
    def column(self) -> Column:
        """How it is computed and shown."""
        return self._column

    def stored_names(self, protocol: Protocol) -> dict[str, list[str]]:
        """Its own."""
        return {self.metric: [self.metric]}

    def table_columns(self, protocol: Protocol, shown: Sequence[str]) -> Sequence[Column]:
        """The one."""
        return [self._column]

    @property
    def result_name(self) -> str:
        """The metric's name."""
        return self.metric

    def mentioned(self) -> set[tuple[str, str]]:
        """Itself and the metric."""
        return super().mentioned() | {("metric", self.metric)}

    def code(self) -> dict[str, str]:
        """That of the metric's function."""
        return self._column.code

    def statistics(self) -> Sequence[Column]:
        """The one."""
        return [self._column]
