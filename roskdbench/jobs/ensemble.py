"""`ensemble`: the mean probability of several models' predictions, as logits."""

import numpy as np

from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext

KIND = Kind(revision=1, runs_locally=True)


def run(context: JobContext) -> None:
    """Write predictions.npz like the job of that name."""
    from roskdbench.measuring.ensemble import mean_binary_logits, mean_logits

    members = [member.arrays("predictions.npz") for member in context.numbered("member")]
    task = context.problem().labels.task
    mean = mean_logits if task == "single-label" else mean_binary_logits
    found = {part: mean(np.stack([member[part] for member in members])) for part in ("validation", "test")}
    np.savez(context.folder / "predictions.npz", allow_pickle=False, **found)
