"""`export`: a model of a run as a folder that timm loads."""

from pathlib import Path
from typing import Annotated

import typer

from roskdbench.cli.options import STORE, Folders, Settings, StoreFolder, registry_found

WHICH = "Which model, where there are several"


def export(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="A method, or the title of a row of the tables.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write: a new one, or an earlier export.")],
    suite: Annotated[
        str | None, typer.Option("--suite", metavar="RUN|SUITE", help="A run or a suite. Default: the latest run.")
    ] = None,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Write model.onnx, too, held against the model on test images.")
    ] = False,
    experiment: Annotated[str | None, typer.Option(help="Such as table1.", rich_help_panel=WHICH)] = None,
    problem: Annotated[str | None, typer.Option(help="Such as lesion.", rich_help_panel=WHICH)] = None,
    student: Annotated[str | None, typer.Option(help="The title of a student.", rich_help_panel=WHICH)] = None,
    noise: Annotated[str | None, typer.Option(help="Such as 'symmetric 0.3'.", rich_help_panel=WHICH)] = None,
    overlap: Annotated[float | None, typer.Option(help="Such as 0.4.", rich_help_panel=WHICH)] = None,
    fold: Annotated[int | None, typer.Option(help="Default: the first.", rich_help_panel=WHICH)] = None,
    seed: Annotated[int | None, typer.Option(help="Default: the first.", rich_help_panel=WHICH)] = None,
    settings: Settings = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
) -> None:
    """Write a trained model as a folder that timm loads: weights, config, a card, the suite that made it."""
    from roskdbench.exporting import the_model
    from roskdbench.exporting.folder import Export
    from roskdbench.results import find_run
    from roskdbench.store import Store

    kept = Store(store)
    results = find_run(suite, kept, tuple(settings or ()), tuple(folders or ()))
    place = {
        "experiment": experiment,
        "problem": problem,
        "student": student,
        "noise": noise,
        "overlap": overlap,
        "fold": fold,
        "seed": seed,
    }
    model = the_model(results.plan, method, place)
    for path in Export(results, kept, registry_found(folders), model).write(to, onnx):
        typer.echo(f"wrote {path}")
