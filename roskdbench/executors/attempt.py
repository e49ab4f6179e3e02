"""One attempt at a job, told as events."""

import time
import traceback
from collections.abc import Callable
from pathlib import Path

from roskdbench.artifact import DamagedArtifactError
from roskdbench.errors import UserError, one_line
from roskdbench.executors.events import Damaged, Event, Failed, Finished, Lost, Progressed
from roskdbench.job import Job
from roskdbench.jobs import execute
from roskdbench.store import Store, StoreFullError

QUIET = 0.1  # seconds between two progress events of a job


def attempt(job: Job, store: Store, plugin_folders: tuple[Path, ...], tell: Callable[[Event], None]) -> Event:
    """Execute the job; progress goes to `tell`, how it ended is returned."""
    last = 0.0

    def report(done: float, note: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= QUIET:
            last = now
            tell(Progressed(job.fingerprint, done, note))

    try:
        return Finished(job.fingerprint, execute(job, store, report, plugin_folders) or "")
    except BrokenPipeError:
        raise
    except Exception as error:
        return _what_went_wrong(error, job, store)


def _what_went_wrong(error: Exception, job: Job, store: Store) -> Event:
    if isinstance(error, DamagedArtifactError):
        return Damaged(job.fingerprint, error.fingerprint)
    if isinstance(error, UserError):
        return Failed(job.fingerprint, str(error), fatal=isinstance(error, StoreFullError))
    if isinstance(error, FileNotFoundError):  # somebody may have taken an input away while it was read
        gone = next((each for each in job.inputs.values() if each not in store), None)
        if gone is not None:
            return Damaged(job.fingerprint, gone)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return Lost(job.fingerprint, "there was not enough memory")
    return Failed(job.fingerprint, one_line(error), traceback="".join(traceback.format_exception(error)))
