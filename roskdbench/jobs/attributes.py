"""`attributes`: what is known of a problem's samples beside their labels: sex, age, site, view, hospital."""

from pathlib import Path

from roskdbench.data.attributes import Attributes
from roskdbench.data.preparation import attributes_of
from roskdbench.errors import UserError
from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext
from roskdbench.suite.problems import Dataset, DrawnDataset, RealProblem

KIND = Kind(revision=1, runs_locally=True)


def run(context: JobContext) -> None:
    """Write attributes.npz."""
    spec, locations = Dataset.read(context.spec["problem"], context.registry), context.job.locations
    if isinstance(spec, DrawnDataset):
        found = Attributes.of(spec.attributes())
    else:
        assert isinstance(spec, RealProblem)
        if "root" not in locations:
            raise UserError(f"{context.job.label}: where the data are is not known; run the suite itself")
        digest = context.spec["attributes"]
        found = attributes_of(locations["problem"], spec, Path(locations["root"]), digest, context.store)
    found.save(context.folder)
