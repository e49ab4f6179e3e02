"""What a user's mistake raises: one sentence that says what is wrong, where, and what would be right."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from traceback import walk_tb


class UserError(Exception):
    """A mistake in the input. The command line prints it as one line and exits with 2; a notebook shows the line."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return [str(self)]


class PlacedError(UserError):
    """A mistake in a suite that is found after it was read: `keys` lead to where it was written."""

    def __init__(self, sentence: str, keys: tuple[str | int, ...]) -> None:
        super().__init__(sentence)
        self.keys = keys


PLUGIN_FILES = "roskdbench_plugins"  # what modules made of plugin files are called, to begin with
LONGEST = 300  # letters of a message
MOST_LISTED = 20  # names
LONGEST_NAME = 60  # letters
MOST_ALIKE = 8  # names that begin as a word does, but for its number


def one_line(error: BaseException) -> str:
    """Any error as a line: its kind, its message, and where in a plugin file it arose, if it did."""
    frames = reversed(list(walk_tb(error.__traceback__)))
    own = ((frame, line) for frame, line in frames if frame.f_globals.get("__name__", "").startswith(PLUGIN_FILES))
    frame, line = next(own, (None, 0))
    place = f" ({Path(frame.f_code.co_filename).name}, line {line})" if frame else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:LONGEST]}{place}"


CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What moves a terminal's cursor, colours it, or turns the direction of its text."""


def text_objection(text: str) -> str | None:
    """What is wrong with a text that is to be shown, or None."""
    return f"has a control character in it: {visible(text)[:60]}" if CONTROL.search(text) else None


def visible(text: str, kept: str = "") -> str:
    """A text whose control characters can be seen and do nothing, but for those that are kept."""
    return CONTROL.sub(lambda found: found[0] if found[0] in kept else _picture(found[0]), text)


def _picture(letter: str) -> str:
    return chr(0x2400 + ord(letter)) if ord(letter) < 0x20 else f"\\u{ord(letter):04x}"


def refusal(error: OSError) -> str:
    """Why the system refused, as the end of a sentence."""
    return (error.strerror or str(error)).lower()


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of an error sentence: the closest known word, or the list of them."""
    names = sorted(known)
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return _closest(word, names, 1) or (
        f"known: {', '.join(name[:LONGEST_NAME] for name in names[:MOST_LISTED])}{more}" if names else "none are known"
    )


def nearest_three(word: str, known: Iterable[str]) -> str:
    """The end of an error sentence where too many words are known to list them; empty if none is close."""
    return _closest(word, sorted(known), 3)


ROMAN = {"1": "i", "2": "ii", "3": "iii", "4": "iv", "5": "v"}


def _letters(name: str) -> str:
    """What a name is, however it is written."""
    return re.sub("[-_ ]", "", name.lower())


def _closest(word: str, names: list[str], count: int) -> str:
    meant = _letters(word[:-1] + ROMAN.get(word[-1:], word[-1:]))
    same = [name for name in names if name != word and _letters(name) == meant]
    stem = _letters(word[:-1]) if re.search("[^0-9][0-9]$", word) else ""
    alike = [*{_letters(name): name for name in names if stem and _letters(name).startswith(stem)}.values()]
    # no number is nearer than another
    close = same or (alike if 1 < len(alike) <= MOST_ALIKE else get_close_matches(word[:LONGEST], names, count, 0.6))
    close = [name for name in close if name != word]
    *others, last = map(repr, close or [""])
    return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?" if close else ""
