"""What people wrote in a board's README, as HTML that runs nothing and loads nothing from elsewhere."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from roskdbench.board.readme import BEGIN

if TYPE_CHECKING:
    from markdown_it.token import Token
    from markupsafe import Markup


def prose(readme: str, pictures: Iterable[str], place: str) -> "Markup":
    """The README up to its tables, without its heading. HTML in it is shown as text; a picture is shown only if it lies
    beside it, and is taken from `place`.
    """
    from markupsafe import Markup

    parser = MarkdownIt("js-default", {"html": False, "linkify": False})
    tokens = parser.parse(_without_heading(readme.partition(BEGIN)[0]))
    there = set(pictures)
    for token in tokens:
        token.children = (
            [_allowed(child, there, place) for child in token.children] if token.children else token.children
        )
    return Markup(parser.renderer.render(tokens, parser.options, {}))


def _allowed(token: "Token", pictures: set[str], place: str) -> "Token":
    if token.type == "image":
        if (source := token.attrGet("src")) in pictures:
            token.attrSet("src", f"{place}{source}")
        else:
            token.type, token.tag = "text", ""
    return token


def _without_heading(text: str) -> str:
    lines = text.strip().splitlines()
    return "\n".join(lines[1:] if lines and lines[0].startswith("# ") else lines)
