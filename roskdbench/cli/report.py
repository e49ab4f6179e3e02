"""`report`: the tables of a run, in any format, with their figures and pages."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roskdbench.cli.options import STORE, Folders, Only, Settings, StoreFolder, WithImages, console, registry_found

if TYPE_CHECKING:
    from roskdbench.results import Results

TABLE, PAGES, LATEX, STANDALONE = "table", "html", "latex", "latex-standalone"


def report(
    name: Annotated[
        str | None, typer.Argument(metavar="[RUN|SUITE]", help="A run or a suite. Default: the latest run.")
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="table|html|latex|markdown|csv|json|…",
            help="What to print: tables for the terminal, pages, or a format that `roskdbench formats` lists.",
        ),
    ] = TABLE,
    compare: Annotated[
        str,
        typer.Option(metavar="paper|none|RUN", help="What to set beside the numbers: the paper's, or another run's."),
    ] = "none",
    table: Annotated[
        str | None, typer.Option(metavar="I|II|III", help="Only this table of the paper, beside the paper's numbers.")
    ] = None,
    only: Only = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write tables in all formats, and figures, into this folder."),
    ] = None,
    images: WithImages = False,
    standalone: Annotated[bool, typer.Option("--standalone", help="LaTeX that compiles by itself.")] = False,
    settings: Settings = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
) -> None:
    """Print the tables of a run; with --out, write them in all formats with their figures."""
    from roskdbench.errors import UserError, nearest
    from roskdbench.report.contents import Contents, comparison_source, contents_of, paper_table
    from roskdbench.report.terminal import terminal_table
    from roskdbench.results import find_run
    from roskdbench.results import only as only_some
    from roskdbench.store import Store

    if standalone and form != LATEX:
        raise UserError("--standalone is for --format latex")
    if table and form == PAGES:
        raise UserError("--table prints one table; pages have them all: leave one of --table and --format html out")
    registry = registry_found(folders)
    formats = registry.of("format") if form != TABLE or out is not None else {}
    if form not in (TABLE, PAGES) and form not in formats:
        raise UserError(f"there is no format '{form}'; {nearest(form, [TABLE, PAGES, *formats])}")
    kept = Store(store)
    results = only_some(find_run(name, kept, tuple(settings or ()), tuple(folders or ())), only or ())
    wanted = "paper" if table and compare == "none" else compare
    source = comparison_source(wanted, results, kept, tuple(folders or ()))
    contents = Contents(paper_table(results, table, source), []) if table else contents_of(results, source)
    if form == PAGES:
        from roskdbench.report.page.writing import write_page

        pages = write_page(results, contents, kept, registry, out or Path(f"{results.name}-page"), images)
        typer.echo(f"wrote {pages[0]}")
        say_what_is_withheld(results, images)
        return
    written = []
    if out is not None:
        from roskdbench.report.folder import write_folder

        written = write_folder(results, contents.every, kept, out, registry, images)
    if form == TABLE:
        screen = console()
        for one in contents.every:
            screen.print(terminal_table(one))
    else:
        chosen = registry.find("format", STANDALONE if standalone else form).thing
        written += _given_out(chosen.write(contents.every, results), form, out)
    for path in written:
        typer.echo(f"wrote {path}", err=True)
    if written:
        say_what_is_withheld(results, images)


def _given_out(made: str | bytes, form: str, out: Path | None) -> list[Path]:
    """Print it; what is no text goes into the folder if there is one."""
    from roskdbench.errors import UserError

    if isinstance(made, bytes) and out is not None:
        (out / f"results.{form}").write_bytes(made)
        return [out / f"results.{form}"]
    if isinstance(made, bytes) and sys.stdout.isatty():
        raise UserError(f"{form} is no text for a terminal; write it to a file: roskdbench report … > results.{form}")
    typer.echo(made, nl=False)
    return []


def say_what_is_withheld(results: "Results", images: bool) -> None:
    """Name the problems whose images are in no picture, and how to have them."""
    from roskdbench.report.figures.drawing import withheld

    if (problems := withheld(results)) and not images:
        typer.echo(f"images of {', '.join(problems)} are in no picture; --with-images draws them", err=True)
