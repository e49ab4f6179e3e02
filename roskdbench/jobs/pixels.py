"""`pixels`: a problem's images and labels as arrays: drawn, or decoded from the files that the plan saw."""

from pathlib import Path

from roskdbench.data.preparation import write_problem
from roskdbench.errors import UserError
from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext
from roskdbench.suite.problems import Dataset, DrawnDataset, RealProblem

KIND = Kind(revision=1)


def run(context: JobContext) -> None:
    """Write images.npy, labels.npz and problem.json."""
    locations = context.job.locations
    corrected = {"corrected": locations["corrected"]} if "corrected" in locations else {}
    spec = Dataset.read({**context.spec["problem"], **corrected}, context.registry)
    if isinstance(spec, DrawnDataset):
        spec.draw().save(context.folder)
        return
    assert isinstance(spec, RealProblem)
    root = locations.get("root")
    if root is None:
        raise UserError(f"{context.job.label}: where the data are is not known; run the suite itself, or name its root")
    identity = context.spec["content"]

    def report(done: int, found: int, total: int) -> None:
        context.report(done / total, f"{done:,} of {total:,} images")

    write_problem(locations["problem"], spec, Path(root), identity, context.store, context.folder, report)
