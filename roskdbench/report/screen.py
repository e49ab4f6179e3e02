"""The terminal, which shows what files of strangers say and does nothing that they ask for."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from roskdbench.errors import visible


class Screen(Console):
    """A console that makes control characters of texts visible; those of its own, which move the cursor, it keeps."""

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is to be written, piece by piece."""
        for each in super().render(renderable, options):
            yield each if each.control else Segment(visible(each.text, kept="\n"), each.style)

    def on_broken_pipe(self) -> None:
        """A reader who has seen enough is no failure."""
        raise BrokenPipeError
