"""The suite from Python: run it, look at its frame, tables and figures. What a notebook shows is what a report says."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roskdbench.errors import UserError, nearest
from roskdbench.report.table import Table
from roskdbench.results import Results, find_run
from roskdbench.store import Store

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure
    from torch import nn

    from roskdbench.executors import ExecutorConfig
    from roskdbench.session import Session

STORE = Path("roskdbench-store")


class Tables(list[Table]):
    """Several tables, shown as tables."""

    def __repr__(self) -> str:
        return "\n".join(map(str, self))

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self)


class Run:
    """A run: its results as a pandas frame, the tables and figures of its report."""

    def __init__(self, results: Results, store: Store, plugins: Sequence[Path] = ()) -> None:
        self._results, self._store, self._plugins = results, store, plugins

    @property
    def name(self) -> str:
        """What `roskdbench report` calls it."""
        return self._results.name

    @property
    def results(self) -> "pandas.DataFrame":
        """One row a number; `roskdbench.results.COLUMNS` names the columns."""
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

    def tables(self, compare: str = "none") -> "Tables":
        """All tables; `compare` is paper, or the name of another run in the store."""
        from roskdbench.report.contents import comparison_source, contents_of

        return Tables(contents_of(self._results, comparison_source(compare, self._results, self._store)).every)

    def compare(self, one: str, other: str) -> "pandas.DataFrame":
        """How far one method is from another, by name or title, in every metric that tables compare, with 95 %
        intervals and p. Each row is judged by itself: choose what to look at before, or correct for looking at several.
        """
        from roskdbench.report.pairs import compared_rows

        return compared_rows(self._results, one, other)

    @property
    def claims(self) -> "Tables":
        """What the suite claims, and the verdicts; empty where it claims nothing."""
        from roskdbench.report.contents import contents_of

        return Tables(contents_of(self._results).whole)

    def table(self, name: str, compare: str = "none") -> Table:
        """A table of the paper (I, II or III), or one of this run's by its name, such as table1-differences. With
        `compare="paper"` the paper's numbers stand beside.
        """
        from roskdbench.report.contents import NUMERALS, comparison_source, paper_table

        if name.upper() in NUMERALS:
            return paper_table(self._results, name, comparison_source(compare, self._results, self._store))[0]
        found = {table.name: table for table in self.tables(compare)}
        if name not in found:
            raise UserError(f"the run has no table '{name}'; {nearest(name, [*NUMERALS, *found])}")
        return found[name]

    def figure(self, name: str, experiment: str | None = None) -> "Figure":
        """A figure by its name, such as f1, overlap, training, robustness or landscape: the first experiment's that has
        one, or the named one's. A notebook shows it.
        """
        from roskdbench.plugins import discover
        from roskdbench.report.figures.drawing import Drawing, drawing_style, figures_of
        from roskdbench.report.figures.shown import ShownFigure

        there = {each.name: each for each in figures_of(discover(self._plugins))}
        wanted = there.get(name) or there.get(f"by-{name}")
        if wanted is None:
            raise UserError(f"there is no figure '{name}'; {nearest(name, there)}")
        for each in [experiment] if experiment else self._results.plan.experiments:
            with drawing_style():
                picture = wanted.draw(Drawing(self._results, self._store, each, images=True))
            if picture is not None:
                return ShownFigure.of(picture)
        raise UserError(f"the run has nothing to draw for '{name}': its suite does not ask for it")

    def model(self, method: str, **place: Any) -> "nn.Module":
        """A trained student, in eval mode: pixels from 0 to 1 in, logits out. `place` says which where there are
        several: problem="lesion", seed=0, noise="symmetric 0.3", and whatever else a cell is told by.
        """
        from roskdbench.engine.networks import load_network
        from roskdbench.exporting import the_model
        from roskdbench.plugins import discover

        chosen = the_model(self._results.plan, method, place)
        return load_network(chosen.weights(self._store), discover(self._plugins))[0]

    def export(self, method: str, to: str | Path, onnx: bool = False, **place: Any) -> Path:
        """Write a trained student as a folder that timm loads, as `roskdbench export` does; the folder."""
        from roskdbench.exporting import the_model
        from roskdbench.exporting.folder import Export
        from roskdbench.plugins import discover

        chosen = the_model(self._results.plan, method, place)
        Export(self._results, self._store, discover(self._plugins), chosen).write(Path(to), onnx)
        return Path(to)

    def page(self, folder: str | Path, images: bool = False) -> Path:
        """Write the report's pages, with images of data that are not generated only if so wished; the index."""
        from roskdbench.plugins import discover
        from roskdbench.report.contents import contents_of
        from roskdbench.report.page.writing import write_page

        contents, registry = contents_of(self._results), discover(self._plugins)
        return write_page(self._results, contents, self._store, registry, Path(folder), images)[0]

    def __repr__(self) -> str:
        cells, gaps = len(self._results.plan.cells), len(self._results.gaps)
        without = f", {gaps} without numbers" if gaps else ""
        summary = f"{cells} cell{'s' * (cells != 1)}{without}"
        return f"<run {self.name}: {summary}; .results, .tables(), .table('I'), .figure('f1'), .page(DIR)>"

    def _repr_html_(self) -> str:
        return self.tables()._repr_html_()


def run(
    suite: str | Path,
    store: str | Path = STORE,
    workers: int = 1,
    only: str | Iterable[str] = (),
    plugins: str | Path | Iterable[str | Path] = (),
    data: Mapping[str, str | Path] | None = None,
    settings: Mapping[str, Any] | None = None,
    pretrained: Mapping[str, str | Path] | None = None,
    executor: "ExecutorConfig | None" = None,
    progress: bool = True,
) -> Run:
    """Compute what a suite asks for and the store lacks. `settings` are like --set: {"protocol.epochs": 5}, and
    `pretrained` like --pretrained: {"resnet18": "weights.safetensors"}. `executor` stands for --executor, --devices and
    the like: `ExecutorConfig(kind="ray", workers=8)`. `progress` shows bars.

    Only scripts that guard their code with `if __name__ == "__main__"` can have more than one worker.
    """
    from roskdbench.executors import ExecutorConfig
    from roskdbench.session import Session, folders_of, roots_of, settings_of

    if not isinstance(workers, int) or workers < 1:
        raise UserError(f"workers={workers!r:.40}: a whole number, of one at least")
    if not isinstance(suite, str | Path):
        raise UserError(f"suite={suite!r:.60}: give the file of a suite, or the name of one that comes along")
    session = Session(
        suite,
        Path(store),
        folders_of(plugins),
        [only] if isinstance(only, str) else list(only),
        roots_of(data or {}),
        settings_of(settings or {}),
        executor or ExecutorConfig(workers=workers),
        roots_of(pretrained or {}),
    )
    if progress:
        _show(session)
    results, _ = session.run()
    return Run(results, Store(Path(store)), folders_of(plugins))


def load(
    name: str | None = None,
    store: str | Path = STORE,
    plugins: str | Path | Iterable[str | Path] = (),
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """A run or suite that is in the store; the latest if none is named. For a suite, `plugins` and `settings` as it was
    run with.
    """
    from roskdbench.session import folders_of, settings_of

    kept, folders = Store(Path(store)), folders_of(plugins)
    return Run(find_run(name, kept, tuple(settings_of(settings or {})), tuple(folders)), kept, folders)


def model(
    method: str,
    suite: str | None = None,
    store: str | Path = STORE,
    plugins: str | Path | Iterable[str | Path] = (),
    settings: Mapping[str, Any] | None = None,
    **place: Any,
) -> "nn.Module":
    """A trained student of a run or a suite, the latest run's if none is named: `model("ros-kd", suite="quick",
    problem="lesion", seed=0)`. It is in eval mode, takes pixels from 0 to 1, and gives logits.
    """
    return load(suite, store, plugins, settings).model(method, **place)


def _show(session: "Session") -> None:
    """Bars in a notebook or a terminal; nothing where output goes to a file."""
    from roskdbench.live import decoding_for, view_for
    from roskdbench.report.screen import Screen

    screen = Screen(highlight=False)
    if screen.is_terminal or screen.is_jupyter:
        session.watching = lambda plan, store: view_for(screen)
        session.decoding = lambda: decoding_for(screen)
