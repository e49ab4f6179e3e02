"""`run`: compute what a suite asks for, and print its tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roskdbench.cli.options import (
    STORE,
    Address,
    Data,
    DeterministicCpu,
    Devices,
    Executor,
    ExecutorKind,
    Folders,
    Only,
    Pretrained,
    Settings,
    SlurmOptions,
    StoreFolder,
    SuiteName,
    Workers,
    console,
    registry_found,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from roskdbench.results import Results
    from roskdbench.store import Store


def run(
    suite: SuiteName,
    workers: Workers = None,
    executor: Executor = ExecutorKind.local,
    devices: Devices = None,
    address: Address = None,
    slurm: SlurmOptions = None,
    deterministic_cpu: DeterministicCpu = False,
    only: Only = None,
    data: Data = None,
    pretrained: Pretrained = None,
    settings: Settings = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
    track: Annotated[
        list[str] | None,
        typer.Option(
            metavar="tensorboard|wandb|mlflow|MODULE:NAME",
            help="Tell a tracker of every training, score, table and picture; its files go into STORE/tracking. "
            "Repeatable.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be computed, and stop.")] = False,
) -> None:
    """Compute what a suite asks for and the store does not have yet, then print its tables.

    Stop it whenever you like: the same command goes on where it stopped. The tables do not depend on --workers.
    """
    from roskdbench.cli.running import watched
    from roskdbench.executors import ExecutorConfig
    from roskdbench.session import Session
    from roskdbench.store import Store

    screen = console()
    config = ExecutorConfig(
        executor.value,
        workers,
        devices.split(",") if devices else (),
        address,
        _pairs("--slurm", slurm or []),
        deterministic_cpu,
    )
    session = Session(
        suite, store, folders or [], only or [], data or [], settings or [], config, pretrained=pretrained or []
    )
    registry = registry_found(folders)
    if dry_run:
        from roskdbench.cli.plan import print_plan

        print_plan(session.planned(registry, Store(store)), screen, Store(store))
        return
    results, progress = watched(session, screen, track or [])
    if not progress.state:
        screen.print("Nothing to do: everything this suite asks for is in the store.")
    _print_tables(results, Store(store), folders or [], screen)
    if not progress.well or results.gaps:
        raise typer.Exit(1)


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    from roskdbench.errors import UserError

    for each in texts:
        if "=" not in each:
            raise UserError(f"{option} {each}: say KEY=VALUE")
    return dict(each.split("=", 1) for each in texts)


def _print_tables(results: "Results", store: "Store", folders: "Sequence[Path]", screen: "Console") -> None:
    from roskdbench.report.contents import contents_of
    from roskdbench.report.terminal import terminal_table
    from roskdbench.suite.problems import DrawnDataset

    for table in contents_of(results).every:
        screen.print(terminal_table(table))
    options = [f"--store {store.root}"] * (store.root != STORE) + [f"--plugins {folder}" for folder in folders]
    suite = results.plan.suite
    repeats = any(suite.experiments[name].paper for name in results.plan.experiments)
    drawn = any(isinstance(suite.problems[name], DrawnDataset) for name in results.plan.problems)
    options += ["--compare paper"] * (repeats and not drawn)
    screen.print(
        f"More: roskdbench report {' '.join([results.name, *options])} --out DIR", markup=False, soft_wrap=True
    )
