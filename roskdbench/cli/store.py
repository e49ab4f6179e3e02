"""`store ls`, `store size`, `store verify` and `store gc`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roskdbench.cli.commands import Commands
from roskdbench.cli.options import STORE, Folders, StoreFolder, console, registry_found

if TYPE_CHECKING:
    from roskdbench.store import Store

app = Commands(help="Look after the store: what is in it, whether it is whole, what can go.", no_args_is_help=True)


@app.command("ls")
def listing(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="List the artifacts of this kind, such as teacher.")
    ] = None,
    models: Annotated[
        bool, typer.Option("--models", help="List the trained students of every run, and whose rows they are.")
    ] = False,
    folders: Folders = None,
    store: StoreFolder = STORE,
) -> None:
    """List what the store holds: kinds of artifacts and runs; or every artifact of a kind; or students to export."""
    from rich.filesize import decimal as amount
    from rich.table import Table
    from rich.text import Text

    from roskdbench.cli.students import students
    from roskdbench.errors import UserError, nearest
    from roskdbench.live import duration
    from roskdbench.runs import runs
    from roskdbench.store_admin import kept

    there, screen = _store(store), console()
    if models:
        if kind is not None:
            raise UserError("store ls takes a kind or --models")
        for table in students(there, registry_found(folders)):
            screen.print(table)
        return
    every = list(kept(there))
    grid = Table(box=None, padding=(0, 2, 0, 0))
    if kind is None:
        for heading in ("kind", "artifacts", "size", "took"):
            grid.add_column(heading, justify="left" if heading == "kind" else "right")
        for each in dict.fromkeys(sorted(one.kind for one in every)):
            own = [one for one in every if one.kind == each]
            grid.add_row(
                each, str(len(own)), amount(sum(one.bytes for one in own)), duration(sum(o.seconds for o in own))
            )
        screen.print(grid)
        names = ", ".join(runs(there)) or "none"
        screen.print(f"Runs, the latest last: {names}", soft_wrap=True, markup=False)
        return
    own = [one for one in every if one.kind == kind]
    if not own:
        raise UserError(f"the store has no artifacts of kind '{kind}'; {nearest(kind, {one.kind for one in every})}")
    for heading in ("artifact", "what", "size", "took"):
        grid.add_column(heading, justify="right" if heading in ("size", "took") else "left", overflow="fold")
    for one in sorted(own, key=lambda one: one.label):
        grid.add_row(one.fingerprint[:12], Text(one.label), amount(one.bytes), duration(one.seconds))
    screen.print(grid)


@app.command("size")
def how_large(folders: Folders = None, store: StoreFolder = STORE) -> None:
    """Say how much room the store takes, and how much of it each run needs."""
    import shutil

    from rich.filesize import decimal as amount
    from rich.table import Table

    from roskdbench.runs import runs
    from roskdbench.store_admin import ROOMS, kept, needed, size

    there, screen = _store(store), console()
    sizes = {each.fingerprint: each.bytes for each in kept(there)}
    grid = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", "size", "what"):
        grid.add_column(heading, justify="right" if heading == "size" else "left")
    grid.add_row("artifacts", amount(sum(sizes.values())), f"{len(sizes)} of them", style="bold")
    for room, what in ROOMS.items():
        if taken := size(there.root / room):
            grid.add_row(room, amount(taken), what)
    registry = registry_found(folders)
    wanted = {name: needed(there, [name], registry) for name in runs(there)}
    for name, prints in wanted.items():
        others = set().union(*(each for other, each in wanted.items() if other != name))
        own = amount(sum(sizes.get(each, 0) for each in prints - others))
        grid.add_row(
            f"run {name}", amount(sum(sizes.get(each, 0) for each in prints)), f"{own} of it no other run needs"
        )
    screen.print(grid)
    free = amount(shutil.disk_usage(there.root).free)
    twice = " Images that artifacts share with data/ count twice." if size(there.root / "data") else ""
    screen.print(f"{free} are free on its disk.{twice}", style="dim")


@app.command()
def verify(store: StoreFolder = STORE) -> None:
    """Read every artifact and compare its bytes with those that were written. Damaged ones are set aside: run again."""
    from rich.progress import Progress

    from roskdbench.store_admin import damaged

    there, screen = _store(store), console()
    every = len(list(there.fingerprints()))
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("verifying", total=1.0)
        found = damaged(there, lambda done: bar.update(task, completed=done))
    for fingerprint, reason in found:
        screen.print(f"{fingerprint[:12]}: {reason}", style="red", markup=False, soft_wrap=True)
    screen.print(f"{every - len(found)} of {every} artifacts are whole.")
    if found:
        screen.print("Those set aside are made again by the next run that needs them.")
        raise typer.Exit(1)


@app.command("gc")
def collect_garbage(
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="RUN|SUITE", help="What to keep. Repeatable. Default: every recorded run."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and stop.")] = False,
    folders: Folders = None,
    store: StoreFolder = STORE,
) -> None:
    """Delete what no kept run needs: artifacts, drafts and checkpoints of killed jobs, what was damaged.

    Decoded images of data on disk (the kind images) stay.
    """
    from rich.filesize import decimal as amount

    from roskdbench.errors import UserError
    from roskdbench.runs import runs
    from roskdbench.store_admin import garbage, needed, runs_of, take_away

    there, screen = _store(store), console()
    names = list(keep or runs(there))
    if not names:
        raise UserError(
            f"{store} has no record of a run, so all of it would go: say what to --keep, or delete the folder"
        )
    registry = registry_found(folders)
    stay = set().union(*(runs_of(there, name, registry) for name in names))
    found = garbage(there, needed(there, names, registry), stay)
    summary = (
        f"{len(found.artifacts)} artifacts, {len(found.folders)} drafts, checkpoints and records, {amount(found.bytes)}"
    )
    if dry_run:
        for each in found.artifacts:
            screen.print(f"  {each.fingerprint[:12]} {each.label}", markup=False, soft_wrap=True)
        screen.print(f"Would go: {summary}.")
        return
    take_away(there, found)
    screen.print(f"Gone: {summary}. Kept: {', '.join(names) or 'nothing'}.", markup=False, soft_wrap=True)


def _store(root: Path) -> "Store":
    from roskdbench.errors import UserError
    from roskdbench.store import Store, refuse_other_folders

    if not (root / "runs").is_dir():
        raise UserError(f"there is no store at {root}; name the store with --store DIR")
    refuse_other_folders(root)
    return Store(root)
