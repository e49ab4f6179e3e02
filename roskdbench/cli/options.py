"""What several commands take, and how they print."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from roskdbench.registry import Registry

STORE = Path("roskdbench-store")

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
Workers = Annotated[
    int | None, typer.Option(min=1, help="Jobs at a time. Default: one for each core, or one for a GPU.")
]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="EXPERIMENT", help="Just this experiment. Repeatable.")
]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="PROBLEM=DIR",
        help="Where a problem's data are, such as lesion=/data/isic2019. Before the suite's root. Repeatable.",
    ),
]


def console() -> "Console":
    """Where tables go."""
    from rich.console import Console

    return Console(highlight=False)


def methods_found(folders: list[Path] | None) -> "Registry":
    """The methods there are; files that cannot be loaded are named on the error output."""
    from roskdbench.registry import discover

    registry = discover(folders or [])
    for line in registry.broken:
        typer.echo(f"roskdbench: left out {line}", err=True)
    return registry


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
