"""The jobs that measure a model: whatever it is and wherever its weights came from."""

from collections.abc import Iterator, Mapping
from typing import Any

from roskdbench.job import Job
from roskdbench.method import Subset
from roskdbench.plan.ground import Ground, Model, Seat
from roskdbench.plan.workshop import BACKWARD, job
from roskdbench.suite.attacks import Attacks
from roskdbench.suite.experiments import Landscape, Measure

CHECKS = 80  # passes of an image in the checks and at each radius of a sweep
CURVATURE = 200  # passes of an image for the curvature and the line


def scores(ground: Ground, model: Model) -> Job:
    """Precision, recall, F1 and AUC on the test part."""
    return _reading_predictions(ground, "scores", model, average=ground.protocol.average)


def others(
    ground: Ground,
    model: Model,
    seats: list[Seat],
    measures: Mapping[str, Measure],
    substitute: Job | None,
) -> Iterator[tuple[Job, str]]:
    """The jobs of all measures but the scores, and whom each is about."""
    if "memorisation" in measures:
        if "model" in model.inputs:
            yield _memorisation(ground, model.inputs["model"], model.reading), "student"
        for seat in seats:
            yield _memorisation(ground, seat.teacher, "last", seat.slot.subset), seat.name
    if "calibration" in measures:
        yield _reading_predictions(ground, "calibration", model), ""
    if isinstance(attacks := measures.get("attacks"), Attacks):
        yield _attacks(ground, attacks, model, substitute), ""
    if isinstance(landscape := measures.get("landscape"), Landscape) and "model" in model.inputs:
        yield _landscape(ground, landscape, model), ""


def _reading_predictions(ground: Ground, kind: str, model: Model, **spec: str) -> Job:
    inputs = {"pixels": ground.pixels, "split": ground.split, "predictions": model.predictions}
    label = f"{kind} of {model.title} on {ground.name}"
    key = (kind, model.predictions.fingerprint)
    return ground.workshop.once(key, lambda: job(kind, spec, inputs, label))


def _attacks(ground: Ground, attacks: Attacks, model: Model, substitute: Job | None) -> Job:
    if substitute is not None and substitute in model.inputs.values() and model.reading == "last":
        substitute = None  # it is the model itself

    def make() -> Job:
        inputs = {"pixels": ground.pixels, "split": ground.split, "predictions": model.predictions, **model.inputs}
        if substitute is not None:
            inputs["substitute"] = substitute
        spec = {
            "attacks": attacks.model_dump(mode="json", exclude={"measure"}),
            "reading": model.reading,
            "seed": ground.seed,
        }
        images = min(attacks.images or ground.samples, ground.test_samples)
        passes = 1.5 * BACKWARD * sum(getattr(each, "steps", 1) for each in attacks.chosen)
        work = images * (passes + CHECKS * len(attacks.sweep)) * model.cost
        label = f"attacks on {model.title} on {ground.name}"
        return job("attacks", spec, inputs, label, work, network=model.network)

    key = ("attacks", model.predictions.fingerprint, attacks.model_dump_json(), model.reading)
    return ground.workshop.once(key, make)


def _landscape(ground: Ground, landscape: Landscape, model: Model) -> Job:
    def make() -> Job:
        inputs = {"pixels": ground.pixels, "split": ground.split, **model.inputs}
        if landscape.part == "train":
            inputs["labels"] = ground.labels
        spec = {**landscape.model_dump(mode="json", exclude={"measure", "clamp"}), "reading": model.reading}
        images = min(landscape.images or ground.samples, ground.test_samples)
        work = images * (landscape.points**2 + CURVATURE) * model.cost
        label = f"landscape of {model.title} on {ground.name}"
        return job("landscape", spec, inputs, label, work, network=model.network)

    drawn = landscape.model_dump_json(exclude={"clamp"})
    return ground.workshop.once(("landscape", model.predictions.fingerprint, drawn, ground.labels.fingerprint), make)


def _memorisation(ground: Ground, model: Job, reading: str, subset: Subset | None = None) -> Job:
    def make() -> Job:
        inputs = {**ground.base, "model": model}
        spec: dict[str, Any] = {"reading": reading}
        if subset is not None:
            inputs["subsets"] = ground.subsets(subset)
            spec["subset"] = subset.index
        work = ground.samples * ground.train_share * model.hints["cost"]
        label = f"memorisation of {model.label}"
        return job("memorisation", spec, inputs, label, work, network=model.hints["network"])

    return ground.workshop.once(("memorisation", model.fingerprint, reading), make)
