"""The score table of an experiment: methods by problems, mean and spread over folds and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from roskdbench.errors import UserError, nearest
from roskdbench.report import paper
from roskdbench.results import Results
from roskdbench.suite import Suite

if TYPE_CHECKING:
    import pandas

METRICS = ("precision", "recall", "f1")
HEADINGS = {"precision": "P", "recall": "R", "f1": "F1", "auc": "AUC"}
CONFIDENCE = 0.95
AXES = ("student", "overlap", "noise")


@dataclass(frozen=True)
class Number:
    """A mean over runs. The spread is the sample standard deviation; None where there is one run."""

    mean: float
    spread: float | None
    runs: int
    best: bool = False


@dataclass(frozen=True)
class Column:
    """A column of numbers under its problem."""

    group: str
    heading: str
    printed: bool = False
    """Whether its numbers are the paper's."""


@dataclass
class Table:
    """What a format lays out. A cell is a number, a word such as "diverged", or None for nothing."""

    name: str
    title: str
    labels: list[str]
    columns: list[Column]
    rows: list[tuple[list[str], list[Number | str | None]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def score_table(results: Results, experiment: str, compare: str = "none") -> Table:
    """Precision, recall, F1 as the protocol averages them, and mean AUC; `compare="paper"` adds the paper's columns."""
    suite = results.plan.suite
    if experiment not in suite.experiments:
        raise UserError(f"the suite has no experiment '{experiment}'; {nearest(experiment, suite.experiments)}")
    cells = [cell for cell in results.plan.cells if cell.experiment == experiment]
    declared = suite.experiments[experiment]
    axes = [axis for axis in AXES if len({getattr(cell, axis) for cell in cells}) > 1]
    beside = compare == "paper" and declared.paper == "table1"
    problems = list(dict.fromkeys(cell.problem for cell in cells))
    columns = _columns(problems, beside)
    table = Table(experiment, declared.title or experiment, ["method", *axes], columns)
    rows = list(
        dict.fromkeys((cell.method, cell.registered, *(getattr(cell, axis) for axis in axes)) for cell in cells)
    )
    values = _values(results.frame, experiment, axes, suite)
    states = _states(results, experiment, axes)
    for title, registered, *place in rows:
        row: list[Number | str | None] = []
        for column in columns:
            metric = _metric(column.heading)
            if column.printed:
                printed = paper.table1(registered, column.group, metric)
                row.append(None if printed is None else Number(printed, None, 1))
                continue
            runs = values.get((title, *place, column.group, metric))
            state = states.get((title, *place, column.group))
            row.append(state or (_number(runs) if runs is not None else None))
        table.rows.append(([title, *(_text(value) for value in place)], row))
    _mark_best(table, rows, values)
    table.notes = _notes(results, experiment, beside)
    return table


def _columns(problems: Sequence[str], beside: bool) -> list[Column]:
    columns = []
    for problem in problems:
        for metric in (*METRICS, "auc"):
            columns.append(Column(problem, HEADINGS[metric]))
            if beside and metric in METRICS and paper.table1("ros-kd", problem, metric) is not None:
                columns.append(Column(problem, HEADINGS[metric], printed=True))
    return columns


def _metric(heading: str) -> str:
    return next(metric for metric, text in HEADINGS.items() if text == heading)


def shown_metric(suite: Suite, metric: str, task_suffix: bool) -> str:
    """The stored name of a metric as the protocol wants it shown."""
    if metric == "auc":
        return "auc-macro"
    return f"{metric}-{suite.protocol.average}" + (f"@{suite.protocol.threshold}" if task_suffix else "")


Key = tuple[object, ...]


def _values(
    frame: "pandas.DataFrame", experiment: str, axes: list[str], suite: Suite
) -> dict[Key, dict[tuple[int, int], float]]:
    """For each row, problem and metric the value of every (fold, seed)."""
    names: dict[str, str] = {}
    for metric in (*METRICS, "auc"):
        for suffix in (False, True):
            names[shown_metric(suite, metric, suffix)] = metric
    part = frame[(frame["experiment"] == experiment) & (frame["class"] == "") & frame["metric"].isin(list(names))]
    found: dict[Key, dict[tuple[int, int], float]] = {}
    keys = ["method", *axes, "problem", "metric", "fold", "seed", "value"]
    for *place, metric, fold, seed, value in part[keys].itertuples(index=False):
        found.setdefault((*place, names[metric]), {})[(fold, seed)] = value
    return found


def _states(results: Results, experiment: str, axes: list[str]) -> dict[Key, str]:
    """What stands in place of numbers where a run of the row has none."""
    found: dict[Key, str] = {}
    for gap in results.gaps:
        if gap.cell.experiment == experiment:
            key = (gap.cell.method, *(getattr(gap.cell, axis) for axis in axes), gap.cell.problem)
            found[key] = gap.state
    return found


def _number(runs: dict[tuple[int, int], float]) -> Number:
    values = np.array(list(runs.values()))
    return Number(float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None, len(values))


def _mark_best(table: Table, rows: list[Key], values: dict[Key, dict[tuple[int, int], float]]) -> None:
    """Mark the best of a column where it beats every other row beyond doubt: a paired t interval of the difference over
    folds and seeds that excludes zero. One run a row decides nothing.
    """
    for c, column in enumerate(table.columns):
        if column.printed:
            continue
        metric = _metric(column.heading)
        runs = [values.get((key[0], *key[2:], column.group, metric)) for key in rows]
        means = [row[c].mean if isinstance(row[c], Number) else -np.inf for _, row in table.rows]  # type: ignore[union-attr]
        first = int(np.argmax(means))
        rivals = [number for number, mean in enumerate(means) if number != first and mean > -np.inf]
        if rivals and all(_beats(runs[first], runs[number]) for number in rivals):
            best = table.rows[first][1][c]
            assert isinstance(best, Number)
            table.rows[first][1][c] = Number(best.mean, best.spread, best.runs, best=True)


def _beats(one: dict[tuple[int, int], float] | None, other: dict[tuple[int, int], float] | None) -> bool:
    if not one or not other:
        return False
    common = sorted(one.keys() & other.keys())
    differences = np.array([one[place] - other[place] for place in common])
    if len(differences) < 2:
        return False
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1) * error
    return bool(differences.mean() - reach > 0)


def _notes(results: Results, experiment: str, beside: bool) -> list[str]:
    suite = results.plan.suite
    declared = suite.experiments[experiment]
    runs = declared.folds * len(declared.seeds)
    notes = [f"Mean ± standard deviation over {runs} runs (folds x seeds)." if runs > 1 else "One run: no spread."]
    notes[0] += f" Averages over classes: {suite.protocol.average}."
    if runs > 1:
        notes.append("Bold: better than every other row by a paired 95 % interval over the runs; no bold is a tie.")
    problems = declared.problems or list(suite.problems)
    if any(suite.problems[problem].dataset == "phantom-chest" for problem in problems):
        thresholds = {"tuned": "tuned per class on validation", "half": "0.5"}[suite.protocol.threshold]
        notes.append(f"Multi-label thresholds: {thresholds}.")
    phantoms = [problem for problem in problems if suite.problems[problem].dataset.startswith("phantom")]
    if phantoms:
        drawn = f"{' and '.join(phantoms)} {'is a phantom' if len(phantoms) == 1 else 'are phantoms'}: drawn images."
        notes.append(f"{drawn} They do not tell how methods rank on patients.")
    for (problem, noise), rate in results.noise.items():
        if problem in problems and noise in declared.noise:
            asked = getattr(suite.problems[problem], "label_noise", None)
            notes.append(
                f"Training labels of {problem}: {rate:.1%} differ from the true ones ({noise} noise at {asked:g})."
            )
    if len(results.made_with) > 1:
        notes.append(f"Made with different libraries or devices: {'; '.join(results.made_with)}.")
    if beside:
        notes += [*paper.TABLE1_NOTES, *([paper.PHANTOM_NOTE] if phantoms else [])]
    for measure in declared.measures:
        if not measure.built:
            notes.append(f"The measure '{measure.measure}' is not built yet and left out.")
    for state in ("diverged", "failed", "missing"):
        gaps = [gap for gap in results.gaps if gap.cell.experiment == experiment and gap.state == state]
        if gaps:
            reasons = list(dict.fromkeys(gap.reason for gap in gaps))
            more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
            notes.append(f"{state}: {len(gaps)} cells. {reasons[0]}{more}")
    return notes


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
