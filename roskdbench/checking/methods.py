"""Whether a method keeps the contract: some seconds of training on phantoms, both single-label and multi-label."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.checking.counting import FORWARD, PassCount, misjudged
from roskdbench.checking.reaching import reaches_past
from roskdbench.checking.unread import idle, unread
from roskdbench.checking.watching import StoppedError, Watch, watched
from roskdbench.data.phantoms import draw_chest, draw_lesions
from roskdbench.data.problem import Labels
from roskdbench.errors import one_line
from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.method import Method, make_method
from roskdbench.plugins import Registry
from roskdbench.suite.augmentation import PRESETS
from roskdbench.suite.protocol import Protocol

if TYPE_CHECKING:
    from roskdbench.engine.checkpoint import Checkpoint
    from roskdbench.engine.networks import Classifier

EPOCHS = (4, 12)  # the fewest that a method can be used in are taken
SAMPLES = 48
SIZE = 16
ARCHITECTURE = {"model": "resnet18", "options": {"channels": [8, 8, 16, 16], "layers": [1, 1, 1, 1]}}
STATISTICS = {"mean": [0.5], "deviation": [0.25]}

PROBLEMS = {"phantom-lesion": "single-label", "phantom-chest": "multi-label"}

Arrays = dict[str, NDArray[Any]]
Verdict = tuple[str, str | None]
"""A claim, and what speaks against it (None: it holds)."""


def check_method(registry: Registry, name: str) -> Iterator[Verdict]:
    """Every claim of the contract in turn. A UserError if the method is not known."""
    method = make_method(registry, name)
    yield "its parameters can be written in a suite", _not_declarable(method)
    yield "all that it says is read", unread(method)
    yield "what it declares is gone by", idle(method)
    past = reaches_past(method)
    yield "it sees what a batch offers, and nothing else", past
    yield f"it can be used in a training of {EPOCHS[-1]} epochs", method.weighting.objection(EPOCHS[-1])
    if past or not method.trains_student:  # what changes what all share is not run: other methods would feel it
        return
    verdicts: Counter[str] = Counter()
    for problem, task in PROBLEMS.items():
        if task in method.tasks:
            for each in _trainings(method, problem):
                verdicts[task] += 1
                yield each
    trained = [task for task, count in verdicts.items() if count > 1]
    if len(trained) == 1 < len(verdicts):
        yield "it is for the labels that it says", f"if it is for {trained[0]} problems only, say tasks = {(*trained,)}"


def _not_declarable(method: Method) -> str | None:
    try:
        again = type(method).model_validate(method.declaration())
        canonical_json(method.declaration())
    except ValueError as error:
        return str(error).splitlines()[0]
    return None if again == method else "reading its declaration gives another method"


@dataclass
class _Tried:
    """What a training ended in, and how much went through its networks."""

    arrays: Arrays
    student_passes: float
    teacher_passes: float
    met: float
    """The share of the samples that its epochs met."""


def _trainings(method: Method, problem: str) -> Iterator[Verdict]:
    """Train once, once with an interruption in the middle of an epoch, and once more where those two differ."""
    watch = Watch()
    try:
        first = _train(method, problem, watch)
    except Exception as error:
        yield f"it trains on {problem}", one_line(error)
        return
    start = _weights_at_start(problem).items()
    moved = any(not np.array_equal(first.arrays[name], value) for name, value in start)
    yield f"its loss is finite on {problem}", None
    yield f"a gradient reaches the student on {problem}", None if moved else "the weights did not move"
    yield (
        f"its cost is what it says on {problem}",
        misjudged(method, first.student_passes, first.teacher_passes, first.met),
    )
    drawn = (what for what, times in watch.draws.items() if times > 1)  # an import may draw, once
    yield f"its random numbers are its own on {problem}", next(drawn, None)
    broken = None
    try:
        resumed = _train(method, problem, watch, interrupted=True)
        broken = _difference(
            first,
            resumed,
            "a resumed training (is all that it keeps in `begin`'s module, or in a weigher's state_dict?)",
        )
    except Exception as error:
        broken = one_line(error)
    yield f"all that its loss asks for trains something on {problem}", watch.idle
    same = "two trainings from the same seed (batch.generator has random numbers of a step's own)"
    varies = broken and _difference(first, _train(method, problem, Watch()), same)
    yield f"it is deterministic on {problem}", varies
    yield f"an interrupted training on {problem} goes on as if nothing had been", broken


def _difference(one: _Tried, other: _Tried, what: str) -> str | None:
    different = [name for name in one.arrays if not np.array_equal(one.arrays[name], other.arrays[name])]
    if not different:
        return None
    states = all(name.startswith("state ") for name in different)
    return f"{what} ended in {'another state' if states else 'other weights'}"


def _train(method: Method, problem: str, watch: Watch, interrupted: bool = False) -> _Tried:
    """A training with random teachers; with an interruption and a second start if so wished."""
    from roskdbench.engine.checkpoint import Checkpoint

    epochs = next((each for each in EPOCHS if method.weighting.objection(each) is None), EPOCHS[-1])
    if not interrupted:
        return _run(method, problem, epochs, watch, None)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder), share=inf)
        watch.killed_in = epochs * 2 // 3
        with suppress(StoppedError):
            _run(method, problem, epochs, watch, checkpoint)
        return _run(method, problem, epochs, Watch(), checkpoint)


def _run(method: Method, problem: str, epochs: int, watch: Watch, checkpoint: "Checkpoint | None") -> _Tried:
    from roskdbench.engine.device import prepare
    from roskdbench.engine.examples import Examples
    from roskdbench.engine.recipe import Recipe, Seeds
    from roskdbench.engine.training import Training

    images, labels = _problem(problem)
    teachers = len(method.teachers.slots(Protocol(), 0.4))
    random = np.random.default_rng(0)
    bank = [random.normal(size=(epochs, SAMPLES, len(labels.classes))).astype(np.float32) for _ in range(teachers)]
    students, asked = PassCount(), PassCount()
    network = _network(problem, count=students)
    training = Training(
        task=labels.task,
        method=watched(method, watch, network),
        network=network,
        examples=Examples.place(images, labels.targets, np.arange(SAMPLES), prepare()),
        bank=list(bank) if method.uses_teacher_logits else [],
        recipe=Recipe(epochs, 24, 0.05, 0.9, 2e-4, (epochs - 2,), 0.1, PRESETS["light"], None),
        seeds=Seeds(0, 1, 2),
        mean=method.collected_mean,
        warmup=epochs - 2,
        checkpoint=checkpoint,
        report=lambda done, note: None,
        teachers=[_network(problem, 1 + each, asked) for each in range(teachers)] if method.asks_teachers else [],
        fresh_network=lambda purpose: _network(problem, seed_for(purpose), students),
    )
    training.run()
    assert training.averaged is not None
    parts = {"": training.network, "averaged ": training.averaged, "state ": training.state}
    arrays = {
        f"{part}{name}": value.cpu().numpy()
        for part, module in parts.items()
        if module is not None
        for name, value in module.state_dict().items()
    }
    mean = training.mean
    once_more = FORWARD * SAMPLES if mean is not None and mean.buffers == "reestimated" else 0.0
    seen = SAMPLES * epochs
    met = float(np.mean(training.history.get("selected", [1.0])))
    return _Tried(arrays, (students.images - once_more) / seen, asked.images / seen / max(1, teachers), met)


@cache
def _problem(problem: str) -> tuple[NDArray[np.uint8], Labels]:
    if problem == "phantom-lesion":
        images, targets, groups = draw_lesions(SAMPLES, SIZE, 0)
        return images, Labels("single-label", tuple("abcdefgh"), targets, groups)
    images, findings, patients = draw_chest(SAMPLES, SIZE, 0)
    return images, Labels("multi-label", tuple("abcdefgh"), findings, patients)


def _network(problem: str, seed: int = 0, count: PassCount | None = None) -> "Classifier":
    from roskdbench.engine.networks import build

    channels = 3 if problem == "phantom-lesion" else 1
    statistics = {key: value * channels for key, value in STATISTICS.items()}
    network = build(ARCHITECTURE, channels, 8, SIZE, "standard", statistics, seed)
    if count is not None:
        count.watch(network)
    return network


def _weights_at_start(problem: str) -> Arrays:
    return {name: value.detach().numpy() for name, value in _network(problem).named_parameters()}
