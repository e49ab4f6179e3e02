"""`predictions`: what a model says of the validation and the test part."""

import numpy as np

from roskdbench.engine.device import prepare
from roskdbench.engine.prediction import logits_for
from roskdbench.jobs.networks import trained
from roskdbench.jobs.work import Work


def run(work: Work) -> None:
    """Write predictions.npz: logits of both parts, rows in the order of the split."""
    device, problem = prepare(), work.problem()
    split = work.inputs["split"].arrays("split.npz")
    network = trained(work.inputs["model"], work.spec["reading"])
    logits = {part: logits_for(network, problem.images, split[part], device) for part in ("validation", "test")}
    np.savez(work.folder / "predictions.npz", allow_pickle=False, **logits)
