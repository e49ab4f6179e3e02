"""A report format: one declared function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roskdbench.plugins import keep
from roskdbench.report.table import Table
from roskdbench.results import Results

Writer = Callable[[Sequence[Table], Results], str | bytes]


@dataclass(frozen=True)
class ReportFormat:
    """What `report --format NAME` prints, and the file that `--out` writes it to."""

    name: str
    write: Writer
    file: str
    """Its name in a report's folder; none is written if empty."""


def report_format(name: str, file: str = "") -> Callable[[Writer], Writer]:
    """Make a function known as a format: `@report_format("org", file="tables.org")` above `def org(tables, results)`,
    which returns the text, or bytes. Equal tables have to give the same, with no clock and no path in it.
    """

    def take(function: Writer) -> Writer:
        keep("format", name, ReportFormat(name, function, file), function.__module__)
        return function

    return take
