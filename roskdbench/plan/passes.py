"""What a model's training costs, its teachers' trainings and their banks with it, in passes of images."""

from collections.abc import Mapping
from math import fsum

from roskdbench.job import Job

COUNTED = ("teacher", "bank", "trajectory")


class Passes:
    """Adds up the trainings behind models, each training once."""

    def __init__(self, jobs: Mapping[str, Job]) -> None:
        self._jobs = jobs
        self._known: dict[str, frozenset[str]] = {}

    def behind(self, job: Job) -> float:
        """Of a model, as if nothing of it were there."""
        return fsum(self._jobs[each].cost for each in self.trainings(job.fingerprint))  # whatever their order

    def trainings(self, fingerprint: str) -> frozenset[str]:
        """The trainings and banks behind a job."""
        found = self._known.get(fingerprint)
        if found is None:
            job = self._jobs[fingerprint]
            own = {fingerprint} if job.kind in COUNTED else set[str]()
            found = frozenset(own.union(*(self.trainings(each) for each in job.inputs.values())))
            self._known[fingerprint] = found
        return found
