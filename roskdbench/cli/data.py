"""`data check` and `data prepare`: the data of a suite, ahead of a run."""

from typing import TYPE_CHECKING

import typer

from roskdbench.cli.options import STORE, Data, Settings, StoreFolder, SuiteName, console

if TYPE_CHECKING:
    from pathlib import Path

    from roskdbench.suite import Suite

app = typer.Typer(help="Look over a suite's data, or decode them, ahead of a run.", no_args_is_help=True)


@app.command()
def check(suite: SuiteName, data: Data = None, settings: Settings = None, store: StoreFolder = STORE) -> None:
    """Read a suite's label files, find every image, look at the head of each, and say what there is."""
    from roskdbench.data.checking import check_images
    from roskdbench.data.datasets import catalogue
    from roskdbench.data.preparation import is_prepared
    from roskdbench.errors import UserError
    from roskdbench.report.terminal import class_table
    from roskdbench.store import Store
    from roskdbench.suite.problems import RealProblem

    declared, roots = _declared(suite, settings, data)
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
def prepare(suite: SuiteName, data: Data = None, settings: Settings = None, store: StoreFolder = STORE) -> None:
    """Decode every image of a suite into the store. Stop it whenever you like: it goes on where it stopped."""
    from roskdbench.data.preparation import locate
    from roskdbench.executors.config import cores
    from roskdbench.live import decoding_for
    from roskdbench.store import Store

    declared, roots = _declared(suite, settings, data)
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


def _declared(suite: str, settings: list[str] | None, data: list[str] | None) -> "tuple[Suite, dict[str, Path]]":
    from roskdbench.data.roots import find_roots
    from roskdbench.suite import read_suite

    declared = read_suite(suite, settings or [])
    return declared, find_roots(declared.problems, declared.problems, data or ())
