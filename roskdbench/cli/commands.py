"""Commands whose help says of a switch what it does, not that it is a bool, and which say in one line what is wrong
with what was typed.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from roskdbench.errors import UserError

Function = TypeVar("Function", bound=Callable[..., Any])


def _switches_alone(options: list[Any]) -> list[Any]:
    """The same, with nothing where others have what they take: switches take nothing."""
    for each in options:
        if getattr(each, "is_flag", False):
            each.metavar = ""
    return options


class _Command(TyperCommand):
    """One command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """What it takes, `--help` as well."""
        return _switches_alone(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads its words. An empty one is a variable that was not set, and as a folder it would be the current one."""
        for before, word in pairwise([ctx.command_path, *args]):
            if not word:
                raise UserError(f"nothing follows {before}: an empty word means nothing here")
            if re.fullmatch("--[a-z-]+=", word):
                raise UserError(f"nothing follows {word}")
        return super().parse_args(ctx, args)


class _Group(TyperGroup):
    """Several under a name."""

    def get_params(self, ctx: Any) -> list[Any]:
        """What it takes, `--help` as well."""
        return _switches_alone(super().get_params(ctx))

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Reads the line up to the name of the command."""
        with _one_line():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Reads the rest, and does it."""
        with _one_line():
            return super().invoke(ctx)


@contextmanager
def _one_line() -> Iterator[None]:
    """Raises a UserError for what the parser refuses. A reader of our output that has seen enough is no failure."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except Exception as error:
        say = getattr(error, "format_message", None)
        if say is None or type(error).__name__ == "NoArgsIsHelpError":
            raise
        said = " ".join(say().split()).rstrip(".")
        command = getattr(getattr(error, "ctx", None), "command_path", "roskdbench")
        raise UserError(f"{said[:1].lower()}{said[1:]}; see: {command} --help") from None


class Commands(typer.Typer):
    """Several commands under a name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(cls=_Group, rich_markup_mode="rich", **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Function], Function]:
        """As typer's."""
        return super().command(name, cls=_Command, **options)
