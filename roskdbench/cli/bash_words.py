"""Completion in bash, which takes `--set key=value` for three words and puts what it is given in place of the last."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO

ASKED, WORDS, PLACE = "_ROSKDBENCH_COMPLETE", "COMP_WORDS", "COMP_CWORD"
SIGN = "="


@contextmanager
def whole_words() -> Iterator[None]:
    """Where bash asks for completions, its words are put together before the block, and of what the block prints the
    part before the sign is left out again.
    """
    if os.environ.get(ASKED) != "complete_bash" or not os.environ.get(PLACE, "").isdecimal():
        yield
        return
    given = os.environ.get(WORDS, "")
    between = "\n" if "\n" in given else " "
    words, place = joined(given.split(between), int(os.environ[PLACE]))
    os.environ[WORDS], os.environ[PLACE] = between.join(words), str(place)
    current = words[place] if place < len(words) else ""
    before = current[: current.index(SIGN) + 1] if SIGN in current else ""
    said = StringIO()
    try:
        with redirect_stdout(said):
            yield
    finally:
        print("\n".join(line.removeprefix(before) for line in said.getvalue().splitlines()))


def joined(words: list[str], place: int) -> tuple[list[str], int]:
    """Words with those around a sign as one, and at which place the one at `place` is then."""
    found: list[str] = []
    now = place
    for number, word in enumerate(words):
        signed = bool(found) and (word == SIGN or found[-1].endswith(SIGN)) and number <= place
        if signed and number > 1:
            found[-1] += word
            now -= 1
        else:
            found.append(word)
    return found, now
