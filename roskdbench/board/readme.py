"""The page of a board: its tables between two marks, so that what people write around them stays."""

from pathlib import Path

from roskdbench import foreign
from roskdbench.board.binding import on_trust
from roskdbench.board.content import README, Board
from roskdbench.report.contents import contents_of
from roskdbench.report.formats.markdown import escape_markdown, markdown

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"


def objection(board: Board, folder: Path) -> list[str]:
    """What is to be said against the README that is there: nothing, or that its tables are others."""
    same = not (folder / README).is_file() or page(board, folder) == _written(folder)
    return [] if same else [f"the tables in {README} are not those of its results"]


def page(board: Board, folder: Path) -> str:
    """The README of the board, around whatever is written in the one that is there."""
    before = _written(folder) if (folder / README).is_file() else ""
    tables = markdown(contents_of(board.results()).every)
    block = f"{BEGIN}\n\n{_made(board)}\n\n{tables}\n{END}\n"
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if begin and end:
        return head + block.rstrip("\n") + tail
    heading = before or f"# {board.suite.suite}: {board.suite.title or 'a leaderboard'}\n"
    return f"{heading.rstrip()}\n\n{block}"


def _written(folder: Path) -> str:
    return foreign.text_of(folder / README, foreign.RECORD)


def _made(board: Board) -> str:
    lines = [
        f"- {entry['cells']} cells of the run {escape_markdown(entry['run'])}, by {escape_markdown(entry['by'])}, "
        + escape_markdown(f"{entry['date']}, roskdbench {entry['roskdbench']}")
        for entry in board.entries
    ]
    places = sorted({made["made with"] for made in board.made.values() if made.get("made with")})
    lines += [f"- Trained with {escape_markdown(place)}." for place in places]
    terms = {name: terms_of for entry in board.entries for name, terms_of in entry["data"].items()}
    lines += [f"- {escape_markdown(f'{name}: {terms_of}')}" for name, terms_of in terms.items()]
    lines.append(f"- On trust: {escape_markdown(on_trust(board))}.")
    lines.append(f"- Check it: `roskdbench leaderboard verify leaderboards/{board.suite.suite}`")
    return "\n".join(lines)
