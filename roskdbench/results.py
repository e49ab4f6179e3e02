"""Results: the tidy frame, one row a number, from which everything shown is derived; and the cells that have none."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from roskdbench.artifact import DamagedArtifactError
from roskdbench.errors import UserError, nearest
from roskdbench.foreign import json_of
from roskdbench.plan import Cell, Plan, fingerprints_of, plan
from roskdbench.plugins import discover
from roskdbench.run_facts import (
    all_made_with,
    realised_noise,
    sizes_of_test_parts,
    training_seconds,
    weights_from_files,
)
from roskdbench.runs import Stated, last_located, planned_again, reasons_in, run_name, runs, stated_in
from roskdbench.statistics.draws_file import FILE as DRAWS
from roskdbench.statistics.draws_file import read_draws
from roskdbench.store import Store
from roskdbench.suite import find_suite, read_suite
from roskdbench.suite.experiments import EVERY_CELL
from roskdbench.values import Facts, from_blocks

if TYPE_CHECKING:
    import numpy.typing
    import pandas

Drawn = Callable[[str], "Mapping[str, numpy.typing.NDArray[Any]]"]
GRID = ("experiment", "problem", "method", "student", "overlap", "noise", "fold", "seed")
WHAT = ("measure", "subject", "member")
FACTS = Facts._fields
NUMBER = ("metric", "class", "value", "n")
COLUMNS = (*GRID, *WHAT, *FACTS, *NUMBER, "fingerprint")
"""Of the frame. `member` numbers teachers from 1 on; a fact that does not apply is empty, or NaN."""


def grid_key(cell: Cell) -> tuple[Any, ...]:
    """Where a cell's numbers stand: the first columns of its rows."""
    return tuple(getattr(cell, name) for name in GRID)


@dataclass(frozen=True)
class Gap:
    """A cell that lacks numbers, and why."""

    cell: Cell
    state: Literal["diverged", "failed", "missing"]
    reason: str
    without: tuple[str, ...] = (EVERY_CELL,)
    """The measures that it has no numbers of. Where scores are among them it has none at all."""


@dataclass
class Results:
    """What a run has found so far."""

    plan: Plan
    frame: "pandas.DataFrame"
    gaps: list[Gap]
    reasons: dict[str, str] = field(default_factory=dict)
    made_with: list[str] = field(default_factory=list)
    """The devices and library versions that the trainings behind the numbers were made with."""
    noise: dict[tuple[str, str, str], float] = field(default_factory=dict)
    """The share of training labels that are wrong, by experiment, problem and noise, as it came out."""
    drawn: Drawn = lambda fingerprint: {}
    """The bootstrap draws of a job, by metric."""
    test_sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of each problem how many images its test part has, and of how many patients or lesions; of the first split."""
    seconds: dict[str, float] = field(default_factory=dict)
    """What the trainings and banks behind a cell's scores took, by the scores' fingerprint, where tables ask for it."""
    stated: dict[str, Stated] = field(default_factory=dict)
    """Of each claim that the run's record knows, as what and since when."""
    begun_with: list[str] = field(default_factory=list)
    """Which networks begin with weights from elsewhere, or are such; a line each."""
    _made: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What follows from these results, made when it is first asked for."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def draws(self, fingerprint: str, names: Iterable[str]) -> "numpy.typing.NDArray[Any] | None":
        """The bootstrap draws of the first of these metrics that a job has; None if it has none."""
        kept = self.once(("draws", fingerprint), lambda: self.drawn(fingerprint))
        return next((kept[name] for name in names if name in kept), None)

    @property
    def remarks(self) -> dict[str, str]:
        """What is to be known of a problem's data, such as how many images could not be read."""
        contents = {name: located.content for name, located in self.plan.located.items()}
        return {name: content.remark for name, content in contents.items() if content.remark}

    @property
    def name(self) -> str:
        """The run's name."""
        return run_name(self.plan)


def only(results: Results, experiments: Iterable[str]) -> Results:
    """The results of some experiments; all of them if none is named."""
    chosen = list(experiments)
    for name in chosen:
        if name not in results.plan.experiments:
            raise UserError(f"the run has no experiment '{name}'; {nearest(name, results.plan.experiments)}")
    if not chosen:
        return results
    cells = [cell for cell in results.plan.cells if cell.experiment in chosen]
    return replace(
        results,
        plan=replace(results.plan, cells=cells),
        frame=results.frame[results.frame["experiment"].isin(chosen)],
        gaps=[gap for gap in results.gaps if gap.cell.experiment in chosen],
    )


Numbers = list[tuple[Facts, list[list[Any]]]]


def collect(plan: Plan, store: Store, reasons: dict[str, str] | None = None, record: Path | None = None) -> Results:
    """The numbers of a plan's cells that are in the store. `reasons` tells of jobs that failed, `record` of claims."""
    reasons = reasons or {}
    blocks: list[tuple[tuple[Any, ...], list[list[Any]]]] = []
    gaps: list[Gap] = []
    found: dict[str, Numbers | None] = {}
    damaged: dict[str, str] = {}
    for cell in plan.cells:
        for fingerprint in fingerprints_of(cell):
            if fingerprint not in found:
                found[fingerprint] = _numbers(store, fingerprint, damaged)
        lost = [each.fingerprint for each in cell.measurements if found[each.fingerprint] is None]
        if lost:
            gaps.append(_gap(cell, lost, plan, store, reasons, damaged))
        if cell.scores in lost:
            continue
        where = grid_key(cell)
        for each in cell.measurements:
            what = (each.measure, each.subject, each.member)
            for facts, rows in found[each.fingerprint] or ():
                blocks.append(((*where, *what, *facts, each.fingerprint), rows))
    return Results(
        plan,
        frame_of(blocks),
        gaps,
        reasons,
        all_made_with(plan, store),
        realised_noise(plan, store),
        lambda fingerprint: _draws(store, fingerprint),
        sizes_of_test_parts(plan, store),
        training_seconds(plan, store),
        stated_in(record or store.root / "runs" / f"{run_name(plan)}.json"),
        weights_from_files(plan, store),
    )


def frame_of(blocks: Sequence[tuple[tuple[Any, ...], list[list[Any]]]]) -> "pandas.DataFrame":
    """Numbers as one table; each block has what its rows have in common, and the rows as jobs keep them."""
    import pandas

    heads = pandas.DataFrame([head for head, _ in blocks], columns=[*GRID, *WHAT, *FACTS, "fingerprint"])
    repeated = [number for number, (_, rows) in enumerate(blocks) for _ in rows]
    metric, label, value, count = zip(*(row for _, rows in blocks for row in rows), strict=True) if blocks else [()] * 4
    frame = heads.take(repeated).reset_index(drop=True)
    frame["metric"], frame["class"] = list(metric), list(label)
    frame["value"], frame["n"] = (
        pandas.array(value, dtype="Float64").to_numpy(float, na_value=float("nan")),
        list(count),
    )
    return typed(frame[list(COLUMNS)])


def typed(frame: "pandas.DataFrame") -> "pandas.DataFrame":
    """Columns of numbers as numbers, also where all of them are empty."""
    for name in ("value", "radius", "severity", "steps", "step", "restarts", "overlap"):
        frame[name] = frame[name].astype(float)
    for name in ("fold", "seed", "member", "n"):
        frame[name] = frame[name].astype(int)
    return frame


def _numbers(store: Store, fingerprint: str, damaged: dict[str, str]) -> Numbers | None:
    if not store.path(fingerprint).exists():
        return None
    try:
        return store.read(fingerprint, "numbers.json", lambda path: from_blocks(json_of(path)))
    except DamagedArtifactError as error:
        damaged[fingerprint] = f"{error}; run the suite again"
        return None


def _draws(store: Store, fingerprint: str) -> "Mapping[str, numpy.typing.NDArray[Any]]":
    """Those that were kept."""
    if not (store.path(fingerprint) / DRAWS).is_file():
        return {}
    try:
        return store.read(fingerprint, DRAWS, read_draws)
    except DamagedArtifactError as error:
        raise UserError(f"{error}; run the suite again, then report") from None


def _gap(
    cell: Cell, lost: list[str], plan: Plan, store: Store, reasons: dict[str, str], damaged: dict[str, str]
) -> Gap:
    """Why a cell lacks the numbers of some jobs: something they rest on diverged, failed, or was not run."""
    names = {each.fingerprint: each.measure for each in cell.measurements}
    without = tuple(dict.fromkeys(names[each] for each in lost))
    waiting, seen = list(lost), set()
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        if reason := store.diverged(each):
            return Gap(cell, "diverged", f"{plan.jobs[each].label}: {reason}", without)
        waiting.extend(plan.jobs[each].inputs.values())
    if failed := seen & reasons.keys():
        first = next(each for each in plan.jobs if each in failed)
        return Gap(cell, "failed", f"{plan.jobs[first].label}: {reasons[first]}", without)
    reason = next((damaged[each] for each in seen if each in damaged), "it has not been run")
    return Gap(cell, "missing", reason, without)


def find_run(name: str | None, store: Store, settings: tuple[str, ...], folders: tuple[Path, ...]) -> Results:
    """The results of a suite (by file or bundled name), of a run (by its name), or of the latest run."""
    by_name = runs(store)
    if not by_name and not store.root.is_dir():
        raise UserError(f"there is no store at {store.root}; run a suite first, or name the store with --store DIR")
    if name is None and not by_name:
        raise UserError(f"nothing has been run in the store {store.root}; try: roskdbench run quick")
    if name is None or name in by_name:
        if settings:
            raise UserError("a run knows its settings; --set is for a suite's name or file")
        return _of_record([*by_name.values()][-1] if name is None else by_name[name], store, folders)
    try:
        find_suite(name)
    except UserError as error:
        if (own := [each for each in by_name if each.rpartition("-")[0] == name]) and not settings:
            return _of_record(by_name[own[-1]], store, folders)
        raise UserError(f"no run and no suite '{name}'; {nearest(name, by_name)}" if by_name else str(error)) from None
    registry = discover(folders)
    suite = read_suite(name, settings, registry)
    planned = plan(suite, registry, located=last_located(suite, store))
    reasons: dict[str, str] = {}
    for path in by_name.values():  # whichever run a job failed in, the reason is the job's
        reasons |= reasons_in(path)
    results = collect(planned, store, reasons)
    others = [each for each in by_name if each.rpartition("-")[0] == planned.suite.suite]
    if results.frame.empty and run_name(planned) not in by_name:
        hint = f"; runs of it with other settings: {', '.join(others)}" if others else f"; try: roskdbench run {name}"
        raise UserError(f"nothing of the suite '{name}' as it stands is in the store {store.root}{hint}")
    return results


def _of_record(path: Path, store: Store, folders: tuple[Path, ...]) -> Results:
    return collect(planned_again(path, discover(folders)), store, reasons_in(path), path)
