"""Jobs one after another in this process."""

from collections.abc import Callable
from pathlib import Path

from roskdbench.executors.attempt import attempt
from roskdbench.executors.events import Event
from roskdbench.job import Job
from roskdbench.store import Store


class InlineExecutor:
    """Runs a job as soon as it is waited for; progress is told while it runs."""

    def __init__(self, store: Store, plugin_folders: tuple[Path, ...], tell: Callable[[Event], None]) -> None:
        self._store, self._plugin_folders, self._tell = store, plugin_folders, tell
        self._job: Job | None = None

    @property
    def room(self) -> int:
        """One job at a time."""
        return 0 if self._job else 1

    def start(self, job: Job) -> None:
        """Take the job; `wait` runs it."""
        self._job = job

    def wait(self) -> list[Event]:
        """Run the job to its end."""
        if self._job is None:
            return []
        job, self._job = self._job, None
        return [attempt(job, self._store, self._plugin_folders, self._tell)]

    def close(self) -> None:
        """Nothing is left running."""
