"""`pixels`: a problem's images and labels as arrays. Reads nothing but the declaration."""

from pydantic import TypeAdapter

from roskdbench.data import datasets
from roskdbench.jobs.work import Work
from roskdbench.suite.problems import ProblemSpec


def run(work: Work) -> None:
    """Write images.npy, labels.npz and problem.json."""
    spec = TypeAdapter(ProblemSpec).validate_python(work.spec["problem"])
    datasets.load(spec.dataset, spec).save(work.folder)
