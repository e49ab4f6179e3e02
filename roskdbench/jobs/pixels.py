"""`pixels`: a problem's images and labels as arrays: drawn, or decoded from the files that the plan saw."""

from pathlib import Path

from pydantic import TypeAdapter

from roskdbench.data.datasets import draw
from roskdbench.data.preparation import write_problem
from roskdbench.errors import UserError
from roskdbench.jobs.work import Work
from roskdbench.suite.problems import ProblemSpec, RealProblem


def run(work: Work) -> None:
    """Write images.npy, labels.npz and problem.json."""
    declared = work.job.hints.get("declared") or work.spec["problem"]
    spec = TypeAdapter[ProblemSpec](ProblemSpec).validate_python(declared)
    if not isinstance(spec, RealProblem):
        draw(spec).save(work.folder)
        return
    root = work.job.hints["root"]
    if root is None:
        raise UserError(f"{work.job.label}: where the data are is not known; run the suite itself, or name its root")
    identity = work.spec["content"]

    def report(done: int, found: int, total: int) -> None:
        work.report(done / total, f"{done:,} of {total:,} images")

    write_problem(work.job.hints["problem"], spec, Path(root), identity, work.store, work.folder, report)
