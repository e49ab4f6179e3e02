"""`predictions`: what a model says of the validation and the test part."""

import numpy as np

from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext

KIND = Kind(revision=1, uses_gpu=True)


def run(context: JobContext) -> None:
    """Write predictions.npz: logits of both parts, rows in the order of the split."""
    from roskdbench.engine.device import prepare
    from roskdbench.engine.prediction import logits_for
    from roskdbench.jobs.networks import trained

    device, problem = prepare(), context.problem()
    split = context.inputs["split"].arrays("split.npz")
    network = trained(context.inputs["model"], context.spec["reading"], context.registry)
    logits = {part: logits_for(network, problem.images, split[part], device) for part in ("validation", "test")}
    np.savez(context.folder / "predictions.npz", allow_pickle=False, **logits)
