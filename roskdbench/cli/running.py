"""A session as the command line shows it: bars and lines, and an end that is well when it is interrupted."""

import os
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from roskdbench.plan import Plan
    from roskdbench.results import Results
    from roskdbench.session import Session
    from roskdbench.store import Store
    from roskdbench.walk import Progress, Watcher


def shown(session: "Session", screen: "Console", trackers: "Sequence[str]" = ()) -> None:
    """Let a session be seen on a screen, and told to trackers."""
    from roskdbench.live import decoding_for, view_for
    from roskdbench.plugins import discover
    from roskdbench.tracking import tracked

    registry = discover(session.plugins)

    @contextmanager
    def watching(planned: "Plan", store: "Store") -> "Iterator[Watcher]":
        with ExitStack() as open_ones:
            watch: Watcher = open_ones.enter_context(view_for(screen))
            for each in dict.fromkeys(trackers):
                watch = open_ones.enter_context(tracked(each, planned, store, watch, registry))
            yield watch

    session.watching, session.decoding = watching, lambda: decoding_for(screen)


def watched(session: "Session", screen: "Console", trackers: "Sequence[str]" = ()) -> "tuple[Results, Progress]":
    """The session run, as far as it could be."""
    shown(session, screen, trackers)
    try:
        return session.run()
    except KeyboardInterrupt:
        screen.print("Interrupted. What is finished is kept; the same command goes on from there.")
        raise typer.Exit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print("roskdbench: nobody reads its output any more; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(1) from None
