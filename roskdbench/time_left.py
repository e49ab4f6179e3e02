"""How long a run will go on, by how long its own jobs have taken so far."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from roskdbench.executors import Event, Finished, Progressed
from roskdbench.job import Job
from roskdbench.plan.estimate import ENOUGH
from roskdbench.walk import UNDONE, Progress

LIGHT = {"landscape": 0.6}
"""Groups of jobs whose work is lighter than its passes say, until some were done: these go forward only, over few
images that lie ready. In large networks that is nothing, in small ones two thirds; this is between.
"""


@dataclass
class _Beginning:
    """When this run began a job, and the share of it that an earlier run had done."""

    at: float
    done: float = 0.0


class TimeLeft:
    """Told of every event of a run. Each group of jobs has a speed of its own, that of all jobs until some of it were
    done; as many go on at a time as did at most.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began: dict[str, _Beginning] = {}
        self._seconds, self._cost = defaultdict[str, float](float), defaultdict[str, float](float)
        self._at_once = 1

    def note(self, progress: Progress, event: Event | None) -> None:
        """Take an event in."""
        self._at_once = max(self._at_once, len(progress.running))
        if event is None:
            return
        each = event.fingerprint
        if isinstance(event, Progressed):
            began = self._began.setdefault(each, _Beginning(self._now()))
            if not event.note:
                began.done = event.done
        elif (ended := self._began.pop(each, None)) is not None and isinstance(event, Finished):
            job = progress.plan.jobs[each]
            self._seconds[job.group] += self._now() - ended.at
            self._cost[job.group] += job.cost * (1 - ended.done)

    def seconds(self, progress: Progress) -> float | None:
        """What is left; None while too little is known."""
        jobs, now = progress.plan.jobs, self._now()
        seconds, cost = self._seconds.copy(), self._cost.copy()
        for each, step in list(progress.running.items()):
            if each in self._began and step.done > self._began[each].done:
                seconds[jobs[each].group] += now - self._began[each].at
                cost[jobs[each].group] += jobs[each].cost * (step.done - self._began[each].done)
        known = sum(seconds.values())
        if known < ENOUGH:
            return None
        usual = known / max(sum(_weighed(group, each) for group, each in cost.items()), 1e-9)

        def expected(job: Job) -> float:
            if seconds[job.group] >= ENOUGH and cost[job.group] > 0:
                return job.cost * seconds[job.group] / cost[job.group]
            return usual * _weighed(job.group, job.cost)

        left = [0.0]
        for each, state in list(progress.state.items()):
            if state in UNDONE:
                whole, at = expected(jobs[each]), progress.running.get(each)
                began = self._began.get(each)
                if at is None or began is None:
                    left.append(whole)
                else:
                    still = whole * (1 - at.done)
                    left.append(still if at.done > began.done else max(0.0, still - now + began.at))
        return max(sum(left) / self._at_once, *left) if len(left) > 1 else 0.0


def _weighed(group: str, cost: float) -> float:
    return cost * LIGHT.get(group, 1.0)
