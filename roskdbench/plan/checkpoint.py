"""A plan for one model file: the measures of a suite, for people who train elsewhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from roskdbench.data.content import Located
from roskdbench.errors import UserError
from roskdbench.fingerprint import file_digest
from roskdbench.job import Job
from roskdbench.plan import measuring
from roskdbench.plan.graph import Cell, Plan
from roskdbench.plan.ground import Ground, Model
from roskdbench.plan.workshop import Workshop, job
from roskdbench.suite import Suite
from roskdbench.suite.experiments import Measure
from roskdbench.suite.libraries import model_objection
from roskdbench.suite.one_problem import EXPERIMENT
from roskdbench.suite.protocol import NetworkSpec

OURS = "roskdbench"  # the metadata key of files that our trainings left
NAMES = ("timm", "architecture", "model")  # metadata keys under which others may say timm's name


@dataclass(frozen=True)
class Checkpoint:
    """A model file, and what it says of itself."""

    path: Path
    digest: str
    model: str
    ours: bool
    size: int | None
    mean: list[float] | None
    deviation: list[float] | None


def read_checkpoint(path: Path, model: str | None = None) -> Checkpoint:
    """What a safetensors file says in its metadata: timm's name, and perhaps mean and std. `model` goes before it."""
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    try:
        with safe_open(path, framework="np") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError):
        raise UserError(f"{path} is no safetensors file; write one with safetensors.torch.save_file") from None
    digest = file_digest(path)
    if OURS in metadata and model is None:
        facts = json.loads(metadata[OURS])
        return Checkpoint(path, digest, facts["architecture"]["model"], True, facts["size"], None, None)
    name = model or next((metadata[key] for key in NAMES if key in metadata), None)
    if name is None:
        raise UserError(
            f"{path} does not say which network its weights belong to: name it with --model, such as --model resnet18, "
            f"or save it with metadata {{'timm': 'resnet18'}}"
        )
    if said := model_objection(name):
        raise UserError(f"{path}: {said}")
    mean, deviation = (_values(path, metadata, key) for key in ("mean", "std"))
    return Checkpoint(path, digest, name, False, None, mean, deviation)


def _values(path: Path, metadata: Mapping[str, str], key: str) -> list[float] | None:
    if key not in metadata:
        return None
    try:
        return [float(value) for value in json.loads(metadata[key])]
    except (ValueError, TypeError):
        raise UserError(
            f"{path}: its metadata say {key} is {metadata[key]!r}; it is to be a list such as [0.5]"
        ) from None


def plan_checkpoint(suite: Suite, checkpoint: Checkpoint, located: Mapping[str, Located]) -> Plan:
    """The scores and the other measures of the suite's one experiment, on its one problem."""
    (problem,), experiment = suite.problems, suite.experiments[EXPERIMENT]
    planned = Plan(suite, located=located)
    workshop = Workshop(suite, planned.jobs, located)
    ground = Ground(workshop, problem, experiment.noise[0], experiment.seeds[0], 0, 1)
    network = _network(workshop, ground, checkpoint)
    model = Model(checkpoint.path.stem, {"model": network}, "last", ground.predictions(network, "last"))
    measures: dict[str, Measure] = {measure.measure: measure for measure in experiment.measures}
    others = measuring.others(ground, model, [], measures, None)
    cell = Cell(
        experiment=EXPERIMENT,
        problem=problem,
        method=model.title,
        registered="",
        student=checkpoint.model,
        overlap=0.0,
        noise=experiment.noise[0].name,
        fold=0,
        seed=ground.seed,
        scores=measuring.scores(ground, model).fingerprint,
        others=tuple((other.fingerprint, who) for other, who in others),
        labels=ground.labels.fingerprint,
        trainings=0,
    )
    planned.cells.append(cell)
    return planned


def _network(workshop: Workshop, ground: Ground, checkpoint: Checkpoint) -> Job:
    spec: dict[str, Any] = {
        "digest": checkpoint.digest,
        "ours": checkpoint.ours,
        "model": checkpoint.model,
        "mean": checkpoint.mean,
        "deviation": checkpoint.deviation,
    }
    label, path = f"{checkpoint.path.name}", str(checkpoint.path.resolve())
    network = NetworkSpec(model=checkpoint.model)
    passes, inputs = ground.cost(network), {"pixels": ground.pixels}
    return workshop.once(
        ("checkpoint",),
        lambda: job("checkpoint", spec, inputs, label, 1.0, path=path, cost=passes, network=network.key),
    )
