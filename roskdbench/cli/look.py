"""What there is: measures and all else that can be added, datasets, and the schema."""

from typing import TYPE_CHECKING, Any

import typer

from roskdbench.cli.options import Data, Folders, console

if TYPE_CHECKING:
    from rich.console import Console

    from roskdbench.plugins import Entry, Registry


def measures(folders: Folders = None) -> None:
    """List what can be measured, for `measures` in a suite."""
    _list("measure", folders)


def metrics(folders: Folders = None) -> None:
    """List the metrics on stored predictions, for `shown` in a suite, beside the scores that every cell has."""
    _list("metric", folders)


def attacks(folders: Folders = None) -> None:
    """List the attacks there are, besides those of torchattacks."""
    _list("attack", folders)


def corruptions(folders: Folders = None) -> None:
    """List the corruptions of test images there are."""
    _list("corruption", folders)


def networks(folders: Folders = None) -> None:
    """List the networks that plugins add to timm's."""
    _list("network", folders)


def formats(folders: Folders = None) -> None:
    """List what reports can be written as, besides tables for the terminal and pages."""
    _list("format", folders)


def figures(folders: Folders = None) -> None:
    """List the figures that reports draw."""
    _list("figure", folders)


def _list(family: str, folders: Folders) -> None:
    from rich.table import Table
    from rich.text import Text

    from roskdbench.plugins import FAMILIES, discover

    registry = discover(folders or [])
    grid = Table(box=None, padding=(0, 2, 0, 0))
    for heading in (family, "", "from"):
        grid.add_column(heading)
    for name, entry in registry.of(family).items():
        origin = "bundled" if entry.bundled else entry.origin
        grid.add_row(Text(name, style="bold"), Text(_line(family, entry)), Text(origin, style="dim"))
    screen = console()
    if registry.of(family):
        screen.print(grid)
    else:
        screen.print(f"There are no {FAMILIES[family].plural}: a plugin can add them.")
    print_left_out(registry, family, screen)


def print_left_out(registry: "Registry", family: str, screen: "Console") -> None:
    """What could not be loaded, and names of a family that were given twice."""
    for (clashing, _), sentence in registry.clashes.items():
        if clashing == family:
            screen.print(sentence, style="red", markup=False, soft_wrap=True)
    for line in registry.broken:
        screen.print(f"left out {line}", style="red", markup=False, soft_wrap=True)


def _line(family: str, entry: "Entry") -> str:
    """What something is, in a line."""
    from roskdbench.suite.declared import first_sentence

    thing: Any = entry.thing
    if family == "figure":
        return str(thing.caption)
    if family == "metric":
        return first_sentence(thing.statistic)
    if family == "format":
        return first_sentence(thing.write)
    return first_sentence(thing) if family == "network" else str(thing.summary())


def datasets(folders: Folders = None, data: Data = None) -> None:
    """List the datasets that suites can name: terms, whether the data are found, and how to get them."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from roskdbench.data.roots import VARIABLE, read_roots, under_variable
    from roskdbench.plugins import discover
    from roskdbench.suite.problems import RealProblem

    there = {name: entry.thing for name, entry in discover(folders or []).of("dataset").items()}
    given = read_roots(data or (), there)
    grid = Table(box=None, padding=(0, 2, 1, 0), show_header=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, dataset in there.items():
        card = dataset.card
        if not issubclass(dataset, RealProblem):
            state = Text("drawn", style="green")
        else:
            place = given.get(name) or under_variable(dataset)
            found = place is not None and place.exists()
            state = Text(f"found: {place}", style="green") if found else Text("not found", style="yellow")
        known = dataset.grouped_by
        groups = f"{known}s" if isinstance(known, str) else "not known: images" if known is None else "as a suite says"
        terms = Text(f"groups: {groups}\nlicence: {card.licence}\ncite: {card.citation}\nget: {card.how}", style="dim")
        grid.add_row(Text(name, style="bold"), Group(Text.assemble(card.title, "   ", state), terms))
    screen = console()
    screen.print(grid)
    screen.print(
        f"Data are found in {VARIABLE}/DATASET, or where --data or a suite's root says. Nothing is downloaded.",
        style="dim",
        markup=False,
    )


def schema(folders: Folders = None) -> None:
    """Print the JSON Schema of suite files, so that an editor completes and checks them."""
    import json

    from roskdbench.plugins import discover
    from roskdbench.suite.described import described

    typer.echo(json.dumps(described(discover(folders or [])), indent=2))
