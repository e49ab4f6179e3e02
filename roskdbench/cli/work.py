"""`run`, `plan`, `report` and `check`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roskdbench.cli.options import (
    STORE,
    Address,
    Data,
    Devices,
    Executor,
    ExecutorKind,
    Folders,
    Only,
    Settings,
    SlurmOptions,
    StoreFolder,
    SuiteName,
    Workers,
    console,
    methods_found,
)
from roskdbench.cli.running import computed, located

if TYPE_CHECKING:
    from rich.console import Console

    from roskdbench.data.content import Located
    from roskdbench.plan import Plan
    from roskdbench.registry import Registry
    from roskdbench.results import Results
    from roskdbench.store import Store


class Format(StrEnum):
    """What a report is written as."""

    table = "table"
    latex = "latex"
    markdown = "markdown"
    csv = "csv"
    json = "json"
    html = "html"


def run(
    suite: SuiteName,
    workers: Workers = None,
    executor: Executor = ExecutorKind.local,
    devices: Devices = None,
    address: Address = None,
    slurm: SlurmOptions = None,
    only: Only = None,
    data: Data = None,
    settings: Settings = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
    track: Annotated[
        str | None,
        typer.Option(
            metavar="tensorboard|MODULE:NAME",
            help="Tell a tracker of every training and score; TensorBoard's files go into STORE/tracking.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be computed, and stop.")] = False,
) -> None:
    """Compute what a suite asks for and the store does not have yet, then print its tables.

    Stop it whenever you like: the same command goes on where it stopped. The tables do not depend on --workers.
    """
    from roskdbench.data.roots import find_roots
    from roskdbench.executors import ExecutorConfig
    from roskdbench.results import completed
    from roskdbench.store import Store

    screen = console()
    executor_config = ExecutorConfig(
        executor.value, workers, devices.split(",") if devices else (), address, _pairs("--slurm", slurm or [])
    )
    registry = methods_found(folders)
    planned = _plan(suite, settings, registry, only, Store(store))
    roots = find_roots(planned.suite.problems, planned.problems, data or ())
    if dry_run:
        _print_plan(planned, screen, Store(store))
        return
    kept = Store.at(store)
    if roots:
        data_found = located(planned.suite, roots, kept, workers, screen)
        planned = _plan(suite, settings, registry, only, kept, data_found)
    method_folders = tuple(folders or ())
    results, progress = completed(
        planned, kept, method_folders, lambda: computed(planned, kept, executor_config, method_folders, screen, track)
    )
    if not progress.state:
        screen.print("Nothing to do: everything this suite asks for is in the store.")
    _print_tables(results, kept, screen)
    if not progress.well or results.gaps:
        raise typer.Exit(1)


def _pairs(option: str, text: list[str]) -> dict[str, str]:
    from roskdbench.errors import UserError

    for each in text:
        if "=" not in each:
            raise UserError(f"{option} {each}: say KEY=VALUE")
    return dict(each.split("=", 1) for each in text)


def _plan(
    suite: str,
    settings: list[str] | None,
    registry: "Registry",
    only: list[str] | None,
    store: "Store",
    data_found: "dict[str, Located] | None" = None,
) -> "Plan":
    """The plan of a suite, with its data as they were last prepared unless they are given."""
    from roskdbench.errors import PlacedError, UserError
    from roskdbench.plan import plan
    from roskdbench.runs import last_located
    from roskdbench.suite import place, read_suite

    declared = read_suite(suite, settings or [])
    try:
        return plan(declared, registry, only or [], data_found or last_located(declared, store))
    except PlacedError as error:
        raise UserError(f"{place(suite, settings or [], error.keys)}: {error}") from None


def _print_tables(results: "Results", store: "Store", screen: "Console") -> None:
    from roskdbench.report.contents import tables_of
    from roskdbench.report.terminal import terminal_table

    for experiment in results.plan.experiments:
        for table in tables_of(results, experiment):
            screen.print(terminal_table(table))
    option = "" if store.root == STORE else f" --store {store.root}"
    screen.print(
        f"More: roskdbench report {results.name}{option} --compare paper --out DIR", markup=False, soft_wrap=True
    )


def plan(
    suite: SuiteName,
    only: Only = None,
    settings: Settings = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time a few training steps here, to say how long the suite would take.")
    ] = False,
) -> None:
    """Show what a suite comes to: jobs by kind, what sharing saves, what is in the store, how long the rest takes."""
    from roskdbench.store import Store

    planned = _plan(suite, settings, methods_found(folders), only, Store(store))
    _print_plan(planned, console(), Store(store))
    _print_hours(planned, console(), Store(store), measure)


def _print_hours(planned: "Plan", screen: "Console", store: "Store", measure: bool) -> None:
    from roskdbench.plan.estimate import Speed, alone, speeds
    from roskdbench.plan.factory import BACKWARD

    found = speeds(store)
    if measure:
        from roskdbench.engine.device import prepare
        from roskdbench.engine.precision import TRIED, step_seconds
        from roskdbench.jobs.execution import environment

        device = prepare()
        steps = 1000  # as if so many had been taken
        found = [Speed(environment()["device"])]
        found[0].learn("", "", steps * BACKWARD * TRIED, steps * step_seconds(device))
    left = list(planned.needed(each for each in planned.jobs if each in store).values())
    for each in found:
        unit = "GPU-hours" if each.is_gpu else "hours of one core"
        whole, separate = each.hours(planned.jobs.values()), each.hours(alone(planned))
        how = "a few steps of a ResNet-18" if measure else "jobs in this store"
        text = (
            f"On {each.device}, by the speed of {how}: {_hours(each.hours(left))} {unit} to do, {_hours(whole)} from "
            f"an empty store. Scripts that share nothing would take {_hours(separate)}: {separate / whole:.1f} times."
        )
        screen.print(text, soft_wrap=True, markup=False)
    if not found:
        screen.print("How long it will take is not known yet: add --measure.", style="dim")


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.1f}" if hours >= 10 else f"{hours:.2g}"


def _print_plan(planned: "Plan", screen: "Console", store: "Store") -> None:
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
    screen.print(grid)
    shared, alone = planned.trainings, planned.trainings_alone
    if shared:
        screen.print(
            f"{shared} networks are trained; a script per method and cell would train {alone} "
            f"({alone / shared:.1f} times as many).",
            soft_wrap=True,
        )
    screen.print(
        "Work counts forward passes of one image of 64 pixels through a ResNet-18; a training pass is three.",
        style="dim",
        soft_wrap=True,
    )
    problems = planned.suite.problems
    guessed = [f"{name} {problems[name].samples:,} images" for name in planned.problems if planned.is_guessed(name)]
    if guessed:
        screen.print(f"Until its data have been run, a guess: {', '.join(guessed)}.", style="yellow", soft_wrap=True)


def _work(passes: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if passes >= size:
            return f"{passes / size:.1f} {unit}"
    return f"{passes:.0f}"


def report(
    name: Annotated[
        str | None, typer.Argument(metavar="[RUN|SUITE]", help="A run or a suite. Default: the latest run.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.table,
    compare: Annotated[
        str,
        typer.Option(metavar="paper|none|RUN", help="What to set source the numbers: the paper's, or another run's."),
    ] = "none",
    table: Annotated[
        str | None, typer.Option(metavar="I|II|III", help="Only this table of the paper, source the paper's numbers.")
    ] = None,
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
    from roskdbench.errors import UserError
    from roskdbench.report.contents import comparison_source, paper_table, tables_of
    from roskdbench.report.formats import TEXTS, as_json, latex
    from roskdbench.report.terminal import terminal_table
    from roskdbench.results import find_run
    from roskdbench.results import only as only_some
    from roskdbench.store import Store

    if standalone and form is not Format.latex:
        raise UserError("--standalone is for --format latex")
    if table and form is Format.html:
        raise UserError("--table prints one table; pages have them all: leave one of --table and --format html out")
    kept = Store(store)
    results = only_some(find_run(name, kept, tuple(settings or ()), tuple(folders or ())), only or ())
    source = comparison_source("paper" if table and compare == "none" else compare, results, kept, tuple(folders or ()))
    by_experiment = [] if table else [(each, tables_of(results, each, source)) for each in results.plan.experiments]
    tables = paper_table(results, table, source) if table else [one for _, each in by_experiment for one in each]
    if form is Format.html:
        from roskdbench.report.page.writing import write_page

        pages = write_page(results, by_experiment, kept, methods_found(folders), out or Path(f"{results.name}-page"))
        typer.echo(f"wrote {pages[0]}")
        return
    written = []
    if out is not None:
        from roskdbench.report.folder import write_folder

        written = write_folder(results, tables, kept, out)
    if form is Format.table:
        screen = console()
        for one in tables:
            screen.print(terminal_table(one))
    elif form is Format.json:
        typer.echo(as_json(results), nl=False)
    elif form is Format.latex:
        typer.echo(latex(tables, standalone), nl=False)
    else:
        typer.echo(TEXTS[form](tables), nl=False)
    for path in written:
        typer.echo(f"wrote {path}", err=True)


def check(
    name: Annotated[str, typer.Argument(help="A method's name.")],
    folders: Folders = None,
) -> None:
    """Train a method on phantoms for some seconds and say whether it keeps the contract."""
    from roskdbench.check import check_method

    screen = console()
    well = True
    for claim, objection in check_method(methods_found(folders), name):
        mark = "[green]ok[/]  " if objection is None else "[red]no[/]  "
        screen.print(mark, end="")
        screen.print(claim if objection is None else f"{claim}: {objection}", markup=False, soft_wrap=True)
        well = well and objection is None
    if not well:
        raise typer.Exit(1)
