"""Two people's boards as one, and a board as a file to hand in."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from roskdbench.board.content import FILES, README, Board
from roskdbench.board.readme import page
from roskdbench.board.verifying import KEYS, verify
from roskdbench.errors import UserError
from roskdbench.fingerprint import fingerprint
from roskdbench.registry import Registry
from roskdbench.suite import Experiment, Suite

EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in an archive, so that equal boards give equal archives
OWN = {"methods", "seeds", "title", "reference"}  # what boards of one suite may differ in


def merge(boards: Sequence[Board]) -> Board:
    """All rows of boards of one suite. A UserError where they are not, or disagree about a cell."""
    first = boards[0]
    merged = Board(_merged_suite([board.suite for board in boards]), [], [], {}, {}, {}, [])
    cells: dict[tuple[object, ...], str] = {}
    for board in boards:
        if board.contents != first.contents:
            raise UserError("the boards were made on other data; they cannot stand in one table")
        added = set()
        for cell in board.cells:
            key = tuple(getattr(cell, name) for name in KEYS)
            if key not in cells:
                cells[key] = cell.scores
                merged.cells.append(cell)
                added.add(key)
            elif cells[key] != cell.scores:
                raise UserError(
                    f"the boards disagree about {cell.method} on {cell.problem} (seed {cell.seed}): it comes from "
                    "other code or settings; give one of the rows another title"
                )
        merged.rows += [row for row in board.rows if tuple(row[: len(KEYS)]) in added]
        merged.arrays |= board.arrays
        merged.made |= board.made
        merged.noise += [each for each in board.noise if each[:3] not in [known[:3] for known in merged.noise]]
        merged.entries += [entry for entry in board.entries if entry not in merged.entries]
    merged.contents = first.contents
    return merged


def _merged_suite(suites: Sequence[Suite]) -> Suite:
    """One suite with all methods and seeds."""
    first = suites[0]
    for suite in suites[1:]:
        if _common(suite) != _common(first):
            raise UserError(
                f"the boards are of other suites ('{first.suite}' and '{suite.suite}', or other versions): problems, "
                "protocol and experiments must be the same, methods and seeds may differ"
            )
    experiments = {}
    for name, experiment in first.experiments.items():
        every: list[Experiment] = [suite.experiments[name] for suite in suites]
        methods = list({choice.model_dump_json(): choice for each in every for choice in each.methods}.values())
        seeds = list(dict.fromkeys(seed for each in every for seed in each.seeds))
        experiments[name] = experiment.model_copy(update={"methods": methods, "seeds": seeds})
    return first.model_copy(update={"experiments": experiments})


def _common(suite: Suite) -> str:
    """The same for suites whose rows may stand in one table."""
    said = suite.model_dump(mode="json", exclude={"title": True, "experiments": {"__all__": OWN}})
    return fingerprint(said)


def submit(board: Board, folder: Path, registry: Registry, target: Path) -> Path:
    """Check that the board is complete and right, and pack it."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise UserError(f"the board is not ready: {', '.join(missing)} is missing; make it with: leaderboard add RUN")
    verdict = verify(board, registry)
    if page(board, folder) != (folder / README).read_text("utf-8"):
        verdict.objections.append(f"the tables in {README} are not those of its results")
    if verdict.objections:
        more = f" (and {len(verdict.objections) - 1} more)" if len(verdict.objections) > 1 else ""
        raise UserError(f"the board is not ready: {verdict.objections[0]}{more}; see: leaderboard verify {folder}")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in FILES:
            archive.writestr(zipfile.ZipInfo(f"{board.suite.suite}/{name}", EPOCH), (folder / name).read_bytes())
    return target
