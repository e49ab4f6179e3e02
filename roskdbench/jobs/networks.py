"""What the jobs that train have in common: examples, a fresh network, how it computes, its training, and its file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from roskdbench.artifact import NOT_PRETRAINED, Artifact
from roskdbench.data.problem import Problem
from roskdbench.engine import networks
from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.examples import Examples
from roskdbench.engine.networks import Classifier
from roskdbench.engine.recipe import Recipe, Seeds
from roskdbench.engine.training import DivergedError, Training
from roskdbench.engine.validation import ValidationSet
from roskdbench.errors import UserError
from roskdbench.fingerprint import canonical_json, file_digest, seed_for
from roskdbench.jobs.context import JobContext
from roskdbench.measuring.tested import Tested
from roskdbench.plugins import Registry

LAST = "last.safetensors"
AVERAGED = "averaged.safetensors"
HISTORY = "history.json"


def student_seeds(seed: int) -> Seeds:
    """Every student of a seed meets the same views in the same order, whatever its method."""
    return Seeds.of("student", seed)


def examples(context: JobContext, problem: Problem, samples: NDArray[np.int64], device: torch.device) -> Examples:
    """The samples with the labels that training sees, or the true ones where labels play no part."""
    labels = context.inputs.get("labels")
    targets = labels.arrays("labels.npz")["targets"] if labels else problem.labels.targets
    if len(samples) < 2:
        raise UserError(f"{context.job.label}: there are fewer than two samples to learn from")
    return Examples.place(problem.images, targets, samples, device)


def on_subset(context: JobContext, recipe: Recipe) -> tuple[NDArray[np.bool_], Recipe]:
    """Which of the training part a subset has, and the recipe for as many epochs or as many steps on it."""
    members = context.inputs["subsets"].arrays("members.npz")["members"]
    chosen = members[context.spec["subset"]] == 1
    if context.spec.get("steps") == "equal":
        recipe = recipe.stretched(len(chosen) / max(1, int(chosen.sum())))
    return chosen, recipe


def validation(context: JobContext, problem: Problem) -> ValidationSet:
    """The validation part, which a network is asked about after each epoch."""
    split = context.inputs["split"].arrays("split.npz")
    return ValidationSet(problem.images, split["validation"], Tested.of(problem.labels, split).validation_auc)


def compute_config(context: JobContext) -> ComputeConfig:
    """The precision that the suite names, or what was measured."""
    chosen = context.inputs.get("compute_config")
    return ComputeConfig(**chosen.json("compute_config.json")) if chosen else ComputeConfig(context.spec["precision"])


def facts(context: JobContext, problem: Problem) -> dict[str, Any]:
    """What it takes to rebuild the network of this job."""
    channels, size = problem.images.shape[1], problem.images.shape[2]
    return {
        "architecture": context.spec["architecture"],
        "stem": context.spec["stem"],
        "channels": channels,
        "size": size,
        "classes": len(problem.labels.classes),
        "task": problem.labels.task,
        "class_names": list(problem.labels.classes),
    }


def fresh(context: JobContext, described: Mapping[str, Any], *purpose: Any) -> Classifier:
    """A network with weights drawn for a purpose, or with those of a file that its training begins with."""
    network = networks.build(
        described["architecture"],
        described["channels"],
        described["classes"],
        described["size"],
        described["stem"],
        context.inputs["split"].json("statistics.json"),
        seed_for("weights", *purpose),
        context.registry,
        context.spec.get("init", "timm"),
    )
    if (digest := context.spec.get("pretrained")) is not None:
        path = Path(context.job.locations.get("pretrained", ""))
        if not path.is_file() or file_digest(path) != digest:
            raise UserError(f"{context.job.label}: the file that it begins with is not at {path} any more, or changed")
        left_out = networks.begin_with(network, path)
        if left_out:
            context.notes[NOT_PRETRAINED] = left_out
            context.report(0.0, f"{', '.join(left_out)} of another size than in {path.name}: drawn")
    return network


def trained(artifact: Artifact, reading: str, registry: Registry | None = None) -> Classifier:
    """The network that a training left, read at its last or its averaged weights."""
    return networks.load_network(artifact.file(f"{reading}.safetensors"), registry)[0]


def train(context: JobContext, training: Training, described: Mapping[str, Any]) -> str | None:
    """Train and write last.safetensors, averaged.safetensors (where averaging started) and history.json; or return
    why the training diverged.
    """
    try:
        training.run()
    except DivergedError as error:
        return str(error)
    finally:
        if training.checkpoint is not None and training.checkpoint.earlier:
            context.notes["earlier_seconds"] = training.checkpoint.earlier
    networks.save_weights(training.network, context.folder / LAST, described)
    if training.averaged is not None:
        networks.save_weights(training.averaged.module, context.folder / AVERAGED, described)
    (context.folder / HISTORY).write_text(canonical_json(training.history), "utf-8")
    return None
