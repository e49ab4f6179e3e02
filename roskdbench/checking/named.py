"""Checking by name: whichever family has it, its claims are tried on small phantoms."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.checking.methods import Verdict, check_method
from roskdbench.errors import UserError, nearest, one_line
from roskdbench.fingerprint import canonical_json
from roskdbench.plugins import Registry
from roskdbench.suite.attack import Attack
from roskdbench.suite.corruption import SEVERITIES, Corruption
from roskdbench.suite.measure import Column, Measure
from roskdbench.suite.problems import TASKS, Task

SAMPLES = 72
CHECKED = ("method", "measure", "metric", "dataset", "attack", "corruption", "network")


def check_named(registry: Registry, name: str) -> Iterator[Verdict]:
    """Every claim about what is registered under a name, in each family that has it."""
    families = [family for family in CHECKED if name in registry.of(family)]
    if not families:
        known = {each for family in CHECKED for each in registry.of(family)}
        broken = f" (could not be loaded: {'; '.join(registry.broken)})" if registry.broken else ""
        raise UserError(f"nothing is registered as '{name}'; {nearest(name, known)}{broken}")
    for family in families:
        if family == "method":
            yield from check_method(registry, name)
        else:
            try:
                yield from CHECKS[family](registry, name)
            except Exception as error:
                yield f"{family} '{name}' can be tried", one_line(error)


def named_in(registry: Registry, file: Path) -> list[str]:
    """The names that a file registers. A UserError says why there are none."""
    if not file.is_file():
        raise UserError(f"no file at {file}")
    where = file.resolve()
    found = [
        name for family in CHECKED for name, each in registry.of(family).items() if Path(each.origin).resolve() == where
    ]
    clashes = [sentence for sentence in registry.clashes.values() if str(where) in sentence or str(file) in sentence]
    broken = [line for line in registry.broken if Path(line.partition(": ")[0]).resolve() == where]
    if not found or clashes:
        raise UserError(
            next(iter([*broken, *clashes]), f'{file} registers nothing: write @register("name") above a class')
        )
    return list(dict.fromkeys(found))


def _measure(registry: Registry, name: str) -> Iterator[Verdict]:
    measure = registry.find("measure", name).thing
    yield "it says what it is", None if measure.__doc__ else "it has no docstring, of which lists show the first line"
    yield "it has columns or tables of its own", None if measure.columns or measure.perturbs else "it shows nothing"
    declared = Measure.read({"measure": name}, registry)
    yield "its settings can be written in a suite", _declarable(declared.declaration())
    if declared.reads != ("predictions",):
        return
    for task in TASKS:
        first, second = (declared.numbers(_predictions(task)) for _ in range(2))
        yield f"it gives the same numbers twice on {task} predictions", None if first == second else "they differ"
        names = {value.metric for value in first}
        absent = [column.metric for column in declared.columns if column.metric not in names]
        yield f"its columns have numbers on {task} predictions", f"none for {', '.join(absent)}" if absent else None
        bad = [each.metric for each in first if each.value is not None and not np.isfinite(each.value)]
        yield (
            f"its numbers are finite on {task} predictions",
            f"not {', '.join(bad)}; give None instead" if bad else None,
        )


def _metric(registry: Registry, name: str) -> Iterator[Verdict]:
    column: Column = registry.find("metric", name).thing
    assert column.statistic is not None
    yield "it says what it is", None if column.statistic.__doc__ else "its function has no docstring"
    for task in TASKS:
        predictions = _predictions(task)
        arrays = (predictions.truth, predictions.probabilities, predictions.decisions)
        given = column.statistic(*(each if column.over == "samples" else each[:, 0] for each in arrays))
        usable = given is None or isinstance(given, float | int | np.number)
        yield f"it gives a number or None on {task} predictions", None if usable else f"it gives {given!r}"
        if not usable:
            continue
        first, second = (list(predictions.statistic(column)) for _ in range(2))
        yield f"it gives the same number twice on {task} predictions", None if first == second else "they differ"


def _dataset(registry: Registry, name: str) -> Iterator[Verdict]:
    from roskdbench.suite.problems import Dataset, DrawnDataset

    kind = registry.find("dataset", name).thing
    yield "it has a card", None if getattr(kind, "card", None) else "say its licence, citation and how to get it: card"
    yield "it says task and channels", None if hasattr(kind, "task") and hasattr(kind, "channels") else "it does not"
    if not issubclass(kind, DrawnDataset):
        return
    declared: Any = Dataset.read({"dataset": name, "samples": SAMPLES}, registry)
    one, other = declared.draw(), declared.draw()
    images = one.images
    same = np.array_equal(images, other.images) and np.array_equal(one.labels.targets, other.labels.targets)
    yield "the same settings draw the same images", None if same else "they differ"
    wanted = (SAMPLES, kind.channels, declared.size, declared.size)
    yield (
        "images are uint8 [N, C, H, W]",
        None
        if images.shape == wanted and images.dtype == np.uint8
        else (f"they are {images.dtype} {list(images.shape)}, and should be uint8 {list(wanted)}"),
    )
    yield "its labels are of its task", None if one.labels.task == kind.task else f"they are {one.labels.task}"


def _attack(registry: Registry, name: str) -> Iterator[Verdict]:
    import torch

    from roskdbench.measuring.attacks.attacking import Target, Victim

    kind: type[Attack] = registry.find("attack", name).thing
    if any(each.is_required() for key, each in kind.model_fields.items() if key not in ("norm", "radius")):
        yield "it can be tried without settings", "it has settings without a default"
        return
    for task in TASKS:
        if task not in kind.tasks:
            continue
        images, targets = _images(task)
        network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(images[0].numel(), 8))
        for norm, radius in (("linf", 4 / 255), ("l2", 0.5)):
            attack = Attack.read({"attack": name, "norm": norm, "radius": radius}, registry)
            samples = np.arange(len(images))
            pixels = (images * 255).byte().numpy()
            target = Target(network, task, pixels, targets.numpy(), samples, torch.device("cpu"), 0)
            changed = [attack.perturb(Victim(target, attack, 0), images, targets) for _ in range(2)]
            where = f"in {norm} on {task} images"
            yield f"it is deterministic {where}", None if torch.equal(*changed) else "two runs differ"
            change = (changed[0] - images).flatten(1)
            length = change.abs().amax(1) if norm == "linf" else change.norm(dim=1)
            far = float(length.max())
            yield f"it stays within the radius {where}", None if far <= radius * 1.0001 else f"it goes {far:.3g} far"
            inside = bool(((changed[0] >= 0) & (changed[0] <= 1)).all())
            yield f"pixels stay from 0 to 1 {where}", None if inside else "some do not"


def _corruption(registry: Registry, name: str) -> Iterator[Verdict]:
    import torch

    from roskdbench.measuring.corruptions import corrupted

    kind: type[Corruption] = registry.find("corruption", name).thing
    if any(each.is_required() for each in kind.model_fields.values()):
        yield "it can be tried without settings", "it has settings without a default; strengths needs five numbers"
        return
    corruption, (images, _) = Corruption.read({"corruption": name}, registry), _images("single-label")
    samples = torch.arange(len(images)) * 7
    together = [corrupted(corruption, severity, images, samples) for severity in SEVERITIES]
    again = [corrupted(corruption, severity, images, samples) for severity in SEVERITIES]
    same = all(map(torch.equal, together, again))
    yield "it is deterministic", None if same else "two runs differ; draw from `uniforms`"
    one = [corrupted(corruption, severity, images[2:3], samples[2:3]) for severity in SEVERITIES]
    near = all(bool((each[2:3] - alone).abs().max() <= 1 / 255) for each, alone in zip(together, one, strict=True))
    yield "an image alone is corrupted as in a batch", None if near else "it depends on its neighbours"
    shape = all(each.shape == images.shape and bool(each.isfinite().all()) for each in together)
    yield "it gives images of the same shape, all numbers finite", None if shape else "it does not"
    change = [float((each - images).abs().mean()) for each in together]
    yield (
        "it changes images, at severity 5 the most",
        None
        if change[0] > 0 and max(change) == change[-1]
        else (f"the mean change by severity is {', '.join(f'{each:.3g}' for each in change)}"),
    )


def _network(registry: Registry, name: str) -> Iterator[Verdict]:
    import torch

    from roskdbench.engine.networks import build

    for channels, classes in ((3, 8), (1, 2)):
        statistics = {"mean": [0.5] * channels, "deviation": [0.25] * channels}
        architecture = {"model": name, "options": {}}
        one, other = (build(architecture, channels, classes, 32, "standard", statistics, 0, registry) for _ in range(2))
        pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        same = all(torch.equal(*pair) for pair in pairs)
        yield "its weights follow from torch's seed", None if same else "two networks of one seed differ"
        logits = one(torch.rand(4, channels, 32, 32))
        shape = list(logits.shape)
        yield f"it gives logits [B, {classes}]", None if shape == [4, classes] else f"it gives {shape}"
        logits.sum().backward()
        reached = all(each.grad is not None for each in one.parameters())
        yield "a gradient reaches all of its weights", None if reached else "it does not"


def _declarable(declaration: dict[str, Any]) -> str | None:
    try:
        canonical_json(declaration)
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def _predictions(task: Task) -> Any:
    """Random logits for random labels, the same at every call."""
    from roskdbench.data.problem import Labels
    from roskdbench.measuring.predictions import Predictions
    from roskdbench.measuring.tested import Tested

    random = np.random.default_rng(0)
    classes = tuple("abcd")
    single = task == "single-label"
    targets: NDArray[Any] = (
        random.integers(0, 4, SAMPLES) if single else random.integers(0, 2, (SAMPLES, 4)).astype(np.uint8)
    )
    labels = Labels(task, classes, targets, np.arange(SAMPLES) // 2)
    split = {"validation": np.arange(0, 24), "test": np.arange(24, SAMPLES)}
    logits = {part: random.normal(size=(len(rows), 4)).astype(np.float32) for part, rows in split.items()}
    return Predictions(Tested.of(labels, split), logits)


def _images(task: Task) -> Any:
    import torch

    generator = torch.Generator().manual_seed(0)
    images = torch.rand(6, 3, 28, 28, generator=generator)
    images = (images * 255).round() / 255
    targets = torch.arange(6) % 8
    return images, targets if task == "single-label" else torch.nn.functional.one_hot(targets, 8)


CHECKS = {
    "measure": _measure,
    "metric": _metric,
    "dataset": _dataset,
    "attack": _attack,
    "corruption": _corruption,
    "network": _network,
}
