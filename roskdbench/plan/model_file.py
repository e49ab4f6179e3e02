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
from roskdbench.plan.block import Block, Model
from roskdbench.plan.factory import JobFactory, job
from roskdbench.plan.graph import Cell, Plan
from roskdbench.suite import Suite
from roskdbench.suite.experiments import Measure
from roskdbench.suite.libraries import model_objection
from roskdbench.suite.one_problem import EXPERIMENT
from roskdbench.suite.protocol import NetworkSpec

OURS = "roskdbench"  # the metadata key of files that our trainings left
NAMES = ("timm", "architecture", "model")  # metadata keys under which others may say timm's name


@dataclass(frozen=True)
class ModelFile:
    """A model file, and what it says of itself."""

    path: Path
    digest: str
    model: str
    ours: bool
    size: int | None
    mean: list[float] | None
    deviation: list[float] | None


def read_model_file(path: Path, model: str | None = None) -> ModelFile:
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
        return ModelFile(path, digest, facts["architecture"]["model"], True, facts["size"], None, None)
    name = model or next((metadata[key] for key in NAMES if key in metadata), None)
    if name is None:
        raise UserError(
            f"{path} does not say which network its weights belong to: name it with --model, such as --model resnet18, "
            f"or save it with metadata {{'timm': 'resnet18'}}"
        )
    if objection := model_objection(name):
        raise UserError(f"{path}: {objection}")
    mean, deviation = (_values(path, metadata, key) for key in ("mean", "std"))
    return ModelFile(path, digest, name, False, None, mean, deviation)


def _values(path: Path, metadata: Mapping[str, str], key: str) -> list[float] | None:
    if key not in metadata:
        return None
    try:
        return [float(value) for value in json.loads(metadata[key])]
    except (ValueError, TypeError):
        raise UserError(
            f"{path}: its metadata say {key} is {metadata[key]!r}; it is to be a list such as [0.5]"
        ) from None


def plan_model_file(suite: Suite, model_file: ModelFile, located: Mapping[str, Located]) -> Plan:
    """The scores and the other measures of the suite's one experiment, on its one problem."""
    (problem,), experiment = suite.problems, suite.experiments[EXPERIMENT]
    planned = Plan(suite, located=located)
    factory = JobFactory(suite, planned.jobs, located)
    block = Block(factory, problem, experiment.noise[0], experiment.seeds[0], 0, 1)
    network = _network(factory, block, model_file)
    model = Model(model_file.path.stem, {"model": network}, "last", block.predictions(network, "last"))
    measures: dict[str, Measure] = {measure.measure: measure for measure in experiment.measures}
    others = measuring.others(block, model, [], measures, None)
    cell = Cell(
        experiment=EXPERIMENT,
        problem=problem,
        method=model.title,
        registered="",
        student=model_file.model,
        overlap=0.0,
        noise=experiment.noise[0].name,
        fold=0,
        seed=block.seed,
        scores=measuring.scores(block, model).fingerprint,
        others=tuple((other.fingerprint, who) for other, who in others),
        labels=block.labels.fingerprint,
        trainings=0,
    )
    planned.cells.append(cell)
    return planned


def _network(factory: JobFactory, block: Block, model_file: ModelFile) -> Job:
    spec: dict[str, Any] = {
        "digest": model_file.digest,
        "ours": model_file.ours,
        "model": model_file.model,
        "mean": model_file.mean,
        "deviation": model_file.deviation,
    }
    label, path = f"{model_file.path.name}", str(model_file.path.resolve())
    network = NetworkSpec(model=model_file.model)
    passes, inputs = block.cost(network), {"pixels": block.pixels}
    return factory.once(
        ("model_file",),
        lambda: job("model_file", spec, inputs, label, 1.0, path=path, cost=passes, network=network.key),
    )
