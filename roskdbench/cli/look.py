"""`methods`, `suites`, `datasets` and `schema`."""

import typer

from roskdbench.cli.options import Data, Folders, console


def methods(folders: Folders = None) -> None:
    """List the methods there are, with a line each, and the files that could not be loaded."""
    from rich.table import Table
    from rich.text import Text

    from roskdbench.registry import discover

    registry = discover(folders or [])
    grid = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("method", "", "from"):
        grid.add_column(heading)
    for name, entry in registry.entries.items():
        origin = "bundled" if entry.bundled else entry.origin
        grid.add_row(Text(name, style="bold"), Text(entry.method.summary()), Text(origin, style="dim"))
    screen = console()
    screen.print(grid)
    for line in registry.broken:
        screen.print(f"left out {line}", style="red", markup=False, soft_wrap=True)


def suites() -> None:
    """List the bundled suites."""
    from rich.table import Table
    from rich.text import Text

    from roskdbench.suite import read_suite, suite_names

    grid = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("suite", "", "experiments"):
        grid.add_column(heading)
    for name in suite_names():
        suite = read_suite(name)
        grid.add_row(Text(name, style="bold"), Text(suite.title), Text(", ".join(suite.experiments), style="dim"))
    console().print(grid)


def datasets(data: Data = None) -> None:
    """List the datasets that suites can name: terms, whether the data are found, and how to get them."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from roskdbench.data.cards import CARDS
    from roskdbench.data.roots import VARIABLE, read_roots, under_variable

    given = read_roots(data or (), CARDS)
    grid = Table(box=None, padding=(0, 2, 1, 0), show_header=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, card in CARDS.items():
        place = given.get(name) or under_variable(name)
        if name.startswith("phantom"):
            state = Text("drawn", style="green")
        elif place is not None and place.exists():
            state = Text(f"found: {place}", style="green")
        else:
            state = Text("" if name in ("folder", "medmnist") else "not found", style="yellow")
        terms = Text(f"licence: {card.licence}\ncite: {card.citation}\nget: {card.how}", style="dim")
        grid.add_row(Text(name, style="bold"), Group(Text.assemble(card.title, "   ", state), terms))
    screen = console()
    screen.print(grid)
    screen.print(
        f"Data are found in {VARIABLE}/DATASET, or where --data or a suite's root says. Nothing is downloaded.",
        style="dim",
        markup=False,
    )


def schema() -> None:
    """Print the JSON Schema of suite files, so that an editor completes and checks them."""
    import json

    from roskdbench.suite import Suite

    described = Suite.model_json_schema()
    described["properties"]["extends"] = {"type": "string", "description": "A suite to lay this one over."}
    typer.echo(json.dumps(described, indent=2))
