"""Trackers: others who want to be told of a run, such as TensorBoard. They see what is kept and change nothing."""

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, Self

from roskdbench.artifact import DamagedArtifactError
from roskdbench.errors import UserError, one_line
from roskdbench.executors import Event, Finished
from roskdbench.plan import Cell, Plan, fingerprints_of
from roskdbench.runs import run_name
from roskdbench.store import Store
from roskdbench.values import Facts, MetricValue, from_blocks
from roskdbench.walk import Progress, Watcher


class Tracker(Protocol):
    """What a tracker is told. Made with the folder that it may write into."""

    def trained(self, label: str, history: Mapping[str, list[Any]]) -> None:
        """A network was trained: its loss, lr, validation score and teachers' weights by epoch."""

    def measured(self, cell: Cell, numbers: list[MetricValue]) -> None:
        """A cell has numbers: metric, value, samples, class, facts."""

    def close(self) -> None:
        """The run is over."""


class TensorBoard:
    """Event files for `tensorboard --logdir`: a curve for each training, a scalar for each score of each cell."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UserError("TensorBoard is not installed: pip install 'roskdbench[tensorboard]'") from None
        self._folder, self._writer = folder, SummaryWriter

    def trained(self, label: str, history: Mapping[str, list[Any]]) -> None:
        """One writer a training, so that trainings are runs that can be switched on and off."""
        with self._writing(label) as writer:
            for name in ("loss", "lr", "validation"):
                for epoch, value in enumerate(history.get(name, []), 1):
                    if value is not None:
                        writer.add_scalar(f"training/{name}", value, epoch)
            for epoch, weights in enumerate(history.get("weights", []), 1):
                for number, weight in enumerate(weights, 1):
                    writer.add_scalar(f"weights/teacher {number}", weight, epoch)

    def measured(self, cell: Cell, numbers: list[MetricValue]) -> None:
        """Means over classes, by condition."""
        where = f"{cell.experiment}, {cell.student}, overlap {cell.overlap:g}, noise {cell.noise}, fold {cell.fold + 1}"
        with self._writing(f"{cell.problem}, {cell.method}, {where}") as writer:
            for metric, value, _, label, facts in numbers:
                if not label and value is not None:
                    writer.add_scalar(f"{_folder(facts)}/{metric}", value, cell.seed)

    def _writing(self, name: str) -> AbstractContextManager[Any]:
        kept = "".join(letter if letter.isalnum() or letter in " -_.,()" else "-" for letter in name)
        writer: AbstractContextManager[Any] = self._writer(str(self._folder / kept))
        return writer

    def close(self) -> None:
        """Each writer was closed when it was done."""


def _folder(facts: Facts) -> str:
    """What scalars stand under."""
    under = "clean" if facts.perturbation == "none" else facts.perturbation_label
    return under if facts.labels == "data" else f"{under}, {facts.labels} labels"


def tracker_for(name: str, folder: Path) -> Tracker:
    """`tensorboard`, or a class of yours as `module:Name`, the module in this folder or installed."""
    if name == "tensorboard":
        return TensorBoard(folder)
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise UserError(f"--track {name}: say tensorboard, or a tracker of yours as module:Name")
    if "" not in sys.path:
        sys.path.append("")
    try:
        made: Tracker = getattr(import_module(module), attribute)(folder)
        missing = [each for each in ("trained", "measured", "close") if not callable(getattr(made, each, None))]
    except Exception as error:
        raise UserError(f"--track {name}: {one_line(error)}") from None
    if missing:
        raise UserError(f"--track {name}: it has no method {missing[0]}")
    return made


class Tracked:
    """A watcher that also tells a tracker, first of what is in the store. A tracker that fails is told no more."""

    def __init__(self, tracker: Tracker, plan: Plan, store: Store, watch: Watcher) -> None:
        self._tracker: Tracker | None = tracker
        self._plan, self._store, self._watch = plan, store, watch
        self._progress = Progress(plan)
        self._cells: dict[str, list[Cell]] = {}
        for cell in plan.cells:
            for fingerprint in fingerprints_of(cell):
                self._cells.setdefault(fingerprint, []).append(cell)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ask(lambda tracker: tracker.close(), self._progress)

    def __call__(self, progress: Progress, event: Event | None) -> None:
        """Take note of where the run stands."""
        self._progress = progress
        if event is None:
            for fingerprint in self._plan.jobs:
                if fingerprint in self._store:
                    self._tell(fingerprint, progress)
        elif isinstance(event, Finished):
            self._tell(event.fingerprint, progress)
        self._watch(progress, event)

    def _tell(self, fingerprint: str, progress: Progress) -> None:
        job = self._plan.jobs[fingerprint]
        wanted = job.trains or fingerprint in self._cells
        if self._tracker is None or not wanted or self._store.diverged(fingerprint):
            return
        try:
            artifact = self._store.open(fingerprint)
        except DamagedArtifactError:  # it is made again, and told of then
            return
        if job.trains:
            history = artifact.json("history.json")
            self._ask(lambda tracker: tracker.trained(job.label, history), progress)
        for cell in self._cells.get(fingerprint, ()):
            numbers = [
                MetricValue(metric, value, count, label, facts)
                for facts, rows in from_blocks(artifact.json("numbers.json"))
                for metric, label, value, count in rows
            ]
            self._ask(lambda tracker, cell=cell, numbers=numbers: tracker.measured(cell, numbers), progress)

    def _ask(self, tell: Callable[..., None], progress: Progress) -> None:
        if self._tracker is None:
            return
        try:
            tell(self._tracker)
        except Exception as error:
            self._tracker = None
            progress.messages.append(f"the tracker failed and is told no more: {one_line(error)}")


def tracked(name: str, plan: Plan, store: Store, watch: Watcher) -> Tracked:
    """The watcher, with a tracker that writes into the store's folder `tracking`, under the run's name."""
    return Tracked(tracker_for(name, store.root / "tracking" / run_name(plan)), plan, store, watch)
