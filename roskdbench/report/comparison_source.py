"""Whose numbers may stand beside the measured ones: the paper's, or another run's."""

from typing import Protocol

from roskdbench.plan import Cell
from roskdbench.report.layout import Condition
from roskdbench.report.table import Estimate
from roskdbench.results import Results


class ComparisonSource(Protocol):
    """Numbers from elsewhere for the cells of a run."""

    @property
    def source(self) -> str:
        """Whose they are, for headings."""

    def number(self, cell: Cell, condition: Condition, metric: str, label: str = "") -> Estimate | None:
        """The number for a cell's row, if there is one. `metric` is precision, recall, f1 or auc; `label` a class."""

    def notes(self, results: Results, experiment: str) -> list[str]:
        """What a reader must know who compares."""
