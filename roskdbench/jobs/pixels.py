"""`pixels`: a problem's images and labels as arrays: drawn, or decoded from the files that the plan saw."""

from pathlib import Path

from pydantic import TypeAdapter

from roskdbench.data.datasets import draw
from roskdbench.data.preparation import write_problem
from roskdbench.errors import UserError
from roskdbench.jobs.context import JobContext
from roskdbench.suite.problems import ProblemSpec, RealProblem


def run(context: JobContext) -> None:
    """Write images.npy, labels.npz and problem.json."""
    declared = context.job.hints.get("declared") or context.spec["problem"]
    spec = TypeAdapter[ProblemSpec](ProblemSpec).validate_python(declared)
    if not isinstance(spec, RealProblem):
        draw(spec).save(context.folder)
        return
    root = context.job.hints["root"]
    if root is None:
        raise UserError(f"{context.job.label}: where the data are is not known; run the suite itself, or name its root")
    identity = context.spec["content"]

    def report(done: int, found: int, total: int) -> None:
        context.report(done / total, f"{done:,} of {total:,} images")

    write_problem(context.job.hints["problem"], spec, Path(root), identity, context.store, context.folder, report)
