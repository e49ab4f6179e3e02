"""`leaderboard`: add a run to a board, check a board, merge boards, hand one in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roskdbench.bundled import bundled
from roskdbench.cli.commands import Commands
from roskdbench.cli.options import STORE, Folders, StoreFolder, console, registry_found

if TYPE_CHECKING:
    from rich.console import Console

    from roskdbench.board.content import Board as BoardContent
    from roskdbench.plugins import Registry

app = Commands(help="Boards that others can check: results, predictions, and what made them.", no_args_is_help=True)

BOARDS = Path("leaderboards")


def _folder(board: Path) -> Path:
    """A board may be called by its name, as the suite it is of: one that is here, or that came along."""
    if board.exists() or board.parent != Path():
        return board
    return next((each / board for each in (BOARDS, bundled("leaderboards")) if (each / board).is_dir()), board)


Board = Annotated[
    Path,
    typer.Argument(metavar="BOARD", help="A board's folder or its name under leaderboards/.", callback=_folder),
]


@app.command()
def add(
    run: Annotated[str, typer.Argument(metavar="RUN|SUITE", help="A run or a suite, as for `report`.")],
    who: Annotated[str, typer.Option("--by", help="Who made it.")] = "anonymous",
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The board's folder. Default: leaderboards/SUITE.")
    ] = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
) -> None:
    """Write the board of a finished run: results.csv, predictions.npz, provenance.json, README.md."""
    from roskdbench.board.adding import board_of
    from roskdbench.board.content import PROVENANCE, write_board
    from roskdbench.board.readme import page
    from roskdbench.results import find_run
    from roskdbench.store import Store

    kept = Store(store)
    found = find_run(run, kept, (), tuple(folders or ()))
    board = board_of(found, kept, who, registry_found(folders))
    folder = to or BOARDS / board.suite.suite
    if (folder / PROVENANCE).is_file():
        typer.echo(f"{folder} is replaced; what was written around its tables stays")
    for path in write_board(board, folder, page(board, folder)):
        typer.echo(f"wrote {path}")


@app.command()
def site(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it.")],
    boards: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder that has the boards.", show_default="leaderboards")
    ] = BOARDS,
    folders: Folders = None,
) -> None:
    """Write static pages over all boards: an index, a page a board, a page a method, and how to hand one in."""
    from roskdbench.site import write_site

    there = boards if boards.is_dir() or boards != BOARDS else bundled("leaderboards")
    with console().status("") as status:
        pages = write_site(there, folder, registry_found(folders), status.update)
    typer.echo(f"wrote {pages[0]} and {len(pages) - 1} more pages")


@app.command()
def schema(folders: Folders = None) -> None:
    """Print the JSON Schema of a board's provenance.json."""
    import json

    from roskdbench.board.schema import board_schema

    typer.echo(json.dumps(board_schema(registry_found(folders)), indent=2))


@app.command()
def verify(
    board: Board,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="PROBLEM=DIR", help="Hold its labels and images against these data, too. Repeatable."),
    ] = None,
    retrain: Annotated[
        int, typer.Option(metavar="N", min=0, help="Train so many of its cells again, drawn at random, and compare.")
    ] = 0,
    folders: Folders = None,
) -> None:
    """Compute every number of a board again from its predictions, and hold its rows and labels against its suite and
    the methods here.
    """
    from roskdbench.board.binding import on_trust
    from roskdbench.board.content import read_board
    from roskdbench.board.readme import objection
    from roskdbench.board.verifying import verify as verify_board
    from roskdbench.suite.departures import departures

    registry = registry_found(folders)
    read = read_board(board, registry)
    screen = console()
    objections = objection(read, board)
    if data or retrain:
        objections += _made_again(read, registry, data or [], retrain, screen)
    verdict = verify_board(read, registry)
    verdict.objections[:0] = objections
    screen.print(f"{verdict.recomputed:,} numbers computed again from predictions, {verdict.trusted:,} taken on trust "
                 "(they need the model: landscapes, memorisation, fidelity, checks of attacks).",
                 soft_wrap=True)  # fmt: skip
    held = {each.partition("=")[0] for each in data or []}
    screen.print(f"On trust, too: {on_trust(read, held)}.", markup=False, soft_wrap=True)
    if changed := departures(read.suite):
        screen.print(f"Not the bundled suite {read.suite.suite}: {changed}.", markup=False, soft_wrap=True)
    for line in verdict.objections[:20]:
        screen.print(f"no: {line}", style="red", markup=False, soft_wrap=True)
    if len(verdict.objections) > 20:
        screen.print(f"… and {len(verdict.objections) - 20} more", style="red")
    if verdict.objections:
        raise typer.Exit(1)
    screen.print("ok: the board is what its predictions, its suite and the methods here give", style="green")


def _made_again(
    read: "BoardContent", registry: "Registry", data: list[str], number: int, screen: "Console"
) -> list[str]:
    """What of a board the data, and trainings that are done again, speak against."""
    from tempfile import TemporaryDirectory

    from roskdbench.board.again import located_again, not_all_alike, trained_again
    from roskdbench.store import Store

    with TemporaryDirectory(prefix="roskdbench-verify-") as folder:
        store = Store.at(Path(folder) / "store")
        located, objections = located_again(read, data, store)
        if objections or not number:
            return objections
        again = trained_again(read, registry, located, store, number)
        for each in again:
            found = "the same bytes" if each.same else f"accuracy {each.away:.3f} away"
            who = f"{each.cell.method} on {each.cell.problem} (seed {each.cell.seed})"
            screen.print(f"Trained again: {who}: {found}", markup=False, soft_wrap=True)
            objections += [each.objection] if each.objection else []
        return objections + not_all_alike(again)


@app.command()
def merge(
    boards: Annotated[list[Path], typer.Argument(metavar="BOARD...", help="Two or more boards of one suite.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="The folder of the merged board.")],
    folders: Folders = None,
) -> None:
    """Put boards of one suite together: methods and seeds may differ, problems and protocol may not."""
    from roskdbench.board.content import read_board, write_board
    from roskdbench.board.merging import merge as merge_boards
    from roskdbench.board.readme import page
    from roskdbench.errors import UserError

    if len(boards) < 2:
        raise UserError("merging takes two boards or more")
    merged = merge_boards([read_board(_folder(board), registry_found(folders)) for board in boards])
    for path in write_board(merged, to, page(merged, to)):
        typer.echo(f"wrote {path}")


@app.command()
def submit(
    board: Board,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The file to write. Default: BOARD.zip.")] = None,
    folders: Folders = None,
) -> None:
    """Check that a board is complete and right, and write the one file to attach to a pull request."""
    from roskdbench.board.content import read_board
    from roskdbench.board.merging import submit as submit_board

    target = out or Path(f"{board.resolve().name}.zip")
    registry = registry_found(folders)
    submit_board(read_board(board, registry), board, registry, target)
    typer.echo(f"wrote {target}: attach it to a pull request, or unpack it into leaderboards/")
