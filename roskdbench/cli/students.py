"""What `store ls --models` prints: trained students, and whose rows they are."""

from collections.abc import Iterator

import typer
from rich.table import Table
from rich.text import Text

from roskdbench.errors import UserError, visible
from roskdbench.exporting import PLACE, Model, every_model
from roskdbench.plugins import Registry
from roskdbench.runs import planned_again, runs
from roskdbench.store import Store

Place = tuple[str, ...]


def students(store: Store, registry: Registry) -> Iterator[Table]:
    """A table for each run that has any: a training a line, and which rows read its last weights, and which the
    averaged ones.
    """
    for name, path in runs(store).items():
        try:
            planned = planned_again(path, registry)
        except UserError as error:
            typer.echo(visible(f"roskdbench: left out {name}: {error}"), err=True)
            continue
        if every := [model for model in every_model(planned) if model.training.fingerprint in store]:
            yield _table(name, every)


def _table(run: str, every: list[Model]) -> Table:
    lines: dict[tuple[Place, str], dict[str, list[str]]] = {}
    for model in every:
        place = tuple(str(getattr(model.cell, name)) for name in PLACE)
        readings = lines.setdefault((place, model.training.fingerprint), {"last": [], "averaged": []})
        readings[model.reading].append(model.cell.method)
    differing = [k for k in range(len(PLACE)) if len({place[k] for place, _ in lines}) > 1]
    grid = Table(title=Text(f"Students of {run}"), title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in (*(PLACE[k] for k in differing), "its last weights are", "its averaged weights are", "training"):
        grid.add_column(heading, overflow="fold")
    for (place, fingerprint), readings in lines.items():
        rows = (", ".join(dict.fromkeys(readings[reading])) for reading in ("last", "averaged"))
        grid.add_row(*(Text(place[k]) for k in differing), *map(Text, rows), fingerprint[:12])
    return grid
