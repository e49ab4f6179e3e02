"""Walking the graph: which job is ready, and what follows from how it ended."""

import heapq
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from roskdbench.errors import UserError
from roskdbench.executors import Damaged, Event, ExecutorConfig, Failed, Finished, Lost, Progressed
from roskdbench.job import Job
from roskdbench.plan import Plan
from roskdbench.store import Store

ATTEMPTS = 2  # for a job whose worker dies
DAMAGES = 3  # of an artifact in one run: then it is the disk, or the memory

State = Literal["waiting", "running", "done", "diverged", "failed"]
UNDONE = ("waiting", "running")


@dataclass
class Progress:
    """Where a run stands. Views read it; only the walk changes it."""

    plan: Plan
    state: dict[str, State] = field(default_factory=dict)
    """Of every job that this run had to look after."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Why a job diverged or failed."""
    running: dict[str, Progressed] = field(default_factory=dict)
    """Jobs under way and how far they are."""
    messages: list[str] = field(default_factory=list)
    """What a user should read: failures, repairs."""
    _cost: float = 0.0
    _cost_over: float = 0.0

    @property
    def well(self) -> bool:
        """Whether every job that was needed is done."""
        return all(state == "done" for state in self.state.values())

    @property
    def cost_done(self) -> float:
        """The share of this run's cost that is behind."""
        part = sum(self.plan.jobs[each].cost * step.done for each, step in list(self.running.items()))
        return (self._cost_over + part) / self._cost if self._cost else 1.0

    def enter(self, each: str, state: State) -> None:
        """A job comes into a state."""
        cost, before = self.plan.jobs[each].cost, self.state.get(each)
        self._cost += cost if before is None else 0.0
        self._cost_over += cost * ((state not in UNDONE) - (before is not None and before not in UNDONE))
        self.state[each] = state


Watcher = Callable[[Progress, Event | None], None]


def run(
    plan: Plan,
    store: Store,
    workers: int = 1,
    plugin_folders: tuple[Path, ...] = (),
    watch: Watcher = lambda progress, event: None,
    executor: ExecutorConfig | None = None,
) -> Progress:
    """Compute what the plan's scores need and the store lacks. Raises UserError only for what stops everything."""
    progress = Progress(plan)
    walk = _Walk(progress, store)

    def tell(event: Event) -> None:
        walk.note(event)
        watch(progress, event)

    watch(progress, None)
    if not walk.ready:
        return progress
    jobs = (executor or ExecutorConfig(workers=workers)).start(store, plugin_folders, tell)
    try:
        while walk.ready or progress.running:
            while walk.ready and jobs.room:
                job = walk.next()
                jobs.start(job)
                tell(Progressed(job.fingerprint, 0.0, ""))
            for event in jobs.wait():
                tell(event)
    finally:
        jobs.close()
    return progress


class _Walk:
    """The jobs that wait for others, those that are ready, and the steps from one state to the next."""

    def __init__(self, progress: Progress, store: Store) -> None:
        self.progress, self.jobs = progress, progress.plan.jobs
        self.ready: list[tuple[float, str]] = []
        self._missing: dict[str, set[str]] = {}
        self._attempts, self._damages = Counter[str](), Counter[str]()
        self._have = {each for each in self.jobs if each in store}
        needed = progress.plan.needed(self._have)
        self._rank = _ranks(self.jobs)
        self._readers: dict[str, list[str]] = {}
        for each, job in self.jobs.items():
            for one in job.inputs.values():
                self._readers.setdefault(one, []).append(each)
        for each in needed:
            self._wait_for(each)
        for each in self._have:  # a training that diverged in an earlier run still stands for its cells
            if self._followers(each) and (reason := store.diverged(each)):
                self._spoil(each, "diverged", reason)

    def next(self) -> Job:
        """The ready job with the longest way behind it."""
        _, each = heapq.heappop(self.ready)
        self.progress.enter(each, "running")
        self.progress.running[each] = Progressed(each, 0.0, "")
        return self.jobs[each]

    def note(self, event: Event) -> None:
        """Take a step."""
        each = event.fingerprint
        if isinstance(event, Progressed):
            self.progress.running[each] = event
            return
        self.progress.running.pop(each, None)
        match event:
            case Finished(diverged=""):
                self._done(each)
            case Finished(diverged=reason):
                self._message(f"{self.jobs[each].label} diverged: {reason}")
                self._spoil(each, "diverged", reason)
            case Failed(reason=reason, fatal=True):
                raise UserError(reason)
            case Failed(reason=reason):
                self._message(f"{self.jobs[each].label} failed: {reason}")
                if event.traceback and os.environ.get("ROSKDBENCH_TRACEBACK"):
                    self._message(event.traceback)
                self._spoil(each, "failed", reason)
            case Damaged(input=damaged):
                self._damages[damaged] += damaged in self._have  # whoever reads it tells of it
                self._have.discard(damaged)
                self._wait_for(each)
                if self._damages[damaged] < DAMAGES:
                    self._message(f"{self.jobs[damaged].label} was damaged in the store; it is computed again")
                else:
                    reason = f"it was damaged in the store {DAMAGES} times; look at the disk and the memory"
                    self._message(f"{self.jobs[damaged].label} failed: {reason}")
                    self._spoil(damaged, "failed", reason)
            case Lost(reason=reason):
                self._attempts[each] += 1
                if self._attempts[each] < ATTEMPTS:
                    self._message(f"{self.jobs[each].label}: {reason}; it is tried again")
                    self._wait_for(each)
                else:
                    self._message(f"{self.jobs[each].label} failed: {reason}")
                    self._spoil(each, "failed", reason)

    def _wait_for(self, each: str) -> None:
        """Put a job among those that wait, and what it needs and is not there with it."""
        self.progress.enter(each, "waiting")
        missing = set(self.jobs[each].inputs.values()) - self._have
        self._missing[each] = missing
        if not missing:
            heapq.heappush(self.ready, (-self._rank[each], each))
        for one in missing:
            if self.progress.state.get(one) not in UNDONE:
                self._wait_for(one)

    def _done(self, each: str) -> None:
        self.progress.enter(each, "done")
        self._have.add(each)
        for follower in self._followers(each):
            missing = self._missing[follower]
            if each in missing:
                missing.discard(each)
                if not missing:
                    heapq.heappush(self.ready, (-self._rank[follower], follower))

    def _spoil(self, each: str, state: State, reason: str) -> None:
        """The job and all that follow from it end in a state."""
        self.progress.enter(each, state)
        self.progress.reasons[each] = reason
        self.ready = [entry for entry in self.ready if entry[1] != each]
        heapq.heapify(self.ready)
        for follower in self._followers(each):
            self._spoil(follower, state, reason)

    def _followers(self, each: str) -> list[str]:
        """Jobs of this run that still wait and read the job's artifact."""
        state = self.progress.state
        return [one for one in self._readers.get(each, ()) if state.get(one) == "waiting"]

    def _message(self, line: str) -> None:
        if line not in self.progress.messages:
            self.progress.messages.append(line)


def _ranks(jobs: dict[str, Job]) -> dict[str, float]:
    """The cost of the longest way from each job to the end."""
    rank = {each: job.cost for each, job in jobs.items()}
    for each, job in reversed(jobs.items()):
        for one in job.inputs.values():
            rank[one] = max(rank[one], jobs[one].cost + rank[each])
    return rank
