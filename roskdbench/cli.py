"""The command line: parse, call, print. Heavy imports wait until a command needs them."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from roskdbench.plan import Plan
    from roskdbench.results import Results
    from roskdbench.store import Store

app = typer.Typer(
    help="Benchmark methods that distil robust students from noisy-label teachers.",
    epilog="Start with: roskdbench run quick",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
new = typer.Typer(help="Start something of your own.", no_args_is_help=True)
app.add_typer(new, name="new")

SuiteName = Annotated[str, typer.Argument(help="A suite file, or the name of a bundled suite such as quick.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key of the suite, such as protocol.epochs=5. Repeatable.",
    ),
]
Folders = Annotated[
    list[Path] | None,
    typer.Option("--methods", metavar="DIR", help="A folder with method files of your own. Repeatable."),
]
StoreFolder = Annotated[
    Path,
    typer.Option(
        "--store",
        metavar="DIR",
        envvar="ROSKDBENCH_STORE",
        help="Where everything computed is kept and found again.",
    ),
]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="EXPERIMENT", help="Just this experiment. Repeatable.")
]
STORE = Path("roskdbench-store")


class Format(StrEnum):
    """What a report is written as."""

    table = "table"
    latex = "latex"
    markdown = "markdown"
    csv = "csv"
    json = "json"


class Compare(StrEnum):
    """What stands beside the measured numbers."""

    none = "none"
    paper = "paper"


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


def _plan(suite: str, settings: list[str] | None, folders: list[Path] | None, only: list[str] | None) -> "Plan":
    from roskdbench.errors import PlacedError, UserError
    from roskdbench.plan import plan
    from roskdbench.registry import discover
    from roskdbench.suite import place, read_suite

    registry = discover(folders or [])
    for line in registry.broken:
        typer.echo(f"roskdbench: left out {line}", err=True)
    try:
        return plan(read_suite(suite, settings or []), registry, only or [])
    except PlacedError as error:
        raise UserError(f"{place(suite, settings or [], error.keys)}: {error}") from None


@app.command(rich_help_panel="Work")
def run(
    suite: SuiteName,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Jobs at a time. Default: one for each core, or one for a GPU.")
    ] = None,
    only: Only = None,
    settings: Settings = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be computed, and stop.")] = False,
) -> None:
    """Compute what a suite asks for and the store does not have yet, then print its tables.

    Stop it whenever you like: the same command goes on where it stopped. The tables do not depend on --workers.
    """
    from roskdbench.data.datasets import check
    from roskdbench.live import view_for
    from roskdbench.results import collect
    from roskdbench.run import run as run_plan
    from roskdbench.run import write_record
    from roskdbench.store import Store

    console, planned = _console(), _plan(suite, settings, folders, only)
    for name in planned.problems:
        check(name, planned.suite.problems[name])
    for line in planned.not_built:
        typer.echo(f"roskdbench: not built yet, left out: {line}", err=True)
    if dry_run:
        _print_plan(planned, console, Store(store))
        return
    kept = Store.at(store)
    method_folders = tuple(folders or ())
    write_record(planned, kept, method_folders, {})
    try:
        with view_for(console) as view:
            progress = run_plan(planned, kept, workers or _default_workers(), method_folders, view)
    except KeyboardInterrupt:
        console.print("Interrupted. What is finished is kept; the same command goes on from there.")
        raise typer.Exit(130) from None
    write_record(planned, kept, method_folders, progress.reasons)
    if not progress.state:
        console.print("Nothing to do: everything this suite asks for is in the store.")
    _print_tables(collect(planned, kept, progress.reasons), kept, console)
    if not progress.well:
        raise typer.Exit(1)


def _default_workers() -> int:
    """A worker for each core; one where there is a GPU, which its jobs would otherwise fight over."""
    if Path("/dev/nvidiactl").exists():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _print_tables(results: "Results", store: "Store", console: "Console") -> None:
    from roskdbench.report.tables import score_table
    from roskdbench.report.terminal import terminal_table

    for experiment in results.plan.experiments:
        console.print(terminal_table(score_table(results, experiment)))
    option = "" if store.root == STORE else f" --store {store.root}"
    console.print(
        f"More: roskdbench report {results.name}{option} --compare paper --out DIR", markup=False, soft_wrap=True
    )


@app.command(rich_help_panel="Work")
def plan(
    suite: SuiteName,
    only: Only = None,
    settings: Settings = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
) -> None:
    """Show what a suite comes to: jobs by kind, what sharing saves, what is in the store, what is not built yet."""
    from roskdbench.store import Store

    _print_plan(_plan(suite, settings, folders, only), _console(), Store(store))


def _print_plan(planned: "Plan", console: "Console", store: "Store") -> None:
    from rich.table import Table

    needed = planned.needed(each for each in planned.jobs if each in store)
    waiting = {kind: [job for job in needed.values() if job.kind == kind] for kind in planned.kinds()}
    grid = Table(title=f"{planned.suite.suite}: {len(planned.cells)} cells", title_style="bold")
    for heading in ("kind", "jobs", "to do", "work to do"):
        grid.add_column(heading, justify="left" if heading == "kind" else "right")
    for kind, count in planned.kinds().items():
        grid.add_row(kind, str(count), str(len(waiting[kind])), _work(sum(job.work for job in waiting[kind])))
    grid.add_section()
    grid.add_row("all", str(len(planned.jobs)), str(len(needed)), _work(sum(job.work for job in needed.values())))
    console.print(grid)
    shared, alone = planned.trainings, planned.trainings_alone
    if shared:
        console.print(
            f"{shared} networks are trained; a script per method and cell would train {alone} "
            f"({alone / shared:.1f} times as many).",
            soft_wrap=True,
        )
    console.print(
        "Work counts forward passes of one image through a ResNet-18; a training pass is three.",
        style="dim",
        soft_wrap=True,
    )
    for line in planned.not_built:
        console.print(f"not built yet: {line}", style="yellow", markup=False, soft_wrap=True)


def _work(passes: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if passes >= size:
            return f"{passes / size:.1f} {unit}"
    return f"{passes:.0f}"


@app.command(rich_help_panel="Work")
def report(
    name: Annotated[
        str | None, typer.Argument(metavar="[RUN|SUITE]", help="A run or a suite. Default: the latest run.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.table,
    compare: Annotated[Compare, typer.Option(help="What to set beside the measured numbers.")] = Compare.none,
    only: Only = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write tables in all formats, and figures, into this folder."),
    ] = None,
    standalone: Annotated[bool, typer.Option("--standalone", help="LaTeX that compiles by itself.")] = False,
    settings: Settings = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
) -> None:
    """Print the tables of a run; with --out, write them in all formats with their figures."""
    from roskdbench.report.formats import TEXTS, as_json, latex
    from roskdbench.report.tables import score_table
    from roskdbench.report.terminal import terminal_table
    from roskdbench.results import find_run
    from roskdbench.results import only as only_some
    from roskdbench.store import Store

    kept = Store(store)
    results = only_some(find_run(name, kept, tuple(settings or ()), tuple(folders or ())), only or ())
    tables = [score_table(results, experiment, compare) for experiment in results.plan.experiments]
    console = _console()
    if form is Format.table:
        for table in tables:
            console.print(terminal_table(table))
    elif form is Format.json:
        typer.echo(as_json(results), nl=False)
    elif form is Format.latex:
        typer.echo(latex(tables, standalone), nl=False)
    else:
        typer.echo(TEXTS[form](tables), nl=False)
    if out is not None:
        from roskdbench.report.folder import write_folder

        for path in write_folder(results, tables, kept, out):
            typer.echo(f"wrote {path}", err=True)


@app.command(rich_help_panel="Look")
def methods(folders: Folders = None) -> None:
    """List the methods there are, with a line each, and the files that could not be loaded."""
    from rich.table import Table
    from rich.text import Text

    from roskdbench.registry import discover

    registry = discover(folders or [])
    grid = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("method", "", "from"):
        grid.add_column(heading)
    for name, entry in registry.entries.items():
        origin = "bundled" if entry.bundled else entry.origin
        grid.add_row(Text(name, style="bold"), Text(entry.method.summary()), Text(origin, style="dim"))
    console = _console()
    console.print(grid)
    for line in registry.broken:
        console.print(f"left out {line}", style="red", markup=False, soft_wrap=True)


@app.command(rich_help_panel="Look")
def suites() -> None:
    """List the bundled suites."""
    from rich.table import Table
    from rich.text import Text

    from roskdbench.suite import read_suite, suite_names

    grid = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("suite", "", "experiments"):
        grid.add_column(heading)
    for name in suite_names():
        suite = read_suite(name)
        grid.add_row(Text(name, style="bold"), Text(suite.title), Text(", ".join(suite.experiments), style="dim"))
    _console().print(grid)


@app.command(rich_help_panel="Look")
def schema() -> None:
    """Print the JSON Schema of suite files, so that an editor completes and checks them."""
    import json

    from roskdbench.suite import Suite

    described = Suite.model_json_schema()
    described["properties"]["extends"] = {"type": "string", "description": "A suite to lay this one over."}
    typer.echo(json.dumps(described, indent=2))


@new.command("method")
def new_method(
    name: Annotated[str, typer.Argument(help="What it is to be called, such as my-method.")],
    folder: Annotated[Path, typer.Option("--in", metavar="DIR", help="The folder to put it in.")] = Path("methods"),
) -> None:
    """Write a method file to start from, with a loss of its own, and a test beside it."""
    from roskdbench.template import write_method

    for path in write_method(name, folder):
        typer.echo(f"wrote {path}")
    typer.echo(f"Check it with: roskdbench check {name} --methods {folder}")


@app.command(rich_help_panel="Work")
def check(
    name: Annotated[str, typer.Argument(help="A method's name.")],
    folders: Folders = None,
) -> None:
    """Train a method on phantoms for some seconds and say whether it keeps the contract."""
    from roskdbench.check import check_method
    from roskdbench.registry import discover

    console = _console()
    well = True
    for claim, objection in check_method(discover(folders or []), name):
        mark = "[green]ok[/]  " if objection is None else "[red]no[/]  "
        console.print(mark, end="")
        console.print(claim if objection is None else f"{claim}: {objection}", markup=False, soft_wrap=True)
        well = well and objection is None
    if not well:
        raise typer.Exit(1)


@app.callback(invoke_without_command=True)
def _main(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        from roskdbench import __version__

        typer.echo(__version__)
        raise typer.Exit
