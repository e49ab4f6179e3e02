"""From a run in the store to a board: its numbers, the predictions and labels behind them, and what made them."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from roskdbench import __version__
from roskdbench.artifact import RECORD, DamagedArtifactError
from roskdbench.board.binding import labels_for, tested_labels
from roskdbench.board.content import SECONDS_BEHIND, Board
from roskdbench.data.attributes import FILE as ATTRIBUTES
from roskdbench.data.attributes import Attributes
from roskdbench.data.problem import Problem
from roskdbench.data.splits import Split
from roskdbench.errors import UserError
from roskdbench.foreign import json_of
from roskdbench.measuring.tested import PARTS, logits_in
from roskdbench.plan import Cell
from roskdbench.plugins import Registry
from roskdbench.results import Results
from roskdbench.run_facts import made_with
from roskdbench.store import Store


def board_of(results: Results, store: Store, who: str, registry: Registry) -> Board:
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
    methods = registry.of("method")
    if absent := sorted({cell.method for cell in results.plan.cells if cell.registered not in methods}):
        raise UserError(
            f"the methods of {', '.join(absent)} are not here, and a board goes with them: add --plugins DIR"
        )
    rows = [tuple(row) for row in results.frame.itertuples(index=False)]
    board = Board(results.plan.suite, list(results.plan.cells), rows, {}, {}, registry=registry)
    try:
        _take_arrays(board, results, store)
    except DamagedArtifactError as error:
        raise UserError(f"{error}; run the suite again, then add") from None
    board.contents = {name: asdict(each.content) for name, each in results.plan.located.items()}
    board.noise = [[*place, rate] for place, rate in results.noise.items()]
    board.stated = dict(results.stated)
    licences = _licences(results, store)
    date = datetime.now(UTC).date().isoformat()
    board.entries = [
        {"run": results.name, "by": who, "date": date, "roskdbench": __version__, "cells": len(board.cells), **licences}
    ]
    return board


def _take_arrays(board: Board, results: Results, store: Store) -> None:
    for cell in results.plan.cells:
        _take_cell(board, cell, results, store)
    for name in results.plan.located:
        board.arrays |= labels_for(Problem.load(store.open(results.plan.pixels(name)).path).labels, name)


def _take_cell(board: Board, cell: Cell, results: Results, store: Store) -> None:
    jobs = results.plan.jobs
    scores = jobs[cell.scores]
    split = scores.inputs["split"]
    if f"{split}/facts" not in board.arrays:
        _take_labels(board, split, scores.inputs["pixels"], store)
    predictions = store.read(scores.inputs["predictions"], "predictions.npz", logits_in)
    board.arrays |= {f"{cell.scores}/{part}": predictions[part] for part in PARTS}
    model = results.plan.model(cell) or scores
    python, seconds = store.read(model.fingerprint, RECORD, _made)
    board.made[cell.scores] = {
        "split": split,
        "code": dict(model.code),
        "made with": made_with(store, model.fingerprint),
        "python": python,
        "seconds": seconds,
        **({SECONDS_BEHIND: results.seconds[cell.scores]} if cell.scores in results.seconds else {}),
    }
    test = store.open(split).arrays("split.npz")["test"]
    for each in cell.measurements[1:]:
        board.made[each.fingerprint] = {"kind": jobs[each.fingerprint].group}
        if (
            known := jobs[each.fingerprint].inputs.get("attributes")
        ) and f"{split}/attributes/codes" not in board.arrays:
            attributes = Attributes.from_arrays(store.open(known).arrays(ATTRIBUTES)).take(test)
            board.arrays |= {f"{split}/attributes/{name}": array for name, array in attributes.arrays().items()}
        measure = results.plan.measures[cell.experiment][each.measure]
        kept = measure.kept(store.open(each.fingerprint).path, test)
        board.arrays |= {f"{each.fingerprint}/kept/{name}": array for name, array in kept.items()}


def _made(path: Path) -> tuple[str, float]:
    """With which Python, and in how many seconds."""
    record = json_of(path)
    return str(record["environment"].get("python", "")), float(record["seconds"])


def _take_labels(board: Board, split: str, pixels: str, store: Store) -> None:
    labels = Problem.load(store.open(pixels).path).labels
    parts = Split(**store.open(split).arrays("split.npz"))
    facts = json.dumps({"task": labels.task, "classes": list(labels.classes)}).encode()
    board.arrays[f"{split}/facts"] = np.frombuffer(facts, np.uint8)
    for part in PARTS:
        kept = tested_labels(labels, parts, part)
        board.arrays |= {f"{split}/{part}/{name}": array for name, array in kept.items()}


def _licences(results: Results, store: Store) -> dict[str, Any]:
    terms = {}
    for name in results.plan.problems:
        problem = Problem.load(store.open(results.plan.pixels(name)).path)
        terms[name] = f"{problem.licence}; {problem.citation}"
    return {"data": terms}
