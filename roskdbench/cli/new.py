"""`new suite`, `method`, `measure`, `metric`, `dataset`, `attack`, `corruption`: a file of one's own to start from."""

from pathlib import Path
from typing import Annotated

import typer

from roskdbench.cli.commands import Commands

app = Commands(help="Start something of your own: a file that works, and its test.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What it is to be called, such as my-own.")]
Into = Annotated[Path, typer.Option("--in", metavar="DIR", help="The folder to put it in.")]
METHODS, PLUGINS, SUITES = Path("methods"), Path("plugins"), Path("suites")


@app.command()
def suite(name: Name, folder: Into = SUITES) -> None:
    """Write a suite to start from: every part of it with a comment, on phantoms, in minutes."""
    from roskdbench.templates import write_suite

    path = write_suite(name, folder)
    typer.echo(f"wrote {path}")
    typer.echo(f"Check it with: roskdbench suites check {path}")


@app.command()
def method(name: Name, folder: Into = METHODS) -> None:
    """Write a method to start from, with a loss of its own."""
    _write("method", name, folder)


@app.command()
def measure(name: Name, folder: Into = PLUGINS) -> None:
    """Write a measure to start from: two columns, one with intervals."""
    _write("measure", name, folder)


@app.command()
def metric(name: Name, folder: Into = PLUGINS) -> None:
    """Write a metric on stored predictions to start from."""
    _write("metric", name, folder)


@app.command()
def dataset(name: Name, folder: Into = PLUGINS) -> None:
    """Write a dataset to start from."""
    _write("dataset", name, folder)


@app.command()
def attack(name: Name, folder: Into = PLUGINS) -> None:
    """Write an attack to start from."""
    _write("attack", name, folder)


@app.command()
def corruption(name: Name, folder: Into = PLUGINS) -> None:
    """Write a corruption of test images to start from."""
    _write("corruption", name, folder)


def _write(family: str, name: str, folder: Path) -> None:
    from roskdbench.templates import write_plugin

    for path in write_plugin(family, name, folder):
        typer.echo(f"wrote {path}")
    typer.echo(f"Check it with: roskdbench check {name} --plugins {folder}")
