"""`claims`: the verdicts on what a suite claims, alone."""

from typing import Annotated

import typer

from roskdbench.cli.options import STORE, Folders, Settings, StoreFolder, console


def claims(
    name: Annotated[
        str | None, typer.Argument(metavar="[RUN|SUITE]", help="A run or a suite. Default: the latest run.")
    ] = None,
    settings: Settings = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
) -> None:
    """Print what a suite claims and what became of each claim: supported, contradicted, equivalent, or cannot tell."""
    from roskdbench.errors import UserError
    from roskdbench.report.contents import claims_table
    from roskdbench.report.terminal import terminal_table
    from roskdbench.results import find_run
    from roskdbench.store import Store

    results = find_run(name, Store(store), tuple(settings or ()), tuple(folders or ()))
    table = claims_table(results)
    if table is None:
        raise UserError(
            f"the suite {results.plan.suite.suite} claims nothing; state claims in it, such as "
            "`claims: {averaging-helps: ros-kd > baseline-v in f1}`"
        )
    console().print(terminal_table(table))
