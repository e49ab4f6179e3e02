"""`check`: whether something of one's own keeps its contract."""

from pathlib import Path
from typing import Annotated

import typer

from roskdbench.cli.options import Folders, console, registry_found


def check(
    name: Annotated[
        str,
        typer.Argument(
            help="The name of a method, measure, metric, dataset, attack, corruption or network, or a file of your own."
        ),
    ],
    folders: Folders = None,
) -> None:
    """Try something on phantoms for some seconds and say whether it keeps the contract."""
    from roskdbench.checking import check_named, named_in

    screen = console()
    well = True
    file = Path(name) if name.endswith(".py") else None
    registry = registry_found([*(folders or []), *([file.parent] if file else [])])
    for each in [name] if file is None else named_in(registry, file):
        for claim, objection in check_named(registry, each):
            mark = "[green]ok[/]  " if objection is None else "[red]no[/]  "
            screen.print(mark, end="")
            screen.print(claim if objection is None else f"{claim}: {objection}", markup=False, soft_wrap=True)
            well = well and objection is None
    if not well:
        raise typer.Exit(1)
