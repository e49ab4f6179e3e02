"""Two rows of a run's tables against each other, wherever both stand."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from roskdbench.errors import UserError, nearest
from roskdbench.plan.graph import AXES
from roskdbench.report.layout import Condition, Layout, layout_of
from roskdbench.report.tables.differences import compared_columns
from roskdbench.results import Results

if TYPE_CHECKING:
    import pandas

COLUMNS = (  # `of`: what a metric is of that is also measured otherwise, such as corrected labels; else empty
    "experiment",
    "problem",
    "student",
    "overlap",
    "noise",
    "metric",
    "of",
    "difference",
    "low",
    "high",
    "p",
    "sure",
)


def compared_rows(results: Results, one: str, other: str) -> "pandas.DataFrame":
    """How far one method, by name or title, is from another in every compared metric. Each difference is judged by
    itself: whoever looks at several has to correct for that.
    """
    import pandas

    titles = {name: _titles(results, name) for name in (one, other)}
    if len(titles[one] | titles[other]) == 1:
        raise UserError(f"'{one}' and '{other}' are one row; name two")
    found = [
        (experiment, *each)
        for experiment in results.plan.experiments
        for each in _differences(layout_of(results, experiment, AXES), titles[one], titles[other])
    ]
    return pandas.DataFrame(found, columns=list(COLUMNS))


def _titles(results: Results, method: str) -> set[str]:
    """Of the rows that a method has."""
    found = {cell.method for cell in results.plan.cells if method in (cell.method, cell.registered)}
    if not found:
        known = {cell.registered or cell.method for cell in results.plan.cells}
        raise UserError(f"the run has no method '{method}'; {nearest(method, known)}")
    return found


def _differences(layout: Layout, ones: set[str], others: set[str]) -> Iterator[tuple[Any, ...]]:
    for problem, measure, column in compared_columns(layout):
        condition = Condition(measure, facts=column.facts)
        source = layout.source(column.metric, measure, column.facts)
        for method, *place in layout.rows:
            for title in sorted(others - {method}) if method in ones else ():
                own, its = (method, *place, problem), (title, *place, problem)
                mine, theirs = (layout.values.get((*key, condition, column.metric), {}) for key in (own, its))
                found = layout.evidence.difference(own, its, mine, theirs, source) if mine and theirs else None
                if found is not None:
                    yield problem, *place, column.metric, column.group, *found, found.sure
