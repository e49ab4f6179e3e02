"""What tables say of a run beside its numbers: what it was made with, sizes of test parts, seconds, realised noise."""

import json
from collections.abc import Sequence
from contextlib import suppress
from math import fsum
from pathlib import Path

from roskdbench.artifact import NOT_PRETRAINED, RECORD, DamagedArtifactError
from roskdbench.foreign import json_of
from roskdbench.plan import Plan
from roskdbench.plan.passes import Passes
from roskdbench.store import Store

MADE_WITH = ("torch", "timm", "device", "instructions")  # what of an environment numbers may depend on


def made_with(store: Store, fingerprint: str, parts: Sequence[str] = MADE_WITH) -> str:
    """The libraries and the device that an artifact was made with; empty where there is no such artifact."""
    try:
        where = json.loads((store.path(fingerprint) / RECORD).read_text("utf-8"))["environment"]
        return ", ".join(f"{part} {where[part]}" for part in parts if part in where)
    except (OSError, ValueError, KeyError, TypeError):  # whoever reads the artifact itself will say so
        return ""


def all_made_with(plan: Plan, store: Store) -> list[str]:
    """Of every training that there is, each once."""
    found = set()
    for fingerprint, job in plan.jobs.items():
        if job.trains and fingerprint in store:
            found.add(made_with(store, fingerprint))
    return sorted(found - {""})


def sizes_of_test_parts(plan: Plan, store: Store) -> dict[str, tuple[int, int]]:
    """Samples and groups of each problem's test part."""
    import numpy

    found: dict[str, tuple[int, int]] = {}
    for cell in plan.cells:
        inputs = plan.jobs[cell.scores].inputs
        with suppress(
            OSError, ValueError, KeyError, TypeError, IndexError
        ):  # whoever reads the artifacts themselves will say so
            if cell.problem not in found and inputs["split"] in store:
                test = numpy.load(store.path(inputs["split"]) / "split.npz", allow_pickle=False)["test"]
                groups = numpy.load(store.path(inputs["pixels"]) / "labels.npz", allow_pickle=False)["groups"][test]
                found[cell.problem] = len(test), len(numpy.unique(groups))
    return found


def training_seconds(plan: Plan, store: Store) -> dict[str, float]:
    """Of the cells of experiments whose tables show them."""
    shown = {name for name, experiment in plan.suite.experiments.items() if "seconds" in experiment.beside}
    passes, known, found = Passes(plan.jobs), dict[str, float](), dict[str, float]()
    for cell in plan.cells:
        if cell.experiment in shown:
            behind = passes.trainings(cell.scores)
            for each in behind - known.keys():
                with suppress(OSError, ValueError, KeyError, TypeError):
                    known[each] = float(json.loads((store.path(each) / RECORD).read_text("utf-8"))["seconds"])
            if behind <= known.keys():
                found[cell.scores] = fsum(known[each] for each in behind)  # whatever their order
    return found


def weights_from_files(plan: Plan, store: Store) -> list[str]:
    """Which networks begin with weights from elsewhere, or are such; and the layers of these that are drawn, as the
    file's have another size.
    """
    found = dict[str, None]()
    for fingerprint, job in plan.jobs.items():
        if digest := job.spec.get("pretrained"):
            but = ""
            with suppress(OSError, ValueError, KeyError, TypeError):
                drawn = json.loads((store.path(fingerprint) / RECORD).read_text("utf-8")).get(NOT_PRETRAINED, [])
                but = f", but for {' and '.join(drawn)}, which are drawn" if drawn else ""
            model, file = job.spec["architecture"]["model"], Path(job.locations.get("pretrained", "")).name
            found[f"{model} begins with weights from elsewhere, {file} (SHA-256 {digest[:12]}…){but}."] = None
        elif job.kind == "model_file" and any(each.kind == "trajectory" for each in plan.jobs.values()):
            file = Path(job.locations.get("path", "")).name
            found[f"{job.label}: weights from elsewhere, {file} (SHA-256 {job.spec['digest'][:12]}…)."] = None
    return list(found)


def noise_in(labels: str, store: Store) -> float:
    """The share of one training part's labels that are others."""
    return store.read(labels, "noise.json", lambda path: float(json_of(path)["realised_rate"]))


def realised_noise(plan: Plan, store: Store) -> dict[tuple[str, str, str], float]:
    """The share of training labels that are others, by experiment, problem and noise: the mean over its runs."""
    rates: dict[tuple[str, str, str], list[float]] = {}
    drawn = dict.fromkeys((cell.experiment, cell.problem, cell.noise, cell.labels) for cell in plan.cells)
    for experiment, problem, noise, labels in drawn:
        if plan.jobs[labels].spec["noise"]["kind"] != "none" and labels in store:
            with suppress(DamagedArtifactError):
                rates.setdefault((experiment, problem, noise), []).append(noise_in(labels, store))
    return {place: sum(found) / len(found) for place, found in rates.items()}
