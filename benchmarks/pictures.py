"""The terminal pictures of the README: a suite is run for real, and what the terminal shows is kept as SVG.

    python benchmarks/pictures.py SUITE STORE FOLDER

The picture of the run is taken when half of the work is done, the other one is of the first table. A run that finds
everything in the store has no picture.
"""

import io
import sys
from pathlib import Path

from rich.console import Console

from roskdbench.executors import Event
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


if __name__ == "__main__":
    main(*sys.argv[1:])
