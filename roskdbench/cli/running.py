"""What every command that computes does: find the data, walk the plan, and end well when it is interrupted."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from roskdbench.data.content import Located
    from roskdbench.executors import ExecutorConfig
    from roskdbench.plan import Plan
    from roskdbench.store import Store
    from roskdbench.suite import Suite
    from roskdbench.walk import Progress


def located(
    suite: "Suite", roots: "dict[str, Path]", store: "Store", workers: int | None, screen: "Console"
) -> "dict[str, Located]":
    """The data of the problems that have a root, decoded into the store."""
    if not roots:
        return {}
    from roskdbench.data.preparation import locate
    from roskdbench.executors.config import cores
    from roskdbench.live import decoding_for

    with decoding_for(screen) as report:
        return locate(suite.problems, roots, store, workers or cores(), report)


def computed(
    planned: "Plan",
    store: "Store",
    executor: "ExecutorConfig",
    folders: "Iterable[Path]",
    screen: "Console",
    track: str | None = None,
) -> "Progress":
    """The plan, computed as far as it could be."""
    from contextlib import nullcontext

    from roskdbench.live import view_for
    from roskdbench.tracking import tracked
    from roskdbench.walk import run

    try:
        with view_for(screen) as view, tracked(track, planned, store, view) if track else nullcontext(view) as watch:
            return run(planned, store, method_folders=tuple(folders), watch=watch, executor=executor)
    except KeyboardInterrupt:
        screen.print("Interrupted. What is finished is kept; the same command goes on from there.")
        raise typer.Exit(130) from None
