"""Results: the tidy frame, one row a number, from which everything shown is derived; and the cells that have none."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from roskdbench.errors import UserError, nearest
from roskdbench.plan import Cell, Plan, plan
from roskdbench.registry import discover
from roskdbench.run import run_name
from roskdbench.store import DamagedArtifactError, Store
from roskdbench.suite import Suite, find_suite, read_suite

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    "experiment",
    "problem",
    "method",
    "student",
    "overlap",
    "noise",
    "fold",
    "seed",
    "condition",
    "metric",
    "class",
    "value",
    "n",
    "fingerprint",
)


@dataclass(frozen=True)
class Gap:
    """A cell without numbers, and why."""

    cell: Cell
    state: Literal["diverged", "failed", "missing"]
    reason: str


@dataclass
class Results:
    """What a run has found so far."""

    plan: Plan
    frame: "pandas.DataFrame"
    gaps: list[Gap]
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The run's name."""
        return run_name(self.plan)


def collect(plan: Plan, store: Store, reasons: dict[str, str] | None = None) -> Results:
    """The numbers of a plan's cells that are in the store. `reasons` tells of jobs that failed."""
    import pandas

    reasons = reasons or {}
    rows: list[tuple[Any, ...]] = []
    gaps: list[Gap] = []
    known: dict[str, list[tuple[str, str, float | None, int]] | None] = {}
    for cell in plan.cells:
        if cell.scores not in known:
            known[cell.scores] = _scores(store, cell.scores)
        numbers = known[cell.scores]
        if numbers is None:
            gaps.append(_gap(cell, plan, store, reasons))
            continue
        head = (
            cell.experiment,
            cell.problem,
            cell.method,
            cell.student,
            cell.overlap,
            cell.noise,
            cell.fold,
            cell.seed,
            "clean",
        )
        rows += [(*head, metric, name, value, n, cell.scores) for metric, name, value, n in numbers]
    frame = pandas.DataFrame(rows, columns=list(COLUMNS))
    frame["value"] = frame["value"].astype(float)
    return Results(plan, frame, gaps, reasons)


def _scores(store: Store, fingerprint: str) -> list[tuple[str, str, float | None, int]] | None:
    if fingerprint not in store:
        return None
    try:
        return [tuple(row) for row in store.open(fingerprint).json("scores.json")]
    except DamagedArtifactError:
        return None


def _gap(cell: Cell, plan: Plan, store: Store, reasons: dict[str, str]) -> Gap:
    """Why a cell has no numbers: something it rests on diverged, failed, or was not run."""
    waiting, seen = [cell.scores], set()
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        if reason := store.diverged(each):
            return Gap(cell, "diverged", f"{plan.jobs[each].label}: {reason}")
        waiting.extend(plan.jobs[each].inputs.values())
    for each in plan.jobs:
        if each in seen and each in reasons:
            return Gap(cell, "failed", f"{plan.jobs[each].label}: {reasons[each]}")
    return Gap(cell, "missing", "it has not been run")


def find_run(name: str | None, store: Store, settings: tuple[str, ...], folders: tuple[Path, ...]) -> Results:
    """The results of a suite (by file or bundled name), of a run (by its name), or of the latest run."""
    records = sorted((store.root / "runs").glob("*.json"), key=lambda path: path.stat().st_mtime)
    if not records and not store.root.is_dir():
        raise UserError(f"there is no store at {store.root}; run a suite first, or name the store with --store DIR")
    if name is None:
        if not records:
            raise UserError(f"nothing has been run in the store {store.root}; try: roskdbench run quick")
        return _of_record(records[-1], store)
    by_name = {path.stem: path for path in records}
    if name in by_name:
        return _of_record(by_name[name], store)
    try:
        find_suite(name)
    except UserError as error:
        raise UserError(f"no run and no suite '{name}'; {nearest(name, by_name)}" if by_name else str(error)) from None
    planned = plan(read_suite(name, settings), discover(folders))
    record = by_name.get(run_name(planned))
    reasons = json.loads(record.read_text("utf-8"))["reasons"] if record else {}
    results = collect(planned, store, reasons)
    others = [each for each in by_name if each.rpartition("-")[0] == planned.suite.suite]
    if results.frame.empty and record is None:
        hint = f"; runs of it with other settings: {', '.join(others)}" if others else f"; try: roskdbench run {name}"
        raise UserError(f"nothing of the suite '{name}' as it stands is in the store {store.root}{hint}")
    return results


def _of_record(path: Path, store: Store) -> Results:
    record = json.loads(path.read_text("utf-8"))
    suite = Suite.model_validate(record["suite"])
    folders = [Path(folder) for folder in record["method_folders"]]
    planned = plan(suite, discover(folders), record["experiments"])
    return collect(planned, store, record["reasons"])
