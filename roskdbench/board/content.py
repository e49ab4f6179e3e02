"""What a board is on disk: results.csv, predictions.npz, provenance.json and README.md. Nothing in it can run code.

`predictions.npz` holds, by fingerprint, the logits of each job of scores and of attacks, and, by split, the labels they
are measured against; groups are numbers.
"""

import csv
import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.content import Content, Located
from roskdbench.data.problem import Labels
from roskdbench.errors import UserError, refusal
from roskdbench.fingerprint import seed_for
from roskdbench.measures.tested import PARTS, Tested
from roskdbench.plan import Cell, Plan
from roskdbench.results import COLUMNS, Results
from roskdbench.statistics.bootstrap import draws_of
from roskdbench.suite import Suite
from roskdbench.suite.problems import LOCATION_KEYS

RESULTS, PREDICTIONS, PROVENANCE, README = "results.csv", "predictions.npz", "provenance.json", "README.md"
FILES = (RESULTS, PREDICTIONS, PROVENANCE, README)
VERSION = 1
ResultRow = tuple[Any, ...]
"""As the columns of the results frame."""


@dataclass
class Board:
    """One suite's results, by whoever made them."""

    suite: Suite
    cells: list[Cell]
    rows: list[ResultRow]
    arrays: dict[str, NDArray[Any]]
    made: dict[str, dict[str, Any]]
    """What made each scores job's model: code of the method, environment, the fingerprint of the split."""
    contents: dict[str, dict[str, Any]] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    """Who added what, and when."""
    noise: list[list[Any]] = field(default_factory=list)
    """Experiment, problem, noise, and the share of training labels that it made wrong."""

    def results(self) -> Results:
        """The board as the results of a run, for tables and figures."""
        import pandas

        frame = pandas.DataFrame(self.rows, columns=list(COLUMNS))
        frame["value"] = frame["value"].astype(float)
        located = {name: Located(Content.of(facts)) for name, facts in self.contents.items()}
        planned = Plan(self.suite, located=located, cells=list(self.cells))
        made_with = sorted({made["made with"] for made in self.made.values() if made.get("made with")})
        noise = {(experiment, problem, name): rate for experiment, problem, name, rate in self.noise}
        return Results(planned, frame, [], made_with=made_with, noise=noise, drawn=self._draws)

    def _draws(self, scores: str) -> dict[str, NDArray[np.float32]]:
        split = self.made[scores]["split"]
        return draws_of(
            self.tested(split), self.logits(scores), self.suite.protocol.average, seed_for("bootstrap", split)
        )

    def tested(self, split: str) -> Tested:
        """The labels of a split's parts."""
        head = f"{split}/"
        facts = json.loads(bytes(self.arrays[f"{head}facts"]).decode())
        parts = []
        for part in PARTS:
            names = {key.removeprefix(f"{head}{part}/"): key for key in self.arrays if key.startswith(f"{head}{part}/")}
            arrays = {name: self.arrays[key] for name, key in names.items()}
            parts.append(Labels(facts["task"], tuple(facts["classes"]), **arrays))
        return Tested(facts["task"], tuple(facts["classes"]), *parts)

    def logits(self, scores: str) -> dict[str, NDArray[np.float32]]:
        """What a cell's model says of both parts."""
        return {part: self.arrays[f"{scores}/{part}"] for part in PARTS}

    def attacked(self, fingerprint: str) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float32]]] | None:
        """The attacked test samples and the logits under each attack, of a job of attacks."""
        head = f"{fingerprint}/attacked/"
        if f"{fingerprint}/chosen" not in self.arrays:
            return None
        names = [key for key in self.arrays if key.startswith(head)]
        return self.arrays[f"{fingerprint}/chosen"], {key.removeprefix(head): self.arrays[key] for key in names}


def write_board(board: Board, folder: Path, readme: str) -> list[Path]:
    """Write the four files; equal boards give equal bytes."""
    texts = {RESULTS: as_csv(board.rows), PROVENANCE: _provenance(board), README: readme}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")
        np.savez_compressed(folder / PREDICTIONS, allow_pickle=False, **dict(sorted(board.arrays.items())))
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {refusal(error)}") from None
    return [folder / name for name in FILES]


def read_board(folder: Path) -> Board:
    """The board in a folder; a UserError for anything that is not one."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; a board is made with: leaderboard add RUN")
    missing = [name for name in (RESULTS, PREDICTIONS, PROVENANCE) if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder} is no board: {', '.join(missing)} is missing; make one with: leaderboard add RUN")
    try:
        provenance = json.loads((folder / PROVENANCE).read_text("utf-8"))
        if provenance["version"] != VERSION:
            raise UserError(
                f"{folder / PROVENANCE} is of version {provenance['version']}; this reads version {VERSION}"
            )
        suite = Suite.model_validate(provenance["suite"])
        cells = [_cell(each) for each in provenance["cells"]]
        rest = [provenance[name] for name in ("made", "contents", "entries", "noise")]
        for facts in provenance["contents"].values():
            Content.of(facts)
        for *names, rate in provenance["noise"]:
            experiment, problem, noise = names
            "".join([experiment, problem, noise, f"{rate:.3f}"])
        for facts in provenance["made"].values():
            "".join([facts.get(name, "") for name in ("split", "kind", "made with")])
        for entry in provenance["entries"]:
            " ".join([entry["run"], entry["by"], entry["date"], entry["roskdbench"], *entry["data"].values()])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{folder / PROVENANCE} cannot be read as one of ours: {reason}") from None
    return Board(suite, cells, _from_csv(folder / RESULTS), read_arrays(folder / PREDICTIONS), *rest)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an npz; a UserError for one that is damaged or holds anything but numbers."""
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path} is damaged: it is no npz archive")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        if "pickle" in str(error).lower():
            raise UserError(
                f"{path} holds Python objects, not numbers: it is refused, because they could run code"
            ) from None
        raise UserError(f"{path} is damaged: {' '.join(str(error).split())[:150]}") from None


def _provenance(board: Board) -> str:
    provenance = {
        "version": VERSION,
        "suite": board.suite.model_dump(mode="json", exclude={"problems": {"__all__": set(LOCATION_KEYS)}}),
        "contents": board.contents,
        "entries": board.entries,
        "noise": board.noise,
        "made": board.made,
        "cells": [asdict(cell) for cell in board.cells],
    }
    return json.dumps(provenance, indent=1, ensure_ascii=False) + "\n"


def _cell(facts: Mapping[str, Any]) -> Cell:
    others = tuple((fingerprint, who) for fingerprint, who in facts["others"])
    return Cell(**{**facts, "others": others})


def as_csv(rows: Iterable[ResultRow]) -> str:
    """The rows under their heads, as results.csv has them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(["" if _is_nan(value) else value for value in row])
    return out.getvalue()


def _is_nan(value: Any) -> bool:
    return value is None or (isinstance(value, float) and isnan(value))


KINDS: dict[str, type] = {"overlap": float, "fold": int, "seed": int, "n": int}


def _from_csv(path: Path) -> list[ResultRow]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            heads = next(reader, [])
            if tuple(heads) != COLUMNS:
                raise UserError(f"{path} has other columns than a board's: {', '.join(heads)[:120]}")
            rows = []
            for number, row in enumerate(reader, 2):
                try:
                    rows.append(tuple(_value(name, text) for name, text in zip(COLUMNS, row, strict=True)))
                except ValueError:
                    raise UserError(f"{path}:{number}: not a row of results: {','.join(row)[:120]}") from None
            return rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {error}") from None


def _value(name: str, text: str) -> Any:
    if name == "value":
        return float(text) if text else float("nan")
    return KINDS.get(name, str)(text)
