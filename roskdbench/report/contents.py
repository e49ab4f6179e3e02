"""Which tables a report has, and what may stand beside their numbers."""

from pathlib import Path
from typing import NamedTuple

from roskdbench.errors import UserError
from roskdbench.plan import Cell
from roskdbench.plan.graph import AXES
from roskdbench.report.comparison_source import ComparisonSource
from roskdbench.report.layout import Condition, layout_of, number_of
from roskdbench.report.paper import Paper
from roskdbench.report.table import Estimate, Table
from roskdbench.report.tables import Maker, tables_of
from roskdbench.report.tables.auc import auc_table
from roskdbench.report.tables.claims import claims_table
from roskdbench.report.tables.perturbed import perturbed_tables
from roskdbench.report.tables.scores import score_table
from roskdbench.results import Results, find_run
from roskdbench.store import Store

__all__ = ["NUMERALS", "Contents", "claims_table", "comparison_source", "contents_of", "paper_table", "tables_of"]

NUMERALS = {"I": "table1", "II": "table2", "III": "table3"}

PAPER_TABLES: dict[str, Maker] = {
    "table1": lambda results, name, source: [score_table(results, name, source)],
    "table2": perturbed_tables,
    "table3": lambda results, name, source: [table for table in [auc_table(results, name, source)] if table],
}


class Contents(NamedTuple):
    """All tables of a report."""

    whole: list[Table]
    """Of the suite as a whole: its claims, if it has any."""
    by_experiment: list[tuple[str, list[Table]]]

    @property
    def every(self) -> list[Table]:
        """In the order of a report."""
        return [*self.whole, *(table for _, tables in self.by_experiment for table in tables)]


def contents_of(results: Results, source: ComparisonSource | None = None) -> Contents:
    """The tables of a report."""
    claims = claims_table(results)
    by_experiment = [(each, tables_of(results, each, source)) for each in results.plan.experiments]
    return Contents([] if claims is None else [claims], by_experiment)


def paper_table(results: Results, numeral: str, source: ComparisonSource | None = None) -> list[Table]:
    """The table of the paper that a numeral names, for each experiment that repeats it."""
    wanted = NUMERALS.get(numeral.upper())
    if wanted is None:
        raise UserError(f"the paper has no Table {numeral}; it has {', '.join(NUMERALS)}")
    make: Maker = PAPER_TABLES[wanted]
    declared = results.plan.suite.experiments
    repeating = [name for name in results.plan.experiments if declared[name].paper == wanted]
    if not repeating:
        known = {declared[name].paper for name in results.plan.experiments}
        there = [each for each, name in NUMERALS.items() if name in known]
        hint = f"it repeats Table {' and '.join(there)}" if there else "none of its experiments says `paper:`"
        raise UserError(f"the run {results.name} repeats no Table {numeral.upper()}; {hint}")
    return [table for name in repeating for table in make(results, name, source)]


def comparison_source(
    compare: str, results: Results, store: Store, folders: tuple[Path, ...] = ()
) -> ComparisonSource | None:
    """What `--compare` names: nothing, the paper, or another run or suite in the store."""
    if compare == "none":
        return None
    if compare == "paper":
        return Paper(results)
    return OtherRun(find_run(compare, store, (), folders))


class OtherRun:
    """The numbers of another run, for cells of the same experiment, problem, method, student, overlap and noise."""

    def __init__(self, results: Results) -> None:
        self.source, self._results = results.name, results

    def number(self, cell: Cell, condition: Condition, metric: str, label: str = "") -> Estimate | None:
        """The mean over the other run's folds and seeds, where all of them have a number."""
        if label:
            return None
        if cell.experiment not in self._results.plan.experiments:
            return None
        layout = layout_of(self._results, cell.experiment, AXES)
        return number_of(layout.whole(layout.row(cell), cell.problem, condition, metric))

    def notes(self, results: Results, experiment: str) -> list[str]:
        """Where the columns come from."""
        runs = self._results.plan.suite.experiments.get(experiment)
        count = runs.folds * len(runs.seeds) if runs else 0
        return [f"Beside each number: the run {self.source}, mean over {count} runs."]
