"""How long a plan will take here: the work of its jobs at the speed of those in the store, or of a few steps."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from roskdbench.artifact import RECORD
from roskdbench.job import Job, group_of
from roskdbench.plan.graph import Plan, fingerprints_of
from roskdbench.store import Store

ENOUGH = 1.0  # seconds that jobs must have taken together before their speed says anything


@dataclass
class Speed:
    """Work a second of a core, or of a GPU with all workers that share it: of a kind with a network if that is known,
    of a network, or of any.
    """

    device: str
    _work: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    _seconds: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))

    def learn(self, kind: str, network: str, work: float, seconds: float) -> None:
        """Take in a job that was done."""
        for key in ((kind, network), ("", network), ("", "")):
            self._work[key] += work
            self._seconds[key] += seconds

    def knows(self, network: str) -> bool:
        """Whether jobs have said how fast this network is."""
        return self._seconds["", network] >= ENOUGH and self._work["", network] > 0

    def seconds(self, job: Job) -> float:
        """How long a job is likely to take."""
        network = job.network
        for key in ((job.group, network), ("", network), ("", "")):
            if self._seconds[key] >= ENOUGH and self._work[key] > 0:
                return job.cost * self._seconds[key] / self._work[key]
        return 0.0

    @property
    def known(self) -> bool:
        """Whether anything can be said."""
        return self._seconds["", ""] >= ENOUGH

    def hours(self, jobs: Iterable[Job]) -> float:
        """Of a core or a GPU, for these jobs."""
        return sum(map(self.seconds, jobs)) / 3600

    @property
    def is_gpu(self) -> bool:
        """Whether hours are GPU-hours."""
        return "NVIDIA" in self.device


def speeds(store: Store) -> list[Speed]:
    """One for each device that jobs in the store were computed on, the busiest first."""
    found: dict[str, Speed] = {}
    for fingerprint in store.fingerprints():
        try:
            record = json.loads((store.path(fingerprint) / RECORD).read_text("utf-8"))
            device, network = record["environment"]["device"], record["network"]
            kind = group_of(record["kind"], record.get("spec", {}))
            work, seconds = float(record["cost"]), float(record["seconds"])
            seconds /= max(1, int(record["environment"].get("sharing", 1)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if network:
            found.setdefault(device, Speed(device)).learn(kind, network, work, seconds)
    known = [each for each in found.values() if each.known]
    return sorted(known, key=lambda each: -each._seconds["", ""])


def trainings_by_network(plan: Plan) -> dict[str, Job]:
    """A training of each network that is planned, by what its speed is known by: the one of largest images."""
    found: dict[str, Job] = {}
    for job in plan.jobs.values():
        if job.trains and (job.network not in found or job.pass_cost > found[job.network].pass_cost):
            found[job.network] = job
    return found


def alone(plan: Plan) -> list[Job]:
    """The jobs that scripts would do which share nothing: those behind each cell, again for each."""
    found: list[Job] = []
    for cell in plan.cells:
        waiting, seen = fingerprints_of(cell), set[str]()
        while waiting:
            each = waiting.pop()
            if each not in seen:
                seen.add(each)
                found.append(plan.jobs[each])
                waiting.extend(plan.jobs[each].inputs.values())
    return found
