"""A model's test images corrupted, batch by batch on the device, with what is kept beside the numbers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.prediction import BATCH
from roskdbench.engine.views import uniforms
from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.measuring.ensemble import MeanOf
from roskdbench.suite.corruption import Corruption
from roskdbench.values import MetricValue

if TYPE_CHECKING:
    from roskdbench.jobs.measuring import MeasureContext
    from roskdbench.measures.corruptions import Corruptions

FULL = 255


def corrupted(corruption: Corruption, severity: int, images: Tensor, samples: Tensor) -> Tensor:
    """The images at a severity, rounded to grey levels as files have them. The same for every model and seed; an image
    has the same random numbers at every severity.
    """
    seed = seed_for("corruption", corruption.name)

    def draws(count: int) -> Tensor:
        return uniforms(seed, 0, samples, count)

    worse = corruption.corrupt(images, corruption.strengths[severity - 1], draws)
    return (worse.clamp(0, 1) * FULL).round() / FULL


def measure(declared: "Corruptions", context: "MeasureContext") -> Iterable[MetricValue]:
    """Write corrupted.npz (logits [n, C] by facts, and the samples) and pictures.npz (one image by corruption, at each
    severity); and the numbers.
    """
    problem, test, device = context.problem, context.split["test"], context.device
    chosen = np.random.default_rng(seed_for("corrupted", len(test))).permutation(len(test))[: declared.images]
    samples = test[chosen]
    members = context.networks()
    model = members[0] if len(members) == 1 else MeanOf(members, problem.labels.task)
    model.to(device).eval()
    config = ComputeConfig().lay_out(model)
    severities = sorted(set(declared.severities))
    kept: dict[str, NDArray[np.float32]] = {}
    pictures: dict[str, NDArray[np.uint8]] = {}
    for done, corruption in enumerate(declared.corruptions):
        context.report(done / len(declared.corruptions), corruption.name)
        first: list[NDArray[np.uint8]] = []
        for severity in severities:
            found = []
            for start in range(0, len(samples), BATCH):
                numbers = torch.from_numpy(samples[start : start + BATCH]).to(device)
                images = torch.from_numpy(problem.images[samples[start : start + BATCH]]).to(device).float() / FULL
                worse = corrupted(corruption, severity, images, numbers)
                with torch.no_grad():
                    found.append(model(config.images(worse)).float().cpu().numpy())
                if start == 0:
                    first.append((worse[0] * FULL).round().byte().cpu().numpy())
            kept[canonical_json(corruption.facts(severity).others())] = np.concatenate(found)
        pictures[corruption.name] = np.stack(first)
    np.savez(context.folder / "corrupted.npz", allow_pickle=False, samples=samples, **kept)
    np.savez(context.folder / "pictures.npz", allow_pickle=False, **pictures)
    return declared.recompute(context.predictions, {"chosen": chosen, **kept}) or []
