"""The jobs that measure a model: whatever it is and wherever its weights came from."""

from collections.abc import Iterator, Mapping
from typing import Any

from roskdbench.job import Job
from roskdbench.method import Subset
from roskdbench.plan.block import AssignedTeacher, Block, Model
from roskdbench.plan.factory import BACKWARD, job
from roskdbench.suite.attacks import Attacks
from roskdbench.suite.experiments import Landscape, Measure

CHECKS = 80  # passes of an image in the checks and at each radius of a sweep
CURVATURE = 200  # passes of an image for the curvature and the line


def scores(block: Block, model: Model) -> Job:
    """Precision, recall, F1 and AUC on the test part."""
    return _reading_predictions(block, "scores", model, average=block.protocol.average)


def others(
    block: Block,
    model: Model,
    teachers: list[AssignedTeacher],
    measures: Mapping[str, Measure],
    substitute: Job | None,
) -> Iterator[tuple[Job, str]]:
    """The jobs of all measures but the scores, and whom each is about."""
    if "memorisation" in measures:
        if "model" in model.inputs:
            yield _memorisation(block, model.inputs["model"], model.reading), "student"
        for teacher in teachers:
            yield _memorisation(block, teacher.teacher, "last", teacher.slot.subset), teacher.name
    if "calibration" in measures:
        yield _reading_predictions(block, "calibration", model), ""
    if isinstance(attacks := measures.get("attacks"), Attacks):
        yield _attacks(block, attacks, model, substitute), ""
    if isinstance(landscape := measures.get("landscape"), Landscape) and "model" in model.inputs:
        yield _landscape(block, landscape, model), ""


def _reading_predictions(block: Block, kind: str, model: Model, **spec: str) -> Job:
    inputs = {"pixels": block.pixels, "split": block.split, "predictions": model.predictions}
    label = f"{kind} of {model.title} on {block.name}"
    key = (kind, model.predictions.fingerprint)
    return block.factory.once(key, lambda: job(kind, spec, inputs, label))


def _attacks(block: Block, attacks: Attacks, model: Model, substitute: Job | None) -> Job:
    if substitute is not None and substitute in model.inputs.values() and model.reading == "last":
        substitute = None  # it is the model itself

    def make() -> Job:
        inputs = {"pixels": block.pixels, "split": block.split, "predictions": model.predictions, **model.inputs}
        if substitute is not None:
            inputs["substitute"] = substitute
        spec = {
            "attacks": attacks.model_dump(mode="json", exclude={"measure"}),
            "reading": model.reading,
            "seed": block.seed,
        }
        images = min(attacks.images or block.samples, block.test_samples)
        passes = 1.5 * BACKWARD * sum(getattr(each, "steps", 1) for each in attacks.chosen)
        work = images * (passes + CHECKS * len(attacks.sweep)) * model.cost
        label = f"attacks on {model.title} on {block.name}"
        return job("attacks", spec, inputs, label, work, network=model.network)

    key = ("attacks", model.predictions.fingerprint, attacks.model_dump_json(), model.reading)
    return block.factory.once(key, make)


def _landscape(block: Block, landscape: Landscape, model: Model) -> Job:
    def make() -> Job:
        inputs = {"pixels": block.pixels, "split": block.split, **model.inputs}
        if landscape.part == "train":
            inputs["labels"] = block.labels
        spec = {**landscape.model_dump(mode="json", exclude={"measure", "clamp"}), "reading": model.reading}
        images = min(landscape.images or block.samples, block.test_samples)
        work = images * (landscape.points**2 + CURVATURE) * model.cost
        label = f"landscape of {model.title} on {block.name}"
        return job("landscape", spec, inputs, label, work, network=model.network)

    drawn = landscape.model_dump_json(exclude={"clamp"})
    return block.factory.once(("landscape", model.predictions.fingerprint, drawn, block.labels.fingerprint), make)


def _memorisation(block: Block, model: Job, reading: str, subset: Subset | None = None) -> Job:
    def make() -> Job:
        inputs = {**block.base, "model": model}
        spec: dict[str, Any] = {"reading": reading}
        if subset is not None:
            inputs["subsets"] = block.subsets(subset)
            spec["subset"] = subset.index
        work = block.samples * block.train_share * model.hints["cost"]
        label = f"memorisation of {model.label}"
        return job("memorisation", spec, inputs, label, work, network=model.hints["network"])

    return block.factory.once(("memorisation", model.fingerprint, reading), make)
