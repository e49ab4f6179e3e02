"""`check`: whether something of one's own keeps its contract."""

from typing import Annotated

import typer

from roskdbench.cli.options import Folders, console, registry_found


def check(
    name: Annotated[
        str, typer.Argument(help="The name of a method, measure, metric, dataset, attack, corruption or network.")
    ],
    folders: Folders = None,
) -> None:
    """Try something on phantoms for some seconds and say whether it keeps the contract."""
    from roskdbench.checking import check_named

    screen = console()
    well = True
    for claim, objection in check_named(registry_found(folders), name):
        mark = "[green]ok[/]  " if objection is None else "[red]no[/]  "
        screen.print(mark, end="")
        screen.print(claim if objection is None else f"{claim}: {objection}", markup=False, soft_wrap=True)
        well = well and objection is None
    if not well:
        raise typer.Exit(1)
