"""A watcher of a run that tells a tracker what it sees."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from roskdbench.artifact import DamagedArtifactError
from roskdbench.errors import one_line
from roskdbench.executors import Event, Finished
from roskdbench.foreign import json_of
from roskdbench.history import history_in
from roskdbench.plan import Cell, Plan, fingerprints_of
from roskdbench.plugins import Registry
from roskdbench.report.contents import contents_of
from roskdbench.report.figures.drawing import draw_all
from roskdbench.results import collect
from roskdbench.runs import run_name
from roskdbench.store import Store
from roskdbench.tracking.tracker import Tracker, flat
from roskdbench.values import MetricValue, from_blocks
from roskdbench.walk import Progress, Watcher


class Tracked:
    """A watcher that also tells a tracker, first of what is in the store. A tracker that fails is told no more."""

    def __init__(self, tracker: Tracker, plan: Plan, store: Store, watch: Watcher, registry: Registry) -> None:
        self._tracker: Tracker | None = tracker
        self._plan, self._store, self._watch, self._registry = plan, store, watch, registry
        self._progress = Progress(plan)
        self._labels = Counter(job.label for job in plan.jobs.values() if job.trains)
        self._waiting: dict[Cell, set[str]] = {}
        """Cells that are not told of yet, and the jobs of theirs that are not done."""
        self._cells: dict[str, list[Cell]] = {}
        for cell in plan.cells:
            self._waiting[cell] = set(fingerprints_of(cell))
            for fingerprint in self._waiting[cell]:
                self._cells.setdefault(fingerprint, []).append(cell)

    def __enter__(self) -> Self:
        parameters = flat(self._plan.suite.protocol.model_dump(mode="json"))
        self._ask(lambda tracker: tracker.begun(run_name(self._plan), parameters))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            for cell in list(self._waiting):  # some job of theirs failed
                self._tell_cell(cell)
            self._ask(self._report)
        self._ask(lambda tracker: tracker.close())

    def _report(self, tracker: Tracker) -> None:
        results = collect(self._plan, self._store, self._progress.reasons)
        with TemporaryDirectory() as folder:
            pictures = draw_all(results, self._store, Path(folder), self._registry)
            tracker.reported(contents_of(results).every, pictures)

    def __call__(self, progress: Progress, event: Event | None) -> None:
        """Take note of where the run stands."""
        self._progress = progress
        if event is None:
            for fingerprint in self._plan.jobs:
                if fingerprint in self._store:
                    self._tell(fingerprint)
        elif isinstance(event, Finished):
            self._tell(event.fingerprint)
        self._watch(progress, event)

    def _tell(self, fingerprint: str) -> None:
        job = self._plan.jobs[fingerprint]
        wanted = job.trains or fingerprint in self._cells
        if self._tracker is None or not wanted or self._store.diverged(fingerprint):
            return
        try:
            self._store.open(fingerprint)
        except DamagedArtifactError:  # it is made again, and told of then
            return
        if job.trains:
            history = self._store.read(fingerprint, "history.json", history_in)
            label = job.label if self._labels[job.label] == 1 else f"{job.label} ({fingerprint[:8]})"
            self._ask(lambda tracker: tracker.trained(label, flat(job.spec), history))
        for cell in self._cells.get(fingerprint, ()):
            left = self._waiting.get(cell, set())
            left.discard(fingerprint)
            if not left:
                self._tell_cell(cell)

    def _tell_cell(self, cell: Cell) -> None:
        self._waiting.pop(cell, None)
        numbers: list[MetricValue] = []
        for each in cell.measurements:
            whose = f"{each.subject} {each.member} " if each.member else ""
            with suppress(DamagedArtifactError):
                blocks = self._store.read(each.fingerprint, "numbers.json", lambda path: from_blocks(json_of(path)))
                numbers += [
                    MetricValue(whose + metric, value, count, label, facts)
                    for facts, rows in blocks
                    for metric, label, value, count in rows
                ]
        if numbers:
            self._ask(lambda tracker: tracker.measured(cell, numbers))

    def _ask(self, tell: Callable[..., None]) -> None:
        if self._tracker is None:
            return
        try:
            tell(self._tracker)
        except Exception as error:
            self._tracker = None
            self._progress.messages.append(f"the tracker failed and is told no more: {one_line(error)}")
