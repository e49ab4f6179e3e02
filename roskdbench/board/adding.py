"""From a run in the store to a board: its numbers, the predictions and labels behind them, and what made them."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench import __version__
from roskdbench.board.content import Board
from roskdbench.data.problem import Problem
from roskdbench.errors import UserError
from roskdbench.measures.tested import PARTS
from roskdbench.plan import Cell
from roskdbench.results import Results, made_with
from roskdbench.store import Store


def board_of(results: Results, store: Store, who: str) -> Board:
    """The board of a run. A UserError where cells have no numbers."""
    if results.gaps:
        gap = results.gaps[0]
        raise UserError(
            f"{len(results.gaps)} cells of the run {results.name} have no numbers ({gap.state}: {gap.reason}); "
            "run the suite to its end first"
        )
    left_out = results.plan.suite.experiments.keys() - set(results.plan.experiments)
    if left_out:
        raise UserError(
            f"the run {results.name} leaves out {', '.join(sorted(left_out))}, and a board is of a whole suite; "
            "run it without --only"
        )
    rows = [tuple(row) for row in results.frame.itertuples(index=False)]
    board = Board(results.plan.suite, list(results.plan.cells), rows, {}, {})
    for cell in results.plan.cells:
        _take_cell(board, cell, results, store)
    board.contents = {name: asdict(each.content) for name, each in results.plan.located.items()}
    board.noise = [[*place, rate] for place, rate in results.noise.items()]
    licences = _licences(results, store)
    date = datetime.now(UTC).date().isoformat()
    board.entries = [
        {"run": results.name, "by": who, "date": date, "roskdbench": __version__, "cells": len(board.cells), **licences}
    ]
    return board


def _take_cell(board: Board, cell: Cell, results: Results, store: Store) -> None:
    jobs = results.plan.jobs
    scores = jobs[cell.scores]
    split = scores.inputs["split"]
    if f"{split}/facts" not in board.arrays:
        _take_labels(board, split, scores.inputs["pixels"], store)
    predictions = store.open(scores.inputs["predictions"]).arrays("predictions.npz")
    board.arrays |= {f"{cell.scores}/{part}": predictions[part] for part in PARTS}
    model = results.plan.model(cell) or scores
    record = store.open(model.fingerprint).record
    board.made[cell.scores] = {
        "split": split,
        "code": dict(model.code),
        "made with": made_with(store, model.fingerprint),
        "python": record["environment"].get("python", ""),
        "seconds": record["seconds"],
    }
    for fingerprint, _ in cell.others:
        board.made[fingerprint] = {"kind": jobs[fingerprint].kind}
        if jobs[fingerprint].kind == "attacks":
            kept = store.open(fingerprint).arrays("attacked.npz")
            test = store.open(split).arrays("split.npz")["test"]
            board.arrays[f"{fingerprint}/chosen"] = _positions(test, kept.pop("samples"))
            board.arrays |= {f"{fingerprint}/attacked/{name}": logits for name, logits in kept.items()}


def _positions(test: NDArray[np.int64], samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the samples stand in the test part."""
    order = np.argsort(test)
    found: NDArray[np.int64] = order[np.searchsorted(test, samples, sorter=order)]
    return found


def _take_labels(board: Board, split: str, pixels: str, store: Store) -> None:
    labels = Problem.load(store.open(pixels).path).labels
    parts = store.open(split).arrays("split.npz")
    facts = json.dumps({"task": labels.task, "classes": list(labels.classes)}).encode()
    board.arrays[f"{split}/facts"] = np.frombuffer(facts, np.uint8)
    for part in PARTS:
        kept = labels.take(parts[part]).arrays()
        kept["groups"] = np.unique(kept["groups"], return_inverse=True)[1].astype(np.int64)
        wanted = {name: kept[name] for name in ("targets", "groups", "corrected", "uncertain") if name in kept}
        board.arrays |= {f"{split}/{part}/{name}": array for name, array in wanted.items()}


def _licences(results: Results, store: Store) -> dict[str, Any]:
    terms = {}
    for name in results.plan.problems:
        problem = Problem.load(store.open(results.plan.pixels(name)).path)
        terms[name] = f"{problem.licence}; {problem.citation}"
    return {"data": terms}
