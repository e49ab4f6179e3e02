"""One attempt at a job, told as events."""

import time
import traceback
from collections.abc import Callable
from pathlib import Path

from roskdbench.errors import UserError
from roskdbench.executors.events import Damaged, Event, Failed, Finished, Progressed
from roskdbench.job import Job
from roskdbench.jobs import execute
from roskdbench.store import DamagedArtifactError, Store, StoreFullError

QUIET = 0.1  # seconds between two progress events of a job


def attempt(job: Job, store: Store, method_folders: tuple[Path, ...], tell: Callable[[Event], None]) -> Event:
    """Execute the job; progress goes to `tell`, how it ended is returned."""
    last = 0.0

    def report(done: float, note: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= QUIET:
            last = now
            tell(Progressed(job.fingerprint, done, note))

    try:
        diverged = execute(job, store, report, method_folders)
    except DamagedArtifactError as error:
        return Damaged(job.fingerprint, error.fingerprint)
    except StoreFullError as error:
        return Failed(job.fingerprint, str(error), fatal=True)
    except UserError as error:
        return Failed(job.fingerprint, str(error))
    except BrokenPipeError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return Failed(job.fingerprint, reason, traceback=traceback.format_exc())
    return Finished(job.fingerprint, diverged or "")
