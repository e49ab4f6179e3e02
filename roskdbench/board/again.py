"""A board held against what it was made from: the data themselves, and trainings that are done again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.board.binding import labels_for
from roskdbench.board.content import Board
from roskdbench.board.verifying import predictions_of
from roskdbench.data.content import Content, Located
from roskdbench.data.preparation import labels_of, prepare
from roskdbench.data.problem import Labels
from roskdbench.data.roots import read_roots
from roskdbench.errors import UserError
from roskdbench.measuring.tested import PARTS
from roskdbench.plan import Cell, Plan, plan
from roskdbench.plugins import Registry
from roskdbench.run_facts import made_with
from roskdbench.store import Store
from roskdbench.suite.problems import DrawnDataset, RealProblem
from roskdbench.walk import run

FAR = 0.05
"""Of accuracy over labels: how far a training on another device may come out from the one on the board."""


def located_again(board: Board, texts: Iterable[str], store: Store) -> tuple[dict[str, Located], list[str]]:
    """The board's data with their roots, as `--data PROBLEM=DIR` says; and which of them are others than it was made
    on. The board's labels are those of these data from then on, whatever labels it carries.
    """
    roots, objections = read_roots(texts, board.suite.problems), []
    located = {name: Located(Content.of(facts)) for name, facts in board.contents.items()}
    for name, root in roots.items():
        spec = board.suite.problems[name]
        if not isinstance(spec, RealProblem) or name not in located:
            raise UserError(f"--data {name}={root}: problem '{name}' is drawn; it has no data")
        found = prepare(name, spec, root.resolve(), store, 1)
        if found.identity != located[name].content.identity:
            objections.append(f"the data of {name} under {root} are not those that the board was made on")
        else:
            board.arrays |= labels_for(labels_of(name, spec, root.resolve(), store), name)
            board.contents[name] = {**board.contents[name], "images": found.images}
        located[name] = Located(located[name].content, root.resolve())
    return located, objections


@dataclass(frozen=True)
class Again:
    """A cell that was trained again."""

    cell: Cell
    same: bool
    """Whether every byte of its predictions is the board's."""
    away: float
    """How far its test accuracy is from that on the board: of images, or over all findings."""
    alike: bool
    """Whether device and libraries are those of the board, so that the bytes should be the same."""

    @property
    def objection(self) -> str | None:
        """Why it speaks against the board, if it does."""
        who = f"{self.cell.method} on {self.cell.problem} (seed {self.cell.seed})"
        if self.same or (not self.alike and self.away <= FAR):
            return None
        where = "on the same device and libraries" if self.alike else "on another device"
        return f"{who}, trained again {where}, came out otherwise: its accuracy is {self.away:.3f} away"


def trained_again(
    board: Board, registry: Registry, located: Mapping[str, Located], store: Store, number: int, seed: int | None = None
) -> Sequence[Again]:
    """Some cells of the board, drawn at random, trained once more in a store of their own."""
    planned = plan(board.suite, registry, located=located)
    lacking = [
        name
        for name in planned.problems
        if not isinstance(board.suite.problems[name], DrawnDataset)
        and (name not in located or located[name].root is None)
    ]
    if lacking:
        raise UserError(f"training again takes the data: add --data {lacking[0]}=DIR")
    wanted = {cell.scores for cell in planned.cells}
    there = [cell for cell in board.cells if cell.scores in wanted]
    chosen = Random(seed).sample(there, min(number, len(there)))
    progress = run(_only(planned, chosen), store)
    if not progress.well:
        raise UserError(f"training again failed: {next(iter(progress.reasons.values()))}")
    return [_compared(board, cell, planned, store) for cell in chosen]


def _only(planned: Plan, cells: Sequence[Cell]) -> Plan:
    """The plan of the scores of some cells."""
    return replace(planned, cells=[replace(cell, measurements=cell.measurements[:1]) for cell in cells])


def _compared(board: Board, cell: Cell, planned: Plan, store: Store) -> Again:
    ours = store.open(planned.jobs[cell.scores].inputs["predictions"]).arrays("predictions.npz")
    theirs = predictions_of(board, cell)
    same = all(np.array_equal(ours[part], theirs.logits[part]) for part in PARTS)
    one, other = (_accuracy(theirs.tested.test, logits) for logits in (ours["test"], theirs.logits["test"]))
    away = abs(one - other)
    model = planned.model(cell)
    here = made_with(store, model.fingerprint) if model else ""
    return Again(cell, same, away, here == board.made.get(cell.scores, {}).get("made with"))


def _accuracy(test: Labels, logits: NDArray[np.floating[Any]]) -> float:
    if test.task == "multi-label":
        return float(((logits > 0) == (test.indicators == 1)).mean())
    return float((logits.argmax(1) == test.targets).mean())


def not_all_alike(found: Sequence[Again]) -> list[str]:
    """Cells that came out otherwise, where others came out with the same bytes: the device is that of the board, then,
    whatever it says.
    """
    if not any(each.same for each in found):
        return []
    return [
        f"{each.cell.method} on {each.cell.problem} (seed {each.cell.seed}), trained again, came out otherwise, where "
        "other cells have the same bytes"
        for each in found
        if not each.same and not each.objection
    ]
