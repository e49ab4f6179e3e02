"""A session as the command line shows it: bars and lines, and an end that is well when it is interrupted."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from roskdbench.plan import Plan
    from roskdbench.results import Results
    from roskdbench.session import Session
    from roskdbench.store import Store
    from roskdbench.walk import Progress, Watcher


def shown(session: "Session", screen: "Console", track: str | None = None) -> None:
    """Let a session be seen on a screen, and told to a tracker."""
    from roskdbench.live import decoding_for, view_for
    from roskdbench.plugins import discover
    from roskdbench.tracking import tracked

    registry = discover(session.plugins)

    @contextmanager
    def watching(planned: "Plan", store: "Store") -> "Iterator[Watcher]":
        with view_for(screen) as view:
            if track is None:
                yield view
            else:
                with tracked(track, planned, store, view, registry) as watch:
                    yield watch

    session.watching, session.decoding = watching, lambda: decoding_for(screen)


def watched(session: "Session", screen: "Console", track: str | None = None) -> "tuple[Results, Progress]":
    """The session run, as far as it could be."""
    shown(session, screen, track)
    try:
        return session.run()
    except KeyboardInterrupt:
        screen.print("Interrupted. What is finished is kept; the same command goes on from there.")
        raise typer.Exit(130) from None
