"""Two people's boards as one, and a board as a file to hand in."""

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from roskdbench.board.content import FILES, Board
from roskdbench.board.readme import objection
from roskdbench.board.rows_file import ResultRow, as_csv
from roskdbench.board.verifying import predictions_of, rows_by_cell, verify
from roskdbench.data.content import Content
from roskdbench.errors import UserError, refusal
from roskdbench.fingerprint import fingerprint
from roskdbench.plan import Cell, fingerprints_of
from roskdbench.plan.own_files import own_files
from roskdbench.plugins import Registry
from roskdbench.results import GRID, grid_key
from roskdbench.runs import Stated
from roskdbench.suite import Experiment, Suite
from roskdbench.suite.departures import ROWS
from roskdbench.suite.pretrained import without_places

EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in an archive, so that equal boards give equal archives


def merge(boards: Sequence[Board]) -> Board:
    """All rows of boards of one suite. A UserError where they are not, or disagree about a cell."""
    first = boards[0]
    merged = Board(_merged_suite([board.suite for board in boards]), [], [], {}, {}, {}, [], registry=first.registry)
    seen: dict[ResultRow, tuple[Cell, list[ResultRow]]] = {}
    for board in boards:
        if _identities(board) != _identities(first):
            raise UserError("the boards were made on other data; they cannot stand in one table")
        added, by_cell = set(), rows_by_cell(board)
        for cell in board.cells:
            place = grid_key(cell)
            own = by_cell.get(place, [])
            before, rows = seen.get(place, (cell, own))
            if place not in seen:
                seen[place] = cell, own
                merged.cells.append(cell)
                added.add(place)
            elif before.scores != cell.scores:
                raise UserError(
                    f"the boards disagree about {cell.method} on {cell.problem} (seed {cell.seed}): it comes from "
                    "other code or settings; give one of the rows another title"
                )
            elif as_csv(rows) != as_csv(own) or not _same_predictions(merged, board, cell):
                raise UserError(
                    f"the boards disagree about {cell.method} on {cell.problem} (seed {cell.seed}): the same job came "
                    "out differently, as it may on another machine; leave it out of one of them"
                )
            predictions_of(board, cell)
        merged.rows += [row for row in board.rows if tuple(row[: len(GRID)]) in added]
        for name in merged.arrays.keys() & board.arrays.keys():
            if not np.array_equal(merged.arrays[name], board.arrays[name]):
                raise UserError(f"the boards disagree about what both keep as {name[:60]}; verify each of them")
        merged.arrays |= board.arrays
        merged.made |= board.made
        merged.noise += [each for each in board.noise if each[:3] not in [known[:3] for known in merged.noise]]
        merged.entries += [entry for entry in board.entries if entry not in merged.entries]
    merged.stated = _stated(boards)
    merged.contents = first.contents
    return merged


def _stated(boards: Sequence[Board]) -> dict[str, Stated]:
    """Each claim as the latest board has it; of a board without it all numbers may have been known by then."""
    found: dict[str, Stated] = {}
    for name in dict.fromkeys(name for board in boards for name in board.stated):
        latest = max((board.stated[name] for board in boards if name in board.stated), key=lambda each: each.computed)
        others = sum(len(board.cells) for board in boards if name not in board.stated)
        found[name] = replace(latest, computed=latest.computed + others, cells=latest.cells + others)
    return found


def _identities(board: Board) -> dict[str, tuple[str, str]]:
    """What the data of its problems are known by."""
    contents = {name: Content.of(facts) for name, facts in board.contents.items()}
    return {name: (each.identity, each.attributes) for name, each in contents.items()}


def _same_predictions(one: Board, other: Board, cell: Cell) -> bool:
    """Whether all that two boards keep of a cell's jobs is the same."""
    jobs = tuple(f"{fingerprint}/" for fingerprint in fingerprints_of(cell))
    kept, seen = ({name for name in board.arrays if name.startswith(jobs)} for board in (one, other))
    return kept == seen and all(np.array_equal(one.arrays[name], other.arrays[name]) for name in kept)


def _merged_suite(suites: Sequence[Suite]) -> Suite:
    """One suite with all methods and seeds."""
    first = suites[0]
    for suite in suites[1:]:
        if _common(suite) != _common(first):
            raise UserError(
                f"the boards are of other suites ('{first.suite}' and '{suite.suite}', or other versions): the key "
                "`suite`, problems, protocol and experiments must be the same; methods, seeds, titles and claims may "
                "differ"
            )
    experiments = {}
    for name, experiment in first.experiments.items():
        every: list[Experiment] = [suite.experiments[name] for suite in suites]
        methods = list({choice.model_dump_json(): choice for each in every for choice in each.methods}.values())
        seeds = list(dict.fromkeys(seed for each in every for seed in each.seeds))
        experiments[name] = experiment.model_copy(update={"methods": methods, "seeds": seeds})
    claims = {name: claim for suite in reversed(suites) for name, claim in suite.claims.items()}
    return first.model_copy(update={"experiments": experiments, "claims": claims})


def _common(suite: Suite) -> str:
    """The same for suites whose rows may stand in one table."""
    declared = suite.model_dump(mode="json", exclude={"title": True, "claims": True, "experiments": {"__all__": ROWS}})
    return fingerprint(without_places(declared))


def submit(board: Board, folder: Path, registry: Registry, target: Path) -> Path:
    """Check that the board is complete and right, and pack it with the plugin files that it needs."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise UserError(f"the board is not ready: {', '.join(missing)} is missing; make it with: leaderboard add RUN")
    verdict = verify(board, registry)
    verdict.objections += objection(board, folder)
    if verdict.objections:
        more = f" (and {len(verdict.objections) - 1} more)" if len(verdict.objections) > 1 else ""
        raise UserError(f"the board is not ready: {verdict.objections[0]}{more}; see: leaderboard verify {folder}")
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in FILES:
                archive.writestr(zipfile.ZipInfo(f"{board.suite.suite}/{name}", EPOCH), (folder / name).read_bytes())
            for file in own_files(board.suite, {cell.registered for cell in board.cells}, registry):
                archive.writestr(zipfile.ZipInfo(f"plugins/{file.name}", EPOCH), file.read_bytes())
    except OSError as error:
        raise UserError(f"cannot write {target}: {refusal(error)}") from None
    return target
