"""What the runs of a row say of it, and of its difference from another: values, draws, intervals.

A row's runs are its folds and seeds. Over folds differences are judged by Nadeau and Bengio's corrected t. Else by
draws of the test set's groups and of the runs; where there are several runs, the t over them has to agree, for draws of
a few runs cannot tell how far the next one may lie.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roskdbench.plan import Cell
from roskdbench.results import Results
from roskdbench.statistics.comparison import Difference, agreed, holm, holm_levels, over_folds, over_seeds, paired
from roskdbench.statistics.intervals import interval, over_runs

LEVEL = 0.95

Key = tuple[object, ...]
Run = tuple[int, int]
"""A fold and a seed."""

Values = Mapping[Run, float]


class Source(NamedTuple):
    """Where the draws of a metric are: in the jobs of a measure, under one of these names."""

    measure: str
    names: tuple[str, ...]


Judge = Callable[[float], Difference]
"""Gives a difference with its interval at any level."""


class Evidence:
    """The draws behind the rows of an experiment, read from the store when they are asked for."""

    def __init__(self, results: Results, experiment: str, axes: Sequence[str]) -> None:
        self._results = results
        self.folds = results.plan.suite.experiments[experiment].folds
        validation = results.plan.suite.protocol.split.validation
        self._test_share = (1 / self.folds) / (1 - 1 / self.folds - validation) if self.folds > 1 else 0.0
        self._stacks: dict[tuple[Key, Source], tuple[list[Run], NDArray[np.float64]] | None] = {}
        self._cells: dict[Key, dict[Run, Cell]] = {}
        for cell in results.plan.cells:
            if cell.experiment == experiment:
                row = (cell.method, *(getattr(cell, axis) for axis in axes), cell.problem)
                self._cells.setdefault(row, {})[cell.fold, cell.seed] = cell

    def interval(self, row: Key, values: Values, source: Source) -> tuple[float, float] | None:
        """Where the mean over the row's runs lies. `source` says where the metric's draws are."""
        draws = self._draws(row, sorted(values), source)
        if draws is None:
            return None
        low, high = interval(over_runs(draws), LEVEL)
        between = self._between(values)
        if between:
            _, lower, higher, _ = between(LEVEL)
            low, high = max(0.0, min(low, lower)), min(1.0, max(high, higher))
        return low, high

    def difference(self, one: Key, other: Key, values: Values, others: Values, source: Source) -> Difference | None:
        """Of one row from another in the runs that both have."""
        judge = self.judge(one, other, values, others, source)
        return judge(LEVEL) if judge else None

    def corrected(
        self, one: Key, values: Values, rivals: Mapping[Key, Values], source: Source
    ) -> dict[Key, Difference]:
        """Of one row from each of the others; p-values and intervals are those of Holm's steps over all of them."""
        judges = {row: self.judge(one, row, values, other, source) for row, other in rivals.items()}
        return corrected(judges, holm_levels, holm)

    def judge(self, one: Key, other: Key, values: Values, others: Values, source: Source) -> Judge | None:
        """The difference at any level; None where nothing can be said."""
        runs = sorted(values.keys() & others.keys())
        each = {run: values[run] - others[run] for run in runs}
        between = self._between(each)
        if self.folds > 1:
            return between
        draws, against = (self._draws(row, runs, source) for row in (one, other))
        if draws is None or against is None:
            return None
        drawn = partial(paired, float(np.mean(list(each.values()))), over_runs(draws - against))
        return partial(_agreed, drawn, between) if between else drawn

    def _between(self, values: Values) -> Judge | None:
        """The mean by the t over runs; None where there is one."""
        if self.folds > 1:
            # Seeds of one fold share its test part: their mean is one value.
            folds = [
                float(np.mean([value for (where, _), value in values.items() if where == fold]))
                for fold in sorted({fold for fold, _ in values})
            ]
            return partial(over_folds, folds, self._test_share) if len(folds) > 1 else None
        return partial(over_seeds, [values[run] for run in sorted(values)]) if len(values) > 1 else None

    def same(self, one: Key, other: Key) -> bool:
        """Whether two rows are the same models: a method that does not know an axis has one for all of it."""
        cells = (self._cells.get(row, {}) for row in (one, other))
        first, second = ({run: cell.scores for run, cell in each.items()} for each in cells)
        return first == second

    def _draws(self, row: Key, runs: list[Run], source: Source) -> NDArray[np.float64] | None:
        """Of these runs, each known to the row. [R, D]"""
        place = (row, source)
        if place not in self._stacks:
            self._stacks[place] = self._stack(row, source)
        stack = self._stacks[place]
        if stack is None or not runs:
            return None
        known, draws = stack
        return draws if known == runs else draws[[known.index(run) for run in runs]]

    def _stack(self, row: Key, source: Source) -> tuple[list[Run], NDArray[np.float64]] | None:
        """All runs of a row; None where one has no draws."""
        cells = self._cells.get(row, {})
        runs = sorted(cells)
        found = [self._drawn(cells[run], source) for run in runs]
        kept = [each for each in found if each is not None]
        return (runs, np.stack(kept).astype(np.float64)) if kept and len(kept) == len(runs) else None

    def _drawn(self, cell: Cell, source: Source) -> NDArray[np.floating] | None:
        jobs = (each.fingerprint for each in cell.measurements if each.measure == source.measure)
        return next((draws for job in jobs if (draws := self._results.draws(job, source.names)) is not None), None)


def _agreed(one: Judge, other: Judge, level: float) -> Difference:
    """Both ways, as far as a difference of scores can reach."""
    value, low, high, p = agreed(one(level), other(level))
    return Difference(value, max(-1.0, low), min(1.0, high), p)


def corrected(
    judges: Mapping[Key, Judge | None],
    levels_of: Callable[[Sequence[float], float], list[float]],
    adjust: Callable[[Sequence[float]], list[float]],
) -> dict[Key, Difference]:
    """The differences that can be judged, with p-values and intervals corrected for how many there are."""
    known = {question: judge for question, judge in judges.items() if judge}
    p_values = [judge(LEVEL).p for judge in known.values()]
    levels, adjusted = levels_of(p_values, LEVEL), adjust(p_values)
    return {
        question: judge(level)._replace(p=p)
        for (question, judge), level, p in zip(known.items(), levels, adjusted, strict=True)
    }
