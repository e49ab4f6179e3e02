"""A plan for one model file: the measures of a suite, for people who train elsewhere."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from roskdbench import foreign
from roskdbench.data.content import Located
from roskdbench.errors import UserError
from roskdbench.fingerprint import canonical_json, file_digest
from roskdbench.job import Job
from roskdbench.plan import training_jobs
from roskdbench.plan.block import Block
from roskdbench.plan.data_jobs import Base
from roskdbench.plan.factory import JobFactory, job, memoised
from roskdbench.plan.graph import Cell, Plan
from roskdbench.plan.measuring_jobs import Measured, Subject
from roskdbench.plan.planner import refuse_measures
from roskdbench.plan.shown import measures_of
from roskdbench.plugins import Registry
from roskdbench.suite import Suite
from roskdbench.suite.libraries import model_objection
from roskdbench.suite.network_facts import read_facts
from roskdbench.suite.network_options import options_objection
from roskdbench.suite.one_problem import EXPERIMENT
from roskdbench.suite.pretrained import WEIGHTS
from roskdbench.suite.protocol import NetworkSpec
from roskdbench.values import STUDENT

OURS = "roskdbench"  # the metadata key of files that our trainings left
NAMES = ("timm", "architecture", "model")  # metadata keys under which others may say timm's name
CONFIG = "config.json"  # beside the weights in a folder as timm writes it for a hub
TOLD = ("in_chans", "num_classes")  # of its model_args, what the problem says


@dataclass(frozen=True)
class ModelFile:
    """A model file, and what it says of itself."""

    path: Path
    title: str
    digest: str
    model: str
    ours: bool
    size: int | None = None
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    said_options: str = "{}"
    """What its constructor was told, as JSON."""

    @property
    def options(self) -> dict[str, Any]:
        """What its constructor was told."""
        found: dict[str, Any] = json.loads(self.said_options)
        return found


def read_model_file(path: Path, registry: Registry, model: str | None = None) -> ModelFile:
    """What a safetensors file says in its metadata, or a folder as timm has them for hubs in its config: timm's name,
    and perhaps mean and std. `model` goes before it.
    """
    here = Path(os.path.abspath(path))  # noqa: PTH100 (a link that leads to itself has a name, too)
    title, config = here.stem, dict[str, Any]()
    if path.is_dir():
        title, config, path = here.name, _config(path / CONFIG), path / WEIGHTS
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    metadata = {**config, **foreign.weights_head(path)}
    try:
        with safe_open(path, framework="np"):
            pass
    except (SafetensorError, OSError):
        raise UserError(f"{path} is no safetensors file; write one with safetensors.torch.save_file") from None
    digest = file_digest(path)
    if OURS in metadata and model is None:
        facts = read_facts(metadata[OURS], path)
        return ModelFile(path, title, digest, facts.architecture.model, True, facts.size)
    name = model or next((metadata[key] for key in NAMES if key in metadata), None)
    if name is None:
        raise UserError(
            f"{path} does not say which network its weights belong to: name it with --model, such as --model resnet18, "
            f"or save it with metadata {{'timm': 'resnet18'}}"
        )
    if name not in registry.of("network") and (objection := model_objection(name)):
        raise UserError(f"{path}: {objection}")
    mean, deviation = (_values(path, metadata, key) for key in ("mean", "std"))
    options = {} if model else {key: each for key, each in config.get("options", {}).items() if key not in TOLD}
    if objection := options_objection(options):
        raise UserError(f"{path.parent / CONFIG}: {objection}")
    return ModelFile(path, title, digest, name, False, None, mean, deviation, canonical_json(options))


def _config(path: Path) -> dict[str, Any]:
    """What timm's config says of a network, under the names that a file's metadata have."""
    if not path.is_file():
        return {}
    said = foreign.json_of(path)
    trained = said.get("pretrained_cfg", {}) if isinstance(said, dict) else None
    options = said.get("model_args", {}) if isinstance(said, dict) else None
    if not (isinstance(trained, dict) and isinstance(options, dict) and isinstance(said.get("architecture"), str)):
        raise UserError(f"{path} is no config of timm's: it names no architecture")
    values = {key: canonical_json(trained[key]) for key in ("mean", "std") if trained.get(key) is not None}
    return {"architecture": said["architecture"], "options": options, **values}


def _values(path: Path, metadata: Mapping[str, str], key: str) -> tuple[float, ...] | None:
    if key not in metadata:
        return None
    try:
        return tuple(float(value) for value in foreign.parsed(metadata[key], path))
    except (UserError, ValueError, TypeError, OverflowError):
        raise UserError(
            f"{path}: its metadata say {key} is {metadata[key]!r}; it is to be a list such as [0.5]"
        ) from None


def plan_model_file(suite: Suite, model_file: ModelFile, located: Mapping[str, Located], registry: Registry) -> Plan:
    """The scores and the other measures of the suite's one experiment, on its one problem."""
    (problem,), experiment = suite.problems, suite.experiments[EXPERIMENT]
    planned = Plan(suite, located=located)
    refuse_measures(EXPERIMENT, suite, located)
    planned.measures[EXPERIMENT] = measures_of(suite, EXPERIMENT, registry)
    factory = JobFactory(suite, registry, planned.jobs, located)
    block = Block(factory, problem, experiment.noise[0], experiment.seeds[0], 0, 1)
    network = _network(factory, block.base, model_file)
    predictions = training_jobs.predictions(factory, block.base, network, "last")
    subject = Subject(model_file.title, STUDENT, (network,), "last", predictions)
    measured = Measured(planned.measures[EXPERIMENT])
    found = [each for each, _ in measured.jobs(factory, block.base, [subject], None, block.seed)]
    cell = Cell(
        experiment=EXPERIMENT,
        problem=problem,
        method=subject.title,
        registered="",
        student=model_file.model,
        overlap=0.0,
        noise=experiment.noise[0].name,
        fold=0,
        seed=block.seed,
        scores=found[0].fingerprint,
        measurements=tuple(found),
        labels=block.base.labels.fingerprint,
        trainings=0,
    )
    planned.cells.append(cell)
    return planned


@memoised
def _network(factory: JobFactory, base: Base, model_file: ModelFile) -> Job:
    spec: dict[str, Any] = {
        "digest": model_file.digest,
        "ours": model_file.ours,
        "model": model_file.model,
        "mean": model_file.mean,
        "deviation": model_file.deviation,
        **({"options": model_file.options} if model_file.options else {}),
    }
    context = {"registry": factory.registry}
    declared = {"model": model_file.model, "options": model_file.options}
    try:
        network = NetworkSpec.model_validate(declared, context=context)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UserError(f"{model_file.path}: {reason}; a network of your own needs --plugins DIR") from None
    return job(
        "model_file",
        spec,
        {"pixels": base.pixels},
        model_file.title,
        pass_cost=training_jobs.cost_of(factory, base.problem, network),
        network=network.key,
        code=factory.network_code(network),
        locations={"path": str(model_file.path.resolve())},
    )
