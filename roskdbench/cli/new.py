"""`new method`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Start something of your own.", no_args_is_help=True)


@app.callback()
def _only() -> None:
    pass


@app.command("method")
def new_method(
    name: Annotated[str, typer.Argument(help="What it is to be called, such as my-method.")],
    folder: Annotated[Path, typer.Option("--in", metavar="DIR", help="The folder to put it in.")] = Path("methods"),
) -> None:
    """Write a method file to start from, with a loss of its own, and a test beside it."""
    from roskdbench.template import write_method

    for path in write_method(name, folder):
        typer.echo(f"wrote {path}")
    typer.echo(f"Check it with: roskdbench check {name} --methods {folder}")
