"""What can happen to a job, and the contract of those who run it."""

from dataclasses import dataclass
from typing import Protocol

from roskdbench.job import Job


@dataclass(frozen=True)
class Progressed:
    """The job is under way: the share that is done, and a note such as the loss. Without a note it says where an
    attempt begins: beyond nothing where it takes up a checkpoint.
    """

    fingerprint: str
    done: float
    note: str


@dataclass(frozen=True)
class Finished:
    """The job's artifact is in the store; `diverged` says why its training was ended, if it was."""

    fingerprint: str
    diverged: str = ""


@dataclass(frozen=True)
class Failed:
    """The job raised an error. `fatal` ones would meet every other job as well."""

    fingerprint: str
    reason: str
    fatal: bool = False
    traceback: str = ""


@dataclass(frozen=True)
class Damaged:
    """The job did not run: the artifact `input` that it reads was damaged and has been set aside."""

    fingerprint: str
    input: str


@dataclass(frozen=True)
class Lost:
    """Whoever ran the job is gone."""

    fingerprint: str
    reason: str


Event = Progressed | Finished | Failed | Damaged | Lost


class Executor(Protocol):
    """Runs jobs whose inputs are in the store, at most `room` more at a time."""

    @property
    def room(self) -> int:
        """How many jobs can be started now."""

    def start(self, job: Job) -> None:
        """Begin a job."""

    def wait(self) -> list[Event]:
        """Events since the last call; blocks until there is one."""

    def close(self) -> None:
        """End everything that is under way."""
