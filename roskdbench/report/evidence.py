"""What the runs of a row say of it, and of its difference from another: values, draws, intervals.

A row's runs are its folds and seeds. Over folds differences are judged by Nadeau and Bengio's corrected t; else by
draws of the test set's groups and, where there are several, of the runs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.fingerprint import seed_for
from roskdbench.plan import Cell
from roskdbench.results import Results
from roskdbench.statistics.bootstrap import interval, over_runs
from roskdbench.statistics.comparison import Difference, holm_levels, over_folds, paired

LEVEL = 0.95

Key = tuple[object, ...]
Run = tuple[int, int]
"""A fold and a seed."""

Values = Mapping[Run, float]


class Evidence:
    """The draws behind the rows of an experiment, read from the store when they are asked for."""

    def __init__(self, results: Results, experiment: str, axes: Sequence[str]) -> None:
        self._results = results
        self.folds = results.plan.suite.experiments[experiment].folds
        self._cells: dict[Key, dict[Run, Cell]] = {}
        for cell in results.plan.cells:
            if cell.experiment == experiment:
                row = (cell.method, *(getattr(cell, axis) for axis in axes), cell.problem)
                self._cells.setdefault(row, {})[cell.fold, cell.seed] = cell

    def interval(self, row: Key, names: Sequence[str]) -> tuple[float, float] | None:
        """Where the mean over the row's runs lies. `names` are those a metric may be stored under."""
        draws = self._draws(row, self._cells.get(row, {}), names)
        return None if draws is None else interval(over_runs(draws, _seed(row)), LEVEL)

    def difference(
        self, one: Key, other: Key, values: Values, others: Values, names: Sequence[str], level: float = LEVEL
    ) -> Difference | None:
        """Of one row from another in the runs that both have."""
        runs = sorted(values.keys() & others.keys())
        if not runs:
            return None
        each = [values[run] - others[run] for run in runs]
        if self.folds > 1:
            return over_folds(each, 1 / (self.folds - 1), level) if len(each) > 1 else None
        draws, against = (self._draws(row, runs, names) for row in (one, other))
        if draws is None or against is None:
            return None
        return paired(float(np.mean(each)), over_runs(draws - against, _seed((*one, *other))), level)

    def corrected(
        self, one: Key, values: Values, rivals: Mapping[Key, Values], names: Sequence[str]
    ) -> dict[Key, Difference]:
        """Of one row from each of the others, with intervals as wide as Holm's steps over all of them ask for."""
        first = {row: self.difference(one, row, values, other, names) for row, other in rivals.items()}
        known = {row: found for row, found in first.items() if found is not None}
        levels = holm_levels([found.p for found in known.values()], LEVEL)
        return {
            row: self.difference(one, row, values, rivals[row], names, level) or known[row]
            for row, level in zip(known, levels, strict=True)
        }

    def _draws(self, row: Key, runs: Any, names: Sequence[str]) -> NDArray[np.float64] | None:
        cells = self._cells.get(row, {})
        found = [self._results.draws(cells[run].scores, names) for run in runs if run in cells]
        kept = [each for each in found if each is not None]
        return np.stack(kept).astype(np.float64) if kept and len(kept) == len(found) else None


def _seed(row: Key) -> int:
    return seed_for("over runs", *row)
