"""What a table is, before a format lays it out."""

from dataclasses import dataclass, field

from roskdbench.statistics.comparison import Difference


@dataclass(frozen=True)
class Estimate:
    """A mean over runs. The spread is the sample standard deviation; None where there is one run."""

    mean: float
    spread: float | None
    runs: int
    best: bool = False
    low: float | None = None
    high: float | None = None
    """Between which it lies, at 95 %, where that is known."""


@dataclass(frozen=True)
class Word:
    """Something said in a cell that is no trouble."""

    text: str
    good: bool | None = None
    """Whether it is good or bad news; None where it is neither."""


Value = Estimate | Difference | Word | str | None
"""What a cell of a table holds: a number, a difference, a word, a trouble such as "diverged", or nothing."""


@dataclass(frozen=True)
class TableColumn:
    """A column of numbers: one metric on one problem."""

    problem: str
    metric: str
    heading: str
    under: str = ""
    """What stands above it after the problem's name, such as calibration."""
    source: str = ""
    """Whose numbers they are: the paper's, another run's; this run's if empty."""

    @property
    def group(self) -> str:
        """What stands above it."""
        return f"{self.problem}, {self.under}" if self.under else self.problem


@dataclass
class Table:
    """What a format lays out."""

    name: str
    title: str
    labels: list[str]
    columns: list[TableColumn]
    rows: list[tuple[list[str], list[Value]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        from roskdbench.report.formats.markdown import markdown

        return markdown([self])

    def _repr_html_(self) -> str:
        from roskdbench.report.formats.notebook import html

        return html(self)
