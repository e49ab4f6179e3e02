"""`subsets`: the overlapping subsets of the training part that teachers learn from."""

import numpy as np

from roskdbench.data.problem import indicators
from roskdbench.data.subsets import overlapping_subsets
from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext

KIND = Kind(revision=2, runs_locally=True)


def run(context: JobContext) -> None:
    """Write members.npz: members [k, n] of 0/1 over the training part. Strata are the labels that training sees."""
    spec, labels = context.spec, context.problem().labels
    train = context.training_part()
    targets = context.inputs["labels"].arrays("labels.npz")["targets"]
    strata = indicators(targets[train], len(labels.classes))
    members = overlapping_subsets(
        strata,
        labels.groups[train],
        spec["count"],
        spec["ratio"],
        spec["construction"],
        spec["seed"],
        spec.get("fixed_size", False),
    )
    np.savez(context.folder / "members.npz", members=members.astype(np.uint8))
