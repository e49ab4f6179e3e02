"""The command line: parse, call, print. Heavy imports wait until a command needs them."""

from collections.abc import Callable
from typing import Annotated

import typer

from roskdbench.cli import (
    check,
    claims,
    data,
    doctor,
    export,
    leaderboard,
    look,
    methods,
    model_file,
    new,
    plan,
    report,
    run,
    store,
    suites,
)
from roskdbench.cli.commands import Commands

app = Commands(
    help="Benchmark methods that distil robust students from noisy-label teachers.",
    epilog="Start with: roskdbench run quick",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
COMMANDS: dict[str, list[Callable[..., None]]] = {
    "Work": [run.run, plan.plan, report.report, claims.claims, check.check],
    "One model": [export.export, model_file.attack, model_file.landscape],
    "Look": [look.schema, doctor.doctor],
    "What there is": [
        methods.methods,
        look.measures,
        look.metrics,
        look.datasets,
        look.attacks,
        look.corruptions,
        look.networks,
        look.formats,
        look.figures,
    ],
}
for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(data.app, name="data", rich_help_panel="Work")
app.add_typer(suites.app, name="suites", rich_help_panel="Look")
app.add_typer(store.app, name="store", rich_help_panel="Look")
app.add_typer(leaderboard.app, name="leaderboard", rich_help_panel="Work")
app.add_typer(new.app, name="new", rich_help_panel="Work")


@app.callback(invoke_without_command=True)
def _main(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        from roskdbench import __version__

        typer.echo(__version__)
        raise typer.Exit
