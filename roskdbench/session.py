"""One way to compute a suite or a model file: find the data, plan, compute, write down what was run, read the results.

The command line, Python and the commands for single model files all go through here; what differs is who watches.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roskdbench.data.content import Located
from roskdbench.data.preparation import locate
from roskdbench.data.roots import find_roots
from roskdbench.errors import PlacedError, UserError
from roskdbench.executors import Event, ExecutorConfig
from roskdbench.executors.config import cores
from roskdbench.plan import Plan, plan
from roskdbench.plugins import Registry, discover
from roskdbench.results import Results, collect
from roskdbench.runs import last_located, write_record
from roskdbench.store import Store
from roskdbench.suite import Suite, place, read_suite
from roskdbench.suite.beginning import begun_with, models_without_weights
from roskdbench.walk import Progress, Watcher
from roskdbench.walk import run as walk

Decoding = Callable[[str, int, int, int], None]
"""Takes a problem's name, how many of its images are done, how many of those were found, and how many there are."""
Watching = AbstractContextManager[Watcher]


def unseen(progress: Progress, event: Event | None) -> None:
    """A watcher that looks away."""


@dataclass
class Session:
    """A suite to be computed in a store, and who is told of it."""

    suite: str | Path
    """A file, or the name of a bundled suite."""
    store: Path
    plugins: Sequence[Path] = ()
    """Folders of a user's own methods, measures, metrics, datasets, attacks and networks."""
    only: Sequence[str] = ()
    data: Sequence[str] = ()
    """PROBLEM=DIR, as for --data."""
    settings: Sequence[str] = ()
    """KEY=VALUE, as for --set."""
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)
    pretrained: Sequence[str] = ()
    """MODEL=FILE, as for --pretrained."""
    watching: Callable[[Plan, Store], Watching] = lambda plan, store: nullcontext(unseen)
    """Gives the watcher of the computing."""
    decoding: Callable[[], AbstractContextManager[Decoding]] = lambda: nullcontext(lambda *progress: None)
    """Gives whoever is told of images being decoded."""

    def planned(self, registry: Registry, store: Store, located: Mapping[str, Located] | None = None) -> Plan:
        """The plan, with data as they were last prepared unless they are given. Errors say where the suite says it."""
        declared = begun_with(read_suite(self.suite, self.settings, registry), self.pretrained, registry)
        try:
            return plan(declared, registry, self.only, located or last_located(declared, store))
        except PlacedError as error:
            raise UserError(f"{place(self.suite, self.settings, error.keys)}: {error}") from None

    def run(self) -> tuple[Results, Progress]:
        """Compute what the suite asks for and the store lacks."""
        registry = discover(self.plugins)
        planned = self.planned(registry, Store(self.store))
        roots = find_roots(planned.suite.problems, planned.problems, self.data)
        store = Store.at(self.store)
        if roots:
            planned = self.planned(registry, store, self.prepared(planned.suite, roots, store))
        _refuse_without_weights(planned, store)
        write_record(planned, store, registry, tuple(self.plugins), {})
        results, progress = self.computed(planned, store)
        write_record(planned, store, registry, tuple(self.plugins), progress.reasons)
        return results, progress

    def prepared(self, suite: Suite, roots: Mapping[str, Path], store: Store) -> dict[str, Located]:
        """The data of the problems that have a root, decoded into the store."""
        with self.decoding() as report:
            return locate(suite.problems, roots, store, self.executor.workers or cores(), report)

    def computed(self, planned: Plan, store: Store) -> tuple[Results, Progress]:
        """Compute a plan and read its results; once more where artifacts that seemed to be there turn out to be damaged
        or gone.
        """
        for _ in range(2):
            with self.watching(planned, store) as watch:
                progress = walk(planned, store, 1, tuple(self.plugins), watch, self.executor)
            results = collect(planned, store, progress.reasons)
            if progress.reasons or not any(gap.state == "missing" for gap in results.gaps):
                break
        return results, progress


def _refuse_without_weights(planned: Plan, store: Store) -> None:
    """A UserError where trainings that are to do begin with weights that nobody has named a file of."""
    lacking = models_without_weights(planned.suite)
    for job in planned.needed(each for each in planned.jobs if each in store).values() if lacking else ():
        model = job.spec.get("model") or job.spec.get("architecture", {}).get("model")
        if model in lacking and (job.trains or job.kind == "model_file"):
            raise UserError(
                f"{job.label}: of its weights the suite knows the bytes alone; add --pretrained {model}=FILE"
            )


def settings_of(given: Mapping[str, Any]) -> list[str]:
    """Settings as --set takes them, from those of Python."""
    import json

    if not isinstance(given, Mapping):
        raise UserError(f'settings={given!r:.60}: give a mapping, such as {{"protocol.epochs": 5}}')
    return [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in given.items()]


def roots_of(given: Mapping[str, str | Path]) -> list[str]:
    """Where data are as --data takes it, from Python."""
    return [f"{name}={root}" for name, root in given.items()]


def folders_of(given: str | Path | Iterable[str | Path]) -> list[Path]:
    """Folders as paths, of one or of several."""
    return [Path(folder) for folder in ([given] if isinstance(given, str | Path) else given)]
