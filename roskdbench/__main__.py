"""The command `roskdbench`: what goes wrong for a user is one line and an exit code."""

import gc
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

SAFE_PATH = "PYTHONSAFEPATH"
MOST_LETTERS = 2000  # of an error
LOOKS_FOR_GARBAGE = 100_000  # objects apart: plans and tables are many small objects, and none of them are circles


def main() -> None:
    """Run the command line. Exit codes: 0 all done, 1 some cells failed, 2 wrong usage, 130 interrupted."""
    if sys.platform == "win32":
        print("roskdbench: locks are those of Unix; on Windows use WSL", file=sys.stderr)
        sys.exit(2)
    _look_away_from_the_current_folder()
    gc.set_threshold(LOOKS_FOR_GARBAGE)
    try:
        _command_line()
    except KeyboardInterrupt:
        print("roskdbench: interrupted", file=sys.stderr)
        sys.exit(130)
    except SystemExit as end:  # typer makes one of an interrupt, too, and says nothing
        if isinstance(getattr(end.__context__, "__cause__", None), KeyboardInterrupt):
            print("roskdbench: interrupted", file=sys.stderr)
        raise
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _look_away_from_the_current_folder() -> None:
    """A folder of somebody's files may hold a typer.py: nothing is imported from where a command happens to be given,
    neither here nor in any process that is started from here.
    """
    os.environ[SAFE_PATH] = "1"
    first, ours = Path(sys.path[0] if sys.path else "").resolve(), Path(__file__).resolve().parent.parent
    if first == Path.cwd() and first != ours:
        del sys.path[0]


def _command_line() -> None:
    from roskdbench.cli import app
    from roskdbench.cli.bash_words import whole_words
    from roskdbench.errors import UserError, one_line, refusal

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # not every terminal has all letters
    try:
        try:
            with whole_words():
                app(prog_name="roskdbench")
        finally:
            sys.stdout.flush()  # a reader that is gone is found out here, and not when nobody can say so any more
    except UserError as error:
        end(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:  # a disk that is full, a terminal that is gone, a name that the system refuses
        end(f"{error.filename or 'the system'}: {refusal(error)}")
    except (MemoryError, UnicodeError, RecursionError) as error:
        end(one_line(error))


def end(sentence: str) -> NoReturn:
    """Say what is wrong in one line, whatever the terminal can show."""
    from roskdbench.errors import visible

    line = f"roskdbench: {visible(' '.join(sentence.split()))[:MOST_LETTERS]}"
    encoding = getattr(sys.stderr, "encoding", None) or "ascii"
    with suppress(OSError, ValueError):
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
