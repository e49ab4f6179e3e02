"""The tables of an experiment, each made from its layout and from what its measures declare."""

from collections.abc import Callable

from roskdbench.report.comparison_source import ComparisonSource
from roskdbench.report.table import Table
from roskdbench.report.tables.auc import auc_differences, auc_table
from roskdbench.report.tables.conditions import condition_tables
from roskdbench.report.tables.differences import comparison_table
from roskdbench.report.tables.perturbed import class_tables, curve_tables, perturbed_tables
from roskdbench.report.tables.scores import score_table
from roskdbench.results import Results

Maker = Callable[[Results, str, ComparisonSource | None], list[Table]]

TABLES: tuple[Maker, ...] = (
    lambda results, name, source: [score_table(results, name, source)],
    lambda results, name, source: _there(auc_table(results, name, source)),
    lambda results, name, source: _there(auc_differences(results, name)),
    lambda results, name, source: _there(comparison_table(results, name)),
    condition_tables,
    perturbed_tables,
    curve_tables,
    class_tables,
)
"""In the order of a report."""


def tables_of(results: Results, experiment: str, source: ComparisonSource | None = None) -> list[Table]:
    """The tables of an experiment: scores, AUC by class, differences between rows, groups and other
    hospitals, what perturbations cost, also by
    radius and class.
    """
    return [table for make in TABLES for table in make(results, experiment, source)]


def _there(table: Table | None) -> list[Table]:
    return [] if table is None else [table]
