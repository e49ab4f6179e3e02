"""`suites`: what comes along, what one says, and whether one's own can be planned."""

from typing import Annotated

import typer

from roskdbench.cli.commands import Commands
from roskdbench.cli.options import STORE, Folders, Only, Settings, StoreFolder, SuiteName, console, registry_found

app = Commands(help="List the bundled suites; show one; check one's own.")


@app.callback(invoke_without_command=True)
def _list(context: typer.Context, store: StoreFolder = STORE) -> None:
    if context.invoked_subcommand is None:
        listing(store)


def listing(store: StoreFolder) -> None:
    """List the bundled suites, and how long each takes here as far as jobs in the store tell."""
    from rich.table import Table
    from rich.text import Text

    from roskdbench.plan import plan
    from roskdbench.plan.estimate import speeds
    from roskdbench.plugins import bundled_registry
    from roskdbench.runs import last_located
    from roskdbench.store import Store
    from roskdbench.suite import read_suite, suite_names

    kept = Store(store)
    known = [each for each in speeds(kept) if each.known][:1]
    grid = Table(box=None, padding=(0, 2, 0, 0))
    for heading in (
        "suite",
        "",
        "experiments",
        *(f"hours of one {'GPU' if each.is_gpu else 'core'}" for each in known),
    ):
        right = heading.startswith("hours")
        grid.add_column(heading, justify="right" if right else "left", no_wrap=heading == "suite")
    for name in suite_names():
        suite = read_suite(name)
        told = [Text(name, style="bold"), Text(suite.title), Text(", ".join(suite.experiments), style="dim")]
        for speed in known:
            planned = plan(suite, bundled_registry(), located=last_located(suite, kept))
            hours = speed.hours(planned.jobs.values())
            told.append(Text("under .1" if hours < 0.1 else f"{hours:.1f}" if hours < 10 else f"{hours:,.0f}"))
        grid.add_row(*told)
    screen = console()
    screen.print(grid)
    if known:
        screen.print(
            f"Hours are those of all of a suite, from {known[0].device} and the jobs in {store}; "
            "`roskdbench plan SUITE` says what is left.",
            style="dim",
            markup=False,
        )


@app.command()
def show(
    suite: SuiteName,
    full: Annotated[
        bool, typer.Option("--full", help="As it stands with what it extends, with every default, and after --set.")
    ] = False,
    settings: Settings = None,
    folders: Folders = None,
) -> None:
    """Print a suite's file; with --full, all that it comes to."""
    import yaml

    from roskdbench import foreign
    from roskdbench.errors import UserError, visible
    from roskdbench.suite import find_suite, read_suite

    if settings and not full:
        raise UserError("--set changes what a suite comes to: add --full")
    if full:
        said = read_suite(suite, settings or (), registry_found(folders)).model_dump(mode="json")
        text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=120)
    else:
        text = foreign.text_of(find_suite(suite), foreign.SUITE)
    for line in text.splitlines():
        typer.echo(visible(line))


@app.command()
def check(suite: SuiteName, only: Only = None, settings: Settings = None, folders: Folders = None) -> None:
    """Say whether a suite can be run, what it comes to, and what looks odd about it. It needs no store, and no data."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from roskdbench.cli.plan import remarks
    from roskdbench.session import Session
    from roskdbench.store import Store

    screen, registry = console(), registry_found(folders)
    with TemporaryDirectory() as empty:
        store = Path(empty)
        session = Session(suite, store, folders or [], only or [], settings=settings or [])
        planned = session.planned(registry, Store(store))
    counts = [
        _counted(len(planned.cells), "cell"),
        _counted(len(planned.experiments), "experiment"),
        _counted(planned.trainings, "training"),
        *([_counted(len(planned.suite.claims), "claim")] if planned.suite.claims else []),
    ]
    screen.print(f"{planned.suite.suite} can be run: {', '.join(counts)}.", style="green", markup=False)
    for line in remarks(planned):
        screen.print(line, style="yellow", soft_wrap=True, markup=False)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
