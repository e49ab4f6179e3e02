"""What a board is on disk: results.csv, predictions.npz, provenance.json and README.md. Nothing in it can run code.

`predictions.npz` holds, by fingerprint, the logits behind each cell's scores and what other measures keep, and, by
split, the labels they are measured against; groups are numbers.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench import foreign
from roskdbench.board.rows_file import ResultRow, as_csv, rows_in
from roskdbench.data.attributes import Attributes
from roskdbench.data.content import Content, Located
from roskdbench.data.problem import Labels
from roskdbench.errors import UserError, refusal
from roskdbench.fingerprint import seed_for
from roskdbench.measuring.predictions import Predictions
from roskdbench.measuring.tested import PARTS, Tested
from roskdbench.plan import Cell, Measurement, Plan, plan
from roskdbench.plan.cells import cell_of
from roskdbench.plan.shown import measures_of
from roskdbench.plugins import Registry, bundled_registry
from roskdbench.results import COLUMNS, Results, grid_key, typed
from roskdbench.runs import Stated
from roskdbench.statistics.bootstrap import measure_draws
from roskdbench.suite import Suite
from roskdbench.suite.pretrained import without_places
from roskdbench.suite.problems import LOCATION_KEYS, OFFICIAL

RESULTS, PREDICTIONS, PROVENANCE, README = "results.csv", "predictions.npz", "provenance.json", "README.md"
FILES = (RESULTS, PREDICTIONS, PROVENANCE, README)
VERSION = 2
SECONDS_BEHIND = "seconds behind"
"""What the trainings that a model rests on took, its teachers' with it, where the suite's tables show it."""


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
    stated: dict[str, Stated] = field(default_factory=dict)
    """Since when each claim of the suite stands, as the run's record has it."""
    registry: Registry = field(default_factory=bundled_registry, repr=False, compare=False)

    def results(self) -> Results:
        """The board as the results of a run, for tables and figures."""
        import pandas

        frame = typed(pandas.DataFrame(self.rows, columns=list(COLUMNS)))
        located = {name: Located(Content.of(facts)) for name, facts in self.contents.items()}
        planned = replace(self._planned(located), jobs={}, cells=list(self.cells))
        made_with = sorted({made["made with"] for made in self.made.values() if made.get("made with")})
        noise = {(experiment, problem, name): rate for experiment, problem, name, rate in self.noise}
        seconds = {job: made[SECONDS_BEHIND] for job, made in self.made.items() if SECONDS_BEHIND in made}
        sizes = dict(reversed([(cell.problem, self._test_size(cell)) for cell in self.cells]))
        return Results(
            planned,
            frame,
            [],
            made_with=made_with,
            noise=noise,
            drawn=self._draws,
            test_sizes=sizes,
            seconds=seconds,
            stated=self.stated,
        )

    def _planned(self, located: dict[str, Located]) -> Plan:
        """What the suite comes to here; no more than its measures where its methods are not."""
        try:
            return plan(self.suite, self.registry, located=located)
        except UserError:
            measures = {name: measures_of(self.suite, name, self.registry) for name in self.suite.experiments}
            return Plan(self.suite, located=located, measures=measures)

    def _test_size(self, cell: Cell) -> tuple[int, int]:
        """How many images a cell's test part has, and of how many groups."""
        groups = self.arrays.get(f"{self.split(cell)}/test/groups", np.zeros(0))
        return len(groups), len(np.unique(groups))

    def _draws(self, fingerprint: str) -> dict[str, NDArray[np.floating]]:
        """Made again from the predictions, as the job made them."""
        cell, each = self._jobs[fingerprint]
        measure = measures_of(self.suite, cell.experiment, self.registry)[each.measure]
        if "predictions" not in measure.reads:
            return {}
        predictions = replace(self.predictions(cell), kept=self.kept(fingerprint))
        test_part = OFFICIAL if self.suite.problems[cell.problem].keeps_test_part else self.split(cell)
        return measure_draws(measure, predictions, seed_for("bootstrap", test_part))

    @cached_property
    def _jobs(self) -> dict[str, tuple[Cell, Measurement]]:
        return {each.fingerprint: (cell, each) for cell in self.cells for each in cell.measurements}

    def split(self, cell: Cell) -> str:
        """The split that a cell is tested on."""
        return str(self.made[cell.scores]["split"])

    def predictions(self, cell: Cell) -> Predictions:
        """What a cell's model says of both parts, beside their labels."""
        protocol = self.suite.protocol
        logits = {part: self.arrays[f"{cell.scores}/{part}"] for part in PARTS}
        tested = self.tested(self.split(cell))
        for part, labels in (("validation", tested.validation), ("test", tested.test)):
            if logits[part].shape != (len(labels), len(tested.classes)):
                raise UserError(f"predictions of {cell.method} on {cell.problem} do not fit the {part} part's labels")
        return Predictions(tested, logits, protocol.threshold, protocol.average)

    def tested(self, split: str) -> Tested:
        """The labels of a split's parts."""
        head = f"{split}/"
        facts = json.loads(bytes(self.arrays[f"{head}facts"]).decode())
        parts = []
        for part in PARTS:
            names = {key.removeprefix(f"{head}{part}/"): key for key in self.arrays if key.startswith(f"{head}{part}/")}
            arrays = {name: self.arrays[key] for name, key in names.items()}
            parts.append(Labels(facts["task"], tuple(facts["classes"]), **arrays))
        known = {name: self.arrays[f"{head}attributes/{name}"] for name in self._attributes(head)}
        attributes = Attributes.from_arrays(known) if known else None
        validation, test = parts
        return Tested(facts["task"], tuple(facts["classes"]), validation, test, attributes)

    def _attributes(self, head: str) -> list[str]:
        """The arrays that a split's attributes are kept as, if they are."""
        start = f"{head}attributes/"
        return [name.removeprefix(start) for name in self.arrays if name.startswith(start)]

    def kept(self, fingerprint: str) -> dict[str, NDArray[Any]]:
        """The arrays that a job's measure keeps on boards."""
        head = f"{fingerprint}/kept/"
        return {key.removeprefix(head): array for key, array in self.arrays.items() if key.startswith(head)}


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


def read_board(folder: Path, registry: Registry | None = None) -> Board:
    """The board in a folder; a UserError for anything that is not one."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; a board is made with: leaderboard add RUN")
    missing = [name for name in (RESULTS, PREDICTIONS, PROVENANCE) if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder} is no board: {', '.join(missing)} is missing; make one with: leaderboard add RUN")
    registry = registry or bundled_registry()
    try:
        provenance = foreign.json_of(folder / PROVENANCE)
        foreign.refuse_control_characters(provenance)
        if provenance["version"] != VERSION:
            raise UserError(
                f"{folder / PROVENANCE} is of version {provenance['version']}; this reads version {VERSION}"
            )
        suite = Suite.model_validate(provenance["suite"], context={"registry": registry})
        cells = [cell_of(each) for each in provenance["cells"]]
        if twice := [each for each, times in Counter(map(grid_key, cells)).items() if times > 1]:
            raise ValueError(f"it has the cell {', '.join(map(str, twice[0]))} twice")
        made, contents, entries, rates = (provenance[name] for name in ("made", "contents", "entries", "noise"))
        stated = {str(name): Stated.of(each) for name, each in provenance.get("stated", {}).items()}
        for facts in provenance["contents"].values():
            Content.of(facts)
        for *names, rate in provenance["noise"]:
            experiment, problem, noise = names
            "".join([experiment, problem, noise, f"{rate:.3f}"])
        for facts in provenance["made"].values():
            "".join([facts.get(name, "") for name in ("split", "kind", "made with")])
            f"{facts.get(SECONDS_BEHIND, 0):g}"
        for entry in provenance["entries"]:
            " ".join([entry["run"], entry["by"], entry["date"], entry["roskdbench"], *entry["data"].values()])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{folder / PROVENANCE} cannot be read as one of ours: {reason}") from None
    rows, arrays = rows_in(folder / RESULTS), read_arrays(folder / PREDICTIONS)
    return Board(suite, cells, rows, arrays, made, contents, entries, rates, stated, registry)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an npz; a UserError for one that is damaged or holds anything but numbers."""
    return dict(foreign.arrays_of(path))


def _provenance(board: Board) -> str:
    provenance = {
        "version": VERSION,
        "suite": without_places(
            board.suite.model_dump(mode="json", exclude={"problems": {"__all__": set(LOCATION_KEYS)}})
        ),
        "contents": board.contents,
        "entries": board.entries,
        "noise": board.noise,
        "stated": {name: asdict(each) for name, each in board.stated.items()},
        "made": board.made,
        "cells": [asdict(cell) for cell in board.cells],
    }
    return json.dumps(provenance, indent=1, ensure_ascii=False) + "\n"
