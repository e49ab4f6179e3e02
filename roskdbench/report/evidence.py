"""What the runs of a row say of it, and of its difference from another: values, draws, intervals.

A row's runs are its folds and seeds; seeds of one fold are one run. From three runs on methods are judged, by the t
over runs: corrected for the samples that splits or folds of one data set share, its variances moderated over the rows
of the table, and none taken for smaller than draws of the test set's groups make it. One or two runs say nothing of the
next: there the draws judge these very models. `benchmarks/differences.py` shows how often such claims are false, and
how often true ones are found.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roskdbench.plan import Cell
from roskdbench.results import Results
from roskdbench.statistics.comparison import (
    ALONE,
    FEWEST_RUNS,
    Difference,
    OverRuns,
    Prior,
    holm,
    holm_levels,
    over_runs,
    paired,
    prior_of,
)
from roskdbench.statistics.drawn_runs import DrawnRuns
from roskdbench.statistics.intervals import interval

LEVEL = 0.95

Key = tuple[object, ...]
Run = tuple[int, int]
"""A fold and a seed."""

Values = Mapping[Run, float]


class Source(NamedTuple):
    """Where the draws of a metric are: in the jobs of a measure, under one of these names."""

    measure: str
    names: tuple[str, ...]
    home: tuple[str, ...] = ()
    away: tuple[str, ...] = ()
    """Of a number from another problem's images, too, the draws of what each side moves it by."""
    away_is_one: bool = False
    """Whether that problem's images are the same in all runs."""


Judge = Callable[[float], Difference]
"""Gives a difference with its interval at any level."""


class Evidence:
    """The draws behind the rows of an experiment, read from the store when they are asked for."""

    def __init__(self, results: Results, experiment: str, axes: Sequence[str]) -> None:
        self._results = results
        suite = results.plan.suite
        self.folds = suite.experiments[experiment].folds
        self._split, self._problems = suite.protocol.split, suite.problems
        self._stacks: dict[tuple[Key, Source], tuple[list[Run], NDArray[np.float64]] | None] = {}
        self._cells: dict[Key, dict[Run, Cell]] = {}
        for cell in results.plan.cells:
            if cell.experiment == experiment:
                row = (cell.method, *(getattr(cell, axis) for axis in axes), cell.problem)
                self._cells.setdefault(row, {})[cell.fold, cell.seed] = cell

    def shared(self, row: Key) -> float:
        """The size of the test part over the training part's where the runs of a row have splits or folds of their own,
        of one data set; 0 where all have one test part.
        """
        own = self._split.per_seed and not self._problems[str(row[-1])].keeps_test_part
        return self._ratio if self.folds > 1 or own else 0.0

    @property
    def _ratio(self) -> float:
        """The size of a test part over the training part's."""
        if self.folds > 1:
            return (1 / self.folds) / (1 - 1 / self.folds - self._split.validation)
        return self._split.test / self._split.train

    def interval(self, row: Key, values: Values, source: Source) -> tuple[float, float] | None:
        """Where the mean over the row's runs lies. `source` says where the metric's draws are."""
        draws = self._draws(row, sorted(values), source)
        if draws is None:
            return None
        of_runs = self._of_runs(values)
        if len(of_runs) < FEWEST_RUNS:
            return interval(draws.whole.mean(0), LEVEL)
        _, low, high, _ = _over_runs(of_runs, draws, ALONE).difference(LEVEL)
        return (max(0.0, low), min(1.0, high)) if draws.is_share else (low, high)

    def difference(self, one: Key, other: Key, values: Values, others: Values, source: Source) -> Difference | None:
        """Of one row from another in the runs that both have."""
        judge = self.judge(one, other, values, others, source)
        return judge(LEVEL) if judge else None

    def corrected(
        self, one: Key, values: Values, rivals: Mapping[Key, Values], source: Source
    ) -> dict[Key, Difference]:
        """Of one row from each of the others; p-values and intervals are those of Holm's steps over all of them."""
        prior = self.prior(between(values, each) for each in rivals.values())
        judges = {row: self.judge(one, row, values, other, source, prior) for row, other in rivals.items()}
        return corrected(judges, holm_levels, holm)

    def prior(self, differences: Iterable[Values]) -> Prior:
        """What the differences of several rows from one say of the variance of each; of those over most runs."""
        every = [self._of_runs(each) for each in differences]
        most = max((len(each) for each in every), default=0)
        if most < FEWEST_RUNS:
            return ALONE
        return prior_of([each for each in every if len(each) == most])

    def judge(
        self, one: Key, other: Key, values: Values, others: Values, source: Source, prior: Prior = ALONE
    ) -> Judge | None:
        """The difference at any level; None where nothing can be said."""
        each = between(values, others)
        of_runs = self._of_runs(each)
        draws, against = (self._draws(row, sorted(each), source) for row in (one, other))
        if draws is None or against is None:
            return None
        if len(of_runs) >= FEWEST_RUNS:
            judge = _over_runs(of_runs, draws - against, prior).difference
            return partial(_as_far_as_shares_go, judge) if draws.is_share and against.is_share else judge
        return partial(paired, float(np.mean(list(each.values()))), (draws - against).whole.mean(0))

    def apart(self, runs: Iterable[Run]) -> list[list[Run]]:
        """Those together that count as one."""
        return self._split.runs_apart(runs, self.folds)

    def _of_runs(self, values: Values) -> list[float]:
        """A value for each run that counts."""
        return [float(np.mean([values[run] for run in runs])) for runs in self.apart(values)]

    def contrast(
        self, one: Key, other: Key | None, values: Values, others: Values | None, source: Source
    ) -> OverRuns | None:
        """A row's values, or their differences from another's, over runs; None of fewer than can be judged. Where the
        metric has no draws, nothing is known of what the test part's share of its error is, and it is left out.
        """
        each = between(values, others) if others is not None else dict(values)
        of_runs = self._of_runs(each)
        if len(of_runs) < FEWEST_RUNS:
            return None
        draws = self._draws(one, sorted(each), source)
        if draws is not None and other is not None:
            against = self._draws(other, sorted(each), source)
            draws = None if against is None else draws - against
        if draws is None:
            return over_runs(of_runs, self.shared(one))
        return _over_runs(of_runs, draws, ALONE)

    def runs(self, row: Key) -> set[Run]:
        """Those that are planned."""
        return set(self._cells.get(row, {}))

    def has_draws(self, row: Key, source: Source) -> bool:
        """Whether it is known of a row's metric how far the test part moves it."""
        return self._draws(row, sorted(self._cells.get(row, {})), source) is not None

    def same(self, one: Key, other: Key) -> bool:
        """Whether two rows are the same models: a method that does not know an axis has one for all of it."""
        cells = (self._cells.get(row, {}) for row in (one, other))
        first, second = ({run: cell.scores for run, cell in each.items()} for each in cells)
        return first == second

    def _draws(self, row: Key, runs: list[Run], source: Source) -> DrawnRuns | None:
        """Of these runs, each known to the row."""
        whole = self._drawn_apart(row, runs, source)
        if whole is None:
            return None
        sides = {source.home if source.away else source.names: not self.shared(row), source.away: source.away_is_one}
        same, apart = ([names for names, is_one in sides.items() if names and is_one == each] for each in (True, False))
        if not apart:
            return DrawnRuns(whole, common=whole)
        common = self._drawn_apart(row, runs, Source(source.measure, same[0])) if same else None
        return DrawnRuns(whole, common, self._ratio)

    def _drawn_apart(self, row: Key, runs: list[Run], source: Source) -> NDArray[np.float64] | None:
        """A line of draws for each run that counts. [R, D]"""
        place = (row, source)
        if place not in self._stacks:
            self._stacks[place] = self._stack(row, source)
        stack = self._stacks[place]
        if stack is None or not runs:
            return None
        known, draws = stack
        of = {run: draws[number] for number, run in enumerate(known)}
        return np.stack([np.mean([of[run] for run in together], axis=0) for together in self.apart(runs)])

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


def _over_runs(values: Sequence[float], draws: DrawnRuns, prior: Prior) -> OverRuns:
    """The t over runs, with what draws of test images say of the variance."""
    return over_runs(values, draws.shared, draws.of_common_images, draws.of_own_images, prior)


def _as_far_as_shares_go(judge: Judge, level: float) -> Difference:
    value, low, high, p = judge(level)
    return Difference(value, max(-1.0, low), min(1.0, high), p)


def between(values: Values, others: Values) -> dict[Run, float]:
    """The differences in the runs that both have."""
    return {run: values[run] - others[run] for run in sorted(values.keys() & others.keys())}


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
