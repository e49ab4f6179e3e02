"""A figure is one declared function; here is what it is given, and how all of them are drawn and written.

A method has one colour in all figures of a report, and the paper's methods in all reports, from a palette that
colour-blind people can tell apart. Files hold no dates, so the same results give the same bytes.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Picture

from roskdbench.artifact import Artifact
from roskdbench.data.problem import Problem
from roskdbench.plan import Cell, Plan
from roskdbench.plugins import Registry, keep
from roskdbench.report.figures.dark import darken
from roskdbench.report.layout import Layout, layout_of
from roskdbench.results import Results
from roskdbench.store import Store
from roskdbench.suite.measure import Measure
from roskdbench.suite.problems import RealProblem

# Okabe and Ito's palette with a brown for its yellow, which is too pale on white.
PALETTE = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7A5230", "#000000"),
    *("#882255", "#44AA99", "#999933", "#AA4499", "#DDCC77", "#6699CC"),  # for tables of many rows
)
OWN = {
    "baseline-i": "#000000",
    "baseline-ii": "#56B4E9",
    "baseline-iii": "#0072B2",
    "baseline-iv": "#7A5230",
    "baseline-v": "#E69F00",
    "ros-kd": "#D55E00",
}
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 200,
    "legend.frameon": False,
    "text.parse_math": False,  # a method's title is text, also with a dollar in it
    "svg.hashsalt": "roskdbench",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Drawing:
    """What a figure is drawn from: an experiment's results, the store behind them, and each method's colour."""

    results: Results
    store: Store
    experiment: str
    images: bool = False
    """Whether images may be shown that are not generated."""

    def shows(self, problem: str) -> bool:
        """Whether a problem's images may be shown."""
        return self.images or problem not in withheld(self.results)

    @cached_property
    def palette(self) -> dict[str, str]:
        """A colour for each method of the suite."""
        return colours(self.results.plan)

    @property
    def layout(self) -> Layout:
        """The experiment as its tables show it."""
        return layout_of(self.results, self.experiment)

    def measures(self, kind: type[Measure]) -> dict[str, Any]:
        """The experiment's measures of a class, by the names that their numbers stand under."""
        return {name: each for name, each in self.layout.measures.items() if isinstance(each, kind)}

    def artifacts(self, kind: type[Measure]) -> Iterator[tuple[Cell, Artifact]]:
        """What a measure kept of each row on each problem, first seed and fold."""
        names, seen = self.measures(kind), set[tuple[object, ...]]()
        for cell in self.layout.cells:
            row = (cell.problem, *self.layout.row(cell))
            for each in cell.measurements:
                if each.measure in names and row not in seen and each.fingerprint in self.store:
                    seen.add(row)
                    yield cell, self.store.open(each.fingerprint)


Maker = Callable[[Drawing], Picture | None]


@dataclass(frozen=True)
class DeclaredFigure:
    """A figure: what draws it, what it shows in a line, and where it stands."""

    name: str
    draw: Maker
    caption: str
    on_method_pages: bool = False
    order: int = 100


def figure(name: str, caption: str, on_method_pages: bool = False, order: int = 100) -> Callable[[Maker], Maker]:
    """Make a function known as a figure: `@figure("spread", caption="F1 of every run")` above `def spread(drawing)`,
    which returns a matplotlib figure, or None where the results do not allow it. `order` says where it stands in a
    report; a method's own page shows it too if so wished.
    """

    def take(function: Maker) -> Maker:
        keep("figure", name, DeclaredFigure(name, function, caption, on_method_pages, order), function.__module__)
        return function

    return take


def figures_of(registry: Registry) -> list[DeclaredFigure]:
    """All figures, in the order of a report."""
    found: list[DeclaredFigure] = [entry.thing for entry in registry.of("figure").values()]
    return sorted(found, key=lambda each: (each.order, each.name))


def draw_all(
    results: Results, store: Store, folder: Path, registry: Registry, images: bool = False, dark: bool = False
) -> list[Path]:
    """Every figure that the results allow, as PNG and PDF, on request for dark pages too; the PNG files for light ones.
    Images of data that are not generated may be somebody's: they are drawn where they are asked for.
    """
    from roskdbench.report.figures.examples import examples

    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[Path] = []
    with drawing_style():
        for problem in results.plan.problems:
            pixels = results.plan.pixels(problem)
            if pixels in store and (images or problem not in withheld(results)):
                grid = examples(Problem.load(store.open(pixels).path), problem)
                drawn.append(_save(grid, folder / f"examples-{problem}", dark))
        for experiment in results.plan.experiments:
            drawing = Drawing(results, store, experiment, images)
            for each in figures_of(registry):
                picture = each.draw(drawing)
                if picture is not None:
                    drawn.append(_save(picture, folder / f"{experiment}-{each.name}", dark))
    return drawn


def withheld(results: Results) -> list[str]:
    """The problems whose images are drawn only where they are asked for."""
    problems = results.plan.suite.problems
    return [name for name in results.plan.problems if isinstance(problems[name], RealProblem)]


def drawing_style() -> AbstractContextManager[None]:
    """Figures that are made within look alike, whatever a matplotlibrc says."""
    backend = {"backend", "backend_fallback", "interactive", "toolbar"}
    ours = {name: value for name, value in mpl.rcParamsDefault.items() if name not in backend}
    return mpl.rc_context(ours | STYLE)


def colours(plan: Plan) -> dict[str, str]:
    """A colour for each row of the suite: the paper's methods have theirs in every report, others what is left."""
    rows = dict.fromkeys((cell.method, cell.registered) for cell in plan.cells)
    found: dict[str, str] = {}
    for title, name in rows:
        if name in OWN and OWN[name] not in found.values():
            found[title] = OWN[name]
    left = [each for each in PALETTE if each not in found.values()] or PALETTE
    others = [title for title, _ in rows if title not in found]
    return found | {title: left[number % len(left)] for number, title in enumerate(others)}


def on_dark(name: str) -> str:
    """The name of a picture's version for dark pages."""
    return name.replace(".png", "-dark.png")


def _save(picture: Picture, stem: Path, dark: bool = False) -> Path:
    png, pdf = (stem.with_name(f"{stem.name}.{ending}") for ending in ("png", "pdf"))
    picture.savefig(png, metadata={"Software": None})
    picture.set_layout_engine("none")  # where everything stands is found once
    picture.savefig(pdf, metadata={"CreationDate": None, "Producer": None, "Creator": None})
    if dark:
        darken(picture)
        picture.savefig(png.with_name(on_dark(png.name)), metadata={"Software": None})
    return png
