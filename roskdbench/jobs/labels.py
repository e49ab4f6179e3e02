"""`labels`: the labels that training sees. Validation and test keep the problem's own."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from roskdbench.data.problem import Labels
from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext
from roskdbench.suite.noise import NoiseSpec

KIND = Kind(revision=2, runs_locally=True)


def run(context: JobContext) -> None:
    """Write labels.npz (targets of all samples; flipped, 1 where training sees another label) and noise.json."""
    from roskdbench.data.noise import flips, noisy_labels  # it brings scipy, which plans do without

    labels, train = context.problem().labels, context.training_part()
    noise = TypeAdapter[NoiseSpec](NoiseSpec).validate_python(context.spec["noise"])
    features = context.inputs["features"].array("features.npy") if "features" in context.inputs else None
    random = np.random.default_rng(seed_for("noise", noise.kind, noise.seed, context.spec["split_seed"]))
    noisy = noisy_labels(noise, labels, random, features)
    targets = labels.targets.astype(noisy.dtype)
    targets[train] = noisy[train]
    flipped = np.zeros(labels.targets.shape, np.uint8)
    flipped[train] = flips(labels, targets)[train]
    np.savez(context.folder / "labels.npz", allow_pickle=False, targets=targets, flipped=flipped)
    facts = {
        "noise": context.spec["noise"],
        "realised_rate": round(float(flipped[train].mean()), 6),
        "ignored_rate": round(float(np.isnan(targets[train]).mean()), 6) if targets.dtype.kind == "f" else 0.0,
        "realised": _table(labels, targets[train], train),
    }
    (context.folder / "noise.json").write_text(canonical_json(facts), "utf-8")


def _table(labels: Labels, seen: NDArray[Any], train: NDArray[np.int64]) -> list[list[int]]:
    """Single-label: how often each class (row) is called each class. Multi-label: for each class how many findings are
    kept and missed, how many absent ones stay so and are reported.
    """
    true, classes = labels.targets[train], len(labels.classes)
    if labels.task == "single-label":
        table: NDArray[np.int64] = np.bincount(true * classes + seen, minlength=classes**2).reshape(classes, classes)
        return [[int(count) for count in row] for row in table]
    noisy, there, known = seen > 0.5, true > 0.5, ~np.isnan(seen.astype(np.float32))
    cases = [there & noisy, there & ~noisy & known, ~there & ~noisy & known, ~there & noisy]
    return [[int(count) for count in row] for row in np.stack([case.sum(0) for case in cases], axis=1)]
