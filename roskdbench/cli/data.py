"""`data check` and `data prepare`: the data of a suite, ahead of a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roskdbench.cli.options import STORE, Data, Folders, Settings, StoreFolder, SuiteName, console, registry_found

if TYPE_CHECKING:
    from roskdbench.suite import Suite

app = typer.Typer(
    help="Look over a suite's data, decode them ahead of a run, or draw a small release.", no_args_is_help=True
)


@app.command()
def check(
    suite: SuiteName,
    data: Data = None,
    settings: Settings = None,
    store: StoreFolder = STORE,
    folders: Folders = None,
) -> None:
    """Read a suite's label files, find every image, look at the head of each, and say what there is."""
    from roskdbench.data.checking import check_images
    from roskdbench.data.datasets import catalogue
    from roskdbench.data.preparation import is_prepared
    from roskdbench.errors import UserError
    from roskdbench.report.terminal import class_table
    from roskdbench.store import Store
    from roskdbench.suite.problems import RealProblem

    declared, roots = _declared(suite, settings, data, folders)
    screen, unreadable = console(), 0
    for name, root in roots.items():
        spec = declared.problems[name]
        assert isinstance(spec, RealProblem)
        listed = catalogue(name, spec, root)
        screen.print(class_table(name, root, listed.labels, listed.remark))
        bad = check_images(listed.images)
        for image, reason in list(bad.items())[:10]:
            screen.print(f"  {image}: {reason}", style="red", markup=False)
        if len(bad) > 10:
            screen.print(f"  … and {len(bad) - 10:,} more", style="red")
        unreadable += len(bad) if len(bad) > spec.bad_images * len(listed.images) else 0
        prepared = is_prepared(spec, listed, Store(store))
        state = "its pixels are in the store" if prepared else f"to decode it now: roskdbench data prepare {suite}"
        screen.print(f"  {state}\n", style="dim", markup=False, soft_wrap=True)
    if not roots:
        screen.print("All problems of this suite are drawn; there are no data to look over.")
    if unreadable:
        raise UserError(f"{unreadable:,} images cannot be read (above); mend them, or allow a share with bad_images")


@app.command()
def prepare(
    suite: SuiteName,
    data: Data = None,
    settings: Settings = None,
    store: StoreFolder = STORE,
    folders: Folders = None,
) -> None:
    """Decode every image of a suite into the store. Stop it whenever you like: it goes on where it stopped."""
    from roskdbench.data.preparation import locate
    from roskdbench.executors.config import cores
    from roskdbench.live import decoding_for
    from roskdbench.store import Store

    declared, roots = _declared(suite, settings, data, folders)
    screen = console()
    try:
        with decoding_for(screen) as report:
            located = locate(declared.problems, roots, Store.at(store), cores(), report)
    except KeyboardInterrupt:
        screen.print("Interrupted. What is decoded is kept; the same command goes on from there.")
        raise typer.Exit(130) from None
    for name, found in located.items():
        message = f"{name}: {found.content.samples:,} images are ready. {found.content.remark}"
        screen.print(message.rstrip(), markup=False, soft_wrap=True)
    if not roots:
        screen.print("All problems of this suite are drawn; there are no data to prepare.")


@app.command()
def generate(
    dataset: Annotated[str, typer.Argument(help="A dataset's name, such as chexpert.")],
    folder: Annotated[Path, typer.Argument(help="Where to write; it must not be there, or be empty.")],
    patients: Annotated[int, typer.Option(min=1, max=100_000, help="How many patients, or lesions.")] = 60,
    seed: Annotated[int, typer.Option(help="Of the drawing; the same seed writes the same files.")] = 0,
    folders: Folders = None,
) -> None:
    """Write a small release in a dataset's official layout, with drawn images: to try a suite on before the data are
    there.
    """
    from roskdbench.errors import UserError, refusal
    from roskdbench.suite.problems import RealProblem

    chosen = registry_found(folders).find("dataset", dataset).thing
    if not issubclass(chosen, RealProblem):
        raise UserError(f"{dataset} is drawn anew wherever it is needed; there are no files to write")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} is there already, and not empty; name a new folder")
        chosen.generate(folder, patients, seed)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {refusal(error)}") from None
    message = f"A drawn {dataset} in the official layout is in {folder}. Its images say nothing of patients."
    console().print(message, markup=False, soft_wrap=True)


def _declared(
    suite: str, settings: list[str] | None, data: list[str] | None, folders: list[Path] | None
) -> "tuple[Suite, dict[str, Path]]":
    from roskdbench.data.roots import find_roots
    from roskdbench.suite import read_suite

    declared = read_suite(suite, settings or [], registry_found(folders))
    return declared, find_roots(declared.problems, declared.problems, data or ())
