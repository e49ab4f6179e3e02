"""The suite from Python: run it, look at its frame, tables and figures. What a notebook shows is what a report says."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roskdbench.errors import UserError, nearest
from roskdbench.report.table import Table
from roskdbench.results import Results, completed, find_run
from roskdbench.runs import last_located
from roskdbench.store import Store

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from roskdbench.executors import ExecutorConfig

STORE = Path("roskdbench-store")


class Run:
    """A run: its results as a pandas frame, the tables and figures of its report."""

    def __init__(self, results: Results, store: Store) -> None:
        self._results, self._store = results, store

    @property
    def name(self) -> str:
        """What `roskdbench report` calls it."""
        return self._results.name

    @property
    def results(self) -> "pandas.DataFrame":
        """One row a number: experiment, problem, method, …, condition, metric, class, value, n, fingerprint."""
        return self._results.frame

    @property
    def gaps(self) -> "pandas.DataFrame":
        """Cells that lack numbers, of which measures, and why."""
        import pandas

        rows = [
            (gap.cell.experiment, gap.cell.problem, gap.cell.method, gap.state, ", ".join(gap.without), gap.reason)
            for gap in self._results.gaps
        ]
        return pandas.DataFrame(rows, columns=["experiment", "problem", "method", "state", "without", "reason"])

    def tables(self, compare: str = "none") -> list[Table]:
        """All tables; `compare` is paper, or the name of another run in the store."""
        from roskdbench.report.contents import comparison_source, tables_of

        source = comparison_source(compare, self._results, self._store)
        return [table for each in self._results.plan.experiments for table in tables_of(self._results, each, source)]

    def table(self, name: str, compare: str = "paper") -> Table:
        """A table of the paper (I, II or III), or one of this run's by its name, such as table1-differences."""
        from roskdbench.report.contents import NUMERALS, comparison_source, paper_table

        if name.upper() in NUMERALS:
            return paper_table(self._results, name, comparison_source(compare, self._results, self._store))[0]
        found = {table.name: table for table in self.tables(compare)}
        if name not in found:
            raise UserError(f"the run has no table '{name}'; {nearest(name, [*NUMERALS, *found])}")
        return found[name]

    def figure(self, name: str, experiment: str | None = None) -> "Figure":
        """A figure by its name, such as f1, overlap, training, robustness or landscape: the first experiment's that has
        one, or the named one's.
        """
        from roskdbench.report.figures import drawing, makers

        known: list[str] = []
        for each in [experiment] if experiment else self._results.plan.experiments:
            found = makers(self._results, self._store, each)
            known = list(found)
            wanted = next((key for key in (name, f"by-{name}") if key in found), None)
            if wanted:
                with drawing():
                    figure = found[wanted]()
                if figure is not None:
                    return figure
        if name in known or f"by-{name}" in known:
            raise UserError(f"the run has nothing to draw for '{name}': its suite does not ask for it")
        raise UserError(f"there is no figure '{name}'; {nearest(name, known)}")

    def page(self, folder: str | Path) -> Path:
        """Write the report's pages; the index."""
        from roskdbench.registry import discover
        from roskdbench.report.contents import tables_of
        from roskdbench.report.page.writing import write_page

        tables = [(each, tables_of(self._results, each)) for each in self._results.plan.experiments]
        return write_page(self._results, tables, self._store, discover(), Path(folder))[0]

    def __repr__(self) -> str:
        cells, gaps = len(self._results.plan.cells), len(self._results.gaps)
        without = f", {gaps} without numbers" if gaps else ""
        summary = f"{cells} cell{'s' * (cells != 1)}{without}"
        return f"<run {self.name}: {summary}; .results, .tables(), .table('I'), .figure('f1'), .page(DIR)>"

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self.tables())


def run(
    suite: str | Path,
    store: str | Path = STORE,
    workers: int = 1,
    only: Iterable[str] = (),
    methods: Iterable[str | Path] = (),
    data: Mapping[str, str | Path] | None = None,
    settings: Mapping[str, Any] | None = None,
    executor: "ExecutorConfig | None" = None,
) -> Run:
    """Compute what a suite asks for and the store lacks. `settings` are like --set: {"protocol.epochs": 5}. `executor`
    stands for --executor, --devices and the like: `ExecutorConfig(kind="ray", workers=8)`.

    Only scripts that guard their code with `if __name__ == "__main__"` can have more than one worker.
    """
    from roskdbench.data.preparation import locate
    from roskdbench.data.roots import find_roots
    from roskdbench.plan import plan
    from roskdbench.registry import discover
    from roskdbench.suite import read_suite
    from roskdbench.walk import run as walk

    folders = tuple(Path(folder) for folder in methods)
    declared, kept, registry = read_suite(suite, _said(settings)), Store.at(Path(store)), discover(folders)
    planned = plan(declared, registry, only, last_located(declared, kept))
    roots = find_roots(declared.problems, planned.problems, [f"{name}={root}" for name, root in (data or {}).items()])
    if roots:
        found = locate(declared.problems, roots, kept, workers, lambda *progress: None)
        planned = plan(declared, registry, only, found)
    results, _ = completed(planned, kept, folders, lambda: walk(planned, kept, workers, folders, executor=executor))
    return Run(results, kept)


def load(
    name: str | None = None,
    store: str | Path = STORE,
    methods: Iterable[str | Path] = (),
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """A run or suite that is in the store; the latest if none is named. For a suite, `methods` and `settings` as it was
    run with.
    """
    kept = Store(Path(store))
    return Run(find_run(name, kept, tuple(_said(settings)), tuple(Path(folder) for folder in methods)), kept)


def _said(settings: Mapping[str, Any] | None) -> list[str]:
    """Settings as --set takes them."""
    plain = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (settings or {}).items()}
    return [f"{key}={value}" for key, value in plain.items()]
