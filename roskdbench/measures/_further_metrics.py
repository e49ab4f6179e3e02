"""What measures have in common that take registered metrics by name, besides columns of their own."""

from __future__ import annotations

from dataclasses import replace

from pydantic import PrivateAttr, ValidationInfo, model_validator

from roskdbench.source import together
from roskdbench.suite.measure import Column, Measure
from roskdbench.suite.plugged import registry_of


class FurtherMetrics(Measure):
    """A measure with metrics that a suite names."""

    metrics: list[str] = []
    """Metrics to have besides its own, such as specificity or sensitivity@spec95."""
    _statistics: list[Column] = PrivateAttr(default_factory=list)
    _further: list[Column] = PrivateAttr(default_factory=list)
    """As its tables have them: their draws are the measure's own."""

    @model_validator(mode="after")
    def _metrics_are_known(self, info: ValidationInfo) -> FurtherMetrics:
        found = [registry_of(info).find("metric", each).thing for each in self.metrics]
        twice = [each for each in self.metrics if self.metrics.count(each) > 1]
        if twice:
            raise ValueError(f"metrics names '{twice[0]}' twice")
        self._further = [replace(each, has_draws=each.resampled, statistic=None) for each in found]
        self._statistics = found
        return self

    def mentioned(self) -> set[tuple[str, str]]:
        """Itself and its metrics."""
        return super().mentioned() | {("metric", each) for each in self.metrics}

    def code(self) -> dict[str, str]:
        """That of its metrics, too."""
        return together(super().code(), *(column.code for column in self._statistics))
