"""The terminal pictures of the README: a suite is run for real, and what the terminal shows is kept as SVG.

    python benchmarks/pictures.py SUITE STORE FOLDER

The picture of the run is taken when half of the work is done; the others are of the first table, and of a model that is
exported: its files, and how its card begins. A run that finds everything in the store has no picture.
"""

import io
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from roskdbench.executors import Event
from roskdbench.exporting import PLACE
from roskdbench.live import LiveView
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.report.contents import tables_of
from roskdbench.report.terminal import terminal_table
from roskdbench.results import collect
from roskdbench.runs import write_record
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.walk import Progress, run

WIDTH = 92
LINES = 34  # of a card


def recorder() -> Console:
    return Console(record=True, width=WIDTH, force_terminal=True, file=io.StringIO(), highlight=False)


def main(suite: str, store_folder: str, folder: str) -> None:
    planned = plan(read_suite(suite), discover())
    store, out = Store.at(Path(store_folder)), Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    view = LiveView(recorder())

    def watch(progress: Progress, event: Event | None) -> None:
        view(progress, event)
        noted = [step for step in progress.running.values() if step.note]
        if len(noted) == 2 and not (out / "run.svg").exists() and progress.cost_done > 0.5:
            console = recorder()
            console.print(view.render())
            console.save_svg(str(out / "run.svg"), title=f"roskdbench run {suite}")

    progress = run(planned, store, workers=2, watch=watch)
    write_record(planned, store, discover(), (), progress.reasons)
    console = recorder()
    first = tables_of(collect(planned, store), next(iter(planned.suite.experiments)))[0]
    console.print(terminal_table(first))
    console.save_svg(str(out / "table.svg"), title=f"roskdbench report {suite}")
    cell = [each for each in planned.cells if each.experiment == planned.experiments[0]][-1]
    several = [name for name in PLACE if len({getattr(each, name) for each in planned.cells}) > 1]
    place = [part for name in several for part in (f"--{name}", str(getattr(cell, name)))]
    words = ["export", cell.registered, *place, "--to", "exported"]
    exported(words, store.root.resolve(), out)


def exported(words: list[str], store: Path, out: Path) -> None:
    """What `export` says and leaves, and what its card says of the model."""
    console = recorder()
    with TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "roskdbench", *words, "--store", str(store)]
        said = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True).stdout
        console.print(Text(f"$ roskdbench {shlex.join(words)}", style="bold"))
        console.print(said)
        card = (Path(folder) / "exported" / "README.md").read_text("utf-8")
    shown = card.split("---\n", 2)[2].strip().splitlines()
    console.print(Markdown("\n".join(shown[:LINES])))
    console.save_svg(str(out / "export.svg"), title="roskdbench export")


if __name__ == "__main__":
    main(*sys.argv[1:])
