"""Where each method stands on a board: its scores, its rank, and whom it is ahead of or behind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from roskdbench.fingerprint import seed_for
from roskdbench.plan.graph import AXES
from roskdbench.report.evidence import LEVEL, Key, Run
from roskdbench.report.layout import CLEAN, Layout, layout_of
from roskdbench.results import Results
from roskdbench.statistics.comparison import FEWEST_RUNS
from roskdbench.suite.experiments import EVERY_CELL

RESAMPLED = 2000
METRICS = ("f1", "auc")
"""By these methods are ranked and compared, where a board's tables show them."""


@dataclass(frozen=True)
class Standing:
    """A method among the others at one place of a board."""

    method: str
    registered: str
    family: str
    experiment: str
    problem: str
    place: tuple[tuple[str, str], ...]
    """Student, overlap and noise."""
    metric: str
    heading: str
    mean: float
    low: float | None
    high: float | None
    runs: int
    rank: float
    rank_low: float | None
    rank_high: float | None
    among: int
    wins: tuple[str, ...]
    losses: tuple[str, ...]
    unclear: int

    @property
    def noise(self) -> str:
        """The label noise that it learnt from."""
        return dict(self.place)["noise"]


def standings(results: Results) -> Iterator[Standing]:
    """Of every method, experiment, problem and place. Differences are judged by the same tests as in tables, with
    Holm's steps over the methods that one is compared with; those of fewer than three runs are of trained models and
    not of methods, and are left untold.
    """
    for experiment in results.plan.experiments:
        layout = layout_of(results, experiment, AXES)
        headings = {each.metric: each.heading for each in layout.columns[EVERY_CELL] if not each.group}
        for metric in (each for each in METRICS if each in headings):
            for problem in layout.problems:
                for place in dict.fromkeys(row[1:] for row, cells in layout.rows.items() if problem in cells):
                    yield from _at(layout, problem, place, metric, headings[metric])


def _at(layout: Layout, problem: str, place: Key, metric: str, heading: str) -> Iterator[Standing]:
    keys: dict[str, Key] = {method: (method, *place, problem) for method in layout.methods}
    values = {method: layout.values.get((*key, CLEAN, metric), {}) for method, key in keys.items()}
    values = {method: runs for method, runs in values.items() if runs}
    if not values:
        return
    source = layout.source(metric)
    ranks = _ranks(values, (problem, metric, *map(str, place)))
    cells = {cell.method: cell for cell in layout.cells}
    for method, runs in values.items():
        rivals = {keys[other]: each for other, each in values.items() if other != method}
        judged_over = len(layout.evidence.apart(runs))
        judged = layout.evidence.corrected(keys[method], runs, rivals, source) if judged_over >= FEWEST_RUNS else {}
        sure = {str(key[0]): each.value for key, each in judged.items() if each.sure}
        interval = layout.evidence.interval(keys[method], runs, source)
        rank, rank_low, rank_high = ranks[method]
        yield Standing(
            method=method,
            registered=cells[method].registered,
            family=cells[method].family,
            experiment=layout.experiment,
            problem=problem,
            place=tuple(zip(AXES, map(str, place), strict=True)),
            metric=metric,
            heading=heading,
            mean=float(np.mean(list(runs.values()))),
            low=None if interval is None else interval[0],
            high=None if interval is None else interval[1],
            runs=judged_over,
            rank=rank,
            rank_low=rank_low,
            rank_high=rank_high,
            among=len(values),
            wins=tuple(name for name, value in sure.items() if value > 0),
            losses=tuple(name for name, value in sure.items() if value < 0),
            unclear=len(rivals) - len(sure),
        )


def _ranks(
    values: Mapping[str, Mapping[Run, float]], purpose: Sequence[str]
) -> dict[str, tuple[float, float | None, float | None]]:
    """The rank of each method's mean, 1 the highest, and between which it lies where runs are drawn anew."""
    means = [float(np.mean(list(runs.values()))) for runs in values.values()]
    found = rankdata([-each for each in means])
    shared = sorted(set.intersection(*(set(runs) for runs in values.values())))
    if len(shared) < FEWEST_RUNS:
        return {method: (float(rank), None, None) for method, rank in zip(values, found, strict=True)}
    matrix = np.array([[runs[run] for run in shared] for runs in values.values()])
    random = np.random.default_rng(seed_for("ranks", *purpose))
    drawn = random.integers(0, len(shared), (RESAMPLED, len(shared)))
    ranks = rankdata(-matrix[:, drawn].mean(-1), axis=0)
    outside = (1 - LEVEL) / 2
    low, high = np.quantile(ranks, [outside, 1 - outside], axis=1)
    return {
        method: (float(rank), float(low[k]), float(high[k]))
        for k, (method, rank) in enumerate(zip(values, found, strict=True))
    }
