"""What a board's labels are bound to: its fingerprints are made from the data's labels, so that neither a label nor the
list of tested images can be another. Drawn problems are drawn again; of data on disk a board carries all labels.
"""

import json
from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from roskdbench.board.content import Board
from roskdbench.data.content import Content
from roskdbench.data.preparation import identity_of
from roskdbench.data.problem import Labels
from roskdbench.data.splits import Split, split_by
from roskdbench.errors import UserError
from roskdbench.fingerprint import canonical_json
from roskdbench.measuring.tested import PARTS
from roskdbench.plan import Plan
from roskdbench.results import grid_key
from roskdbench.suite.problems import DrawnDataset

COMPARED = ("targets", "groups", "corrected", "uncertain")
UNREADABLE = (KeyError, IndexError, ValueError, TypeError)


def labels_for(labels: Labels, problem: str) -> dict[str, NDArray[np.generic]]:
    """The arrays that a board carries of a problem's labels."""
    facts = canonical_json({"task": labels.task, "classes": list(labels.classes)}).encode()
    return {
        f"data/{problem}/facts": np.frombuffer(facts, np.uint8),
        **{f"data/{problem}/labels/{name}": array for name, array in labels.arrays().items()},
    }


def tested_labels(labels: Labels, split: Split, part: str) -> dict[str, NDArray[np.generic]]:
    """The arrays that a board carries of a part: groups are numbered anew, and nobody's names."""
    kept = labels.take(getattr(split, part)).arrays()
    kept["groups"] = np.unique(kept["groups"], return_inverse=True)[1].astype(np.int64)
    return {name: kept[name] for name in COMPARED if name in kept}


def unbound(board: Board) -> list[str]:
    """Problems whose labels the board does not carry, so that it cannot be believed without the data."""
    real = (name for name, spec in board.suite.problems.items() if not isinstance(spec, DrawnDataset))
    used = {cell.problem for cell in board.cells}
    return [name for name in real if name in used and f"data/{name}/facts" not in board.arrays]


def on_trust(board: Board, held: Collection[str] = ()) -> str:
    """What nobody can tell from the board, for a sentence. `held` are problems whose data it was held against."""
    labels = [f"the labels of {' and '.join(names)}"] if (names := unbound(board)) else []
    described = any("/attributes/" in key for key in board.arrays)
    labels += ["whom attributes say that images are of"] if described else []
    images = ["the images"] if board.contents.keys() - set(held) else []
    stated = ["since when claims stand"] if board.stated else []
    return ", ".join(
        [
            *labels,
            *images,
            *stated,
            "that the logits came from such trainings, rates of noise, and where and how fast it was trained",
        ]
    )


def unlike_the_data(board: Board, planned: Plan) -> Iterator[str]:
    """What of the labels, or of who is tested, is not what the fingerprints were made from."""
    trusted = unbound(board)
    wanted = {grid_key(cell): cell for cell in planned.cells}
    known: dict[str, Labels] = {}
    seen, said = set[str](), set[str]()
    for cell in board.cells:
        ours = wanted.get(grid_key(cell))
        if ours is None:
            continue
        name, fingerprint = cell.problem, planned.jobs[ours.scores].inputs["split"]
        if board.made.get(cell.scores, {}).get("split") != fingerprint:
            yield f"{cell.method} on {name} (seed {cell.seed}) is tested on another split than the suite gives"
        if name in trusted and name not in said:
            said.add(name)
            yield f"the board does not carry the labels of {name}; hold it against the data: --data {name}=DIR"
        if fingerprint in seen or name in trusted:
            continue
        seen.add(fingerprint)
        try:
            if name not in known:
                known[name] = _labels(board, name)
            yield from _of_split(board, fingerprint, known[name], planned)
        except UserError as error:
            yield str(error)
            trusted.append(name)
            said.add(name)
        except UNREADABLE as error:
            yield f"the labels of {name} cannot be read: {' '.join(str(error).split())[:150]}"


def _labels(board: Board, name: str) -> Labels:
    """All labels of a problem. A UserError where they are not those that its fingerprints name."""
    spec = board.suite.problems[name]
    if isinstance(spec, DrawnDataset):
        return spec.draw().labels
    head = f"data/{name}/labels/"
    facts = json.loads(bytes(np.asarray(board.arrays[f"data/{name}/facts"], np.uint8)).decode())
    arrays = {key.removeprefix(head): array for key, array in board.arrays.items() if key.startswith(head)}
    labels = Labels(facts["task"], tuple(facts["classes"]), **arrays)
    content = Content.of(board.contents[name])
    if identity_of(content.images, labels) != content.identity:
        raise UserError(f"the labels of {name} are not those that its fingerprints were made from")
    return labels


def _of_split(board: Board, fingerprint: str, labels: Labels, planned: Plan) -> Iterator[str]:
    job = planned.jobs[fingerprint]
    split = split_by(job.spec, labels)
    facts = json.loads(bytes(np.asarray(board.arrays[f"{fingerprint}/facts"], np.uint8)).decode())
    if (facts["task"], tuple(facts["classes"])) != (labels.task, labels.classes):
        yield f"the classes of the {job.label} are not those of its data"
    for part in PARTS:
        wanted, head = tested_labels(labels, split, part), f"{fingerprint}/{part}/"
        there = {key.removeprefix(head): array for key, array in board.arrays.items() if key.startswith(head)}
        for array in sorted(wanted.keys() | there.keys()):
            if array not in wanted or array not in there or not np.array_equal(wanted[array], there[array]):
                yield f"the {array} of the {part} part are not those of the {job.label}"
