"""Jobs through Slurm, by submitit: those that are ready together are one array. All nodes see the store's path."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from roskdbench.errors import UserError
from roskdbench.executors.attempt import attempt
from roskdbench.executors.events import Event, Failed, Lost, Progressed
from roskdbench.executors.inline import InlineExecutor
from roskdbench.executors.processes import ONE_THREAD
from roskdbench.executors.shipping import Shipped, make_private, packed, unpacked
from roskdbench.job import Job, kind_of
from roskdbench.store import Store

ARRAY = 500  # jobs under way at most, unless `workers` says otherwise
PAUSE = 0.5  # seconds between two looks
TOLD_EVERY = 2.0  # seconds between two notes of a job
USUAL = {"timeout_min": 24 * 60, "cpus_per_task": 1, "mem_gb": 8}


class SlurmExecutor:
    """A Slurm task a job, but for those that take seconds, which run where roskdbench was started. `options` are
    submitit's, such as slurm_partition, timeout_min, gpus_per_node.

    Submitit keeps pickles and logs in a folder beside the store, which only its owner may read.
    """

    def __init__(
        self,
        store: Store,
        plugin_folders: tuple[Path, ...],
        tell: Callable[[Event], None],
        workers: int | None,
        options: Mapping[str, str],
    ) -> None:
        try:
            import submitit
        except ImportError:
            raise UserError("submitit is not installed: pip install 'roskdbench[slurm]'") from None
        self._root, self._shipped = store.root.resolve(), packed(plugin_folders)
        self._here = InlineExecutor(store, plugin_folders, tell)
        self._folder = self._root.with_name(f"{self._root.name}-slurm")
        make_private(self._folder)
        chosen: dict[str, Any] = {**USUAL, **{name: _number(value) for name, value in options.items()}}
        cluster = chosen.pop("cluster", "slurm")
        self._limit = workers or ARRAY
        try:
            self._submit = submitit.AutoExecutor(self._folder / "%j", cluster=cluster)
            self._submit.update_parameters(name="roskdbench", slurm_array_parallelism=self._limit, **chosen)
        except (RuntimeError, TypeError, NameError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"--executor slurm: {reason} (options are given as --slurm KEY=VALUE)") from None
        self._ready: list[Job] = []
        self._running: dict[str, Any] = {}
        self._told: dict[str, str] = {}

    @property
    def room(self) -> int:
        """Jobs that may be added to the next array."""
        return self._here.room and self._limit - len(self._running) - len(self._ready)

    def start(self, job: Job) -> None:
        """Put the job into the next array, or run it here."""
        if kind_of(job.kind).runs_locally:
            self._here.start(job)
        else:
            self._ready.append(job)

    def wait(self) -> list[Event]:
        """Submit what is ready, and see how the others stand."""
        if self._ready:
            try:
                with self._submit.batch():
                    tasks = [self._submit.submit(self._task(job)) for job in self._ready]
            except (RuntimeError, OSError) as error:
                raise UserError(f"Slurm takes no jobs: {' '.join(str(error).split())[:300]}") from None
            self._running |= {job.fingerprint: task for job, task in zip(self._ready, tasks, strict=True)}
            self._ready = []
        if not self._here.room:
            return self._here.wait()
        while self._running:
            events = [event for event in map(self._look, list(self._running)) if event is not None]
            if events:
                return events
            time.sleep(PAUSE)
        return []

    def _look(self, fingerprint: str) -> Event | None:
        task = self._running[fingerprint]
        if not task.done():
            return self._progress(fingerprint)
        del self._running[fingerprint]
        self._note(fingerprint).unlink(missing_ok=True)
        try:
            event: Event = task.result()
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            return Lost(fingerprint, f"its Slurm task {task.job_id} ended without a word ({reason})")
        return event

    def _progress(self, fingerprint: str) -> Event | None:
        try:
            text = self._note(fingerprint).read_text("utf-8")
            done, note = json.loads(text)
        except (OSError, ValueError):
            return None
        if self._told.get(fingerprint) == text:
            return None
        self._told[fingerprint] = text
        return Progressed(fingerprint, float(done), str(note))

    def close(self) -> None:
        """Cancel what is under way: it is found at its last checkpoint."""
        for fingerprint, task in self._running.items():
            task.cancel(check=False)
            self._note(fingerprint).unlink(missing_ok=True)
        self._running.clear()

    def _task(self, job: Job) -> "Task":
        return Task(job, self._root, self._note(job.fingerprint), self._shipped)

    def _note(self, fingerprint: str) -> Path:
        """Where a task says how far it is."""
        return self._folder / f"{fingerprint}.json"


class Task:
    """What a Slurm task runs. When it is preempted it is queued again, and goes on from its last checkpoint."""

    def __init__(self, job: Job, store_root: Path, note: Path, shipped: Shipped) -> None:
        self._job, self._root, self._note, self._shipped = job, store_root, note, shipped

    def __call__(self) -> Event:
        """Compute the job."""
        if not self._root.is_dir():
            reason = f"the machine {os.uname().nodename} does not see the store {self._root}; put it where all do"
            return Failed(self._job.fingerprint, reason, fatal=True)
        for name in ONE_THREAD:
            os.environ[name] = "1"
        last = 0.0

        def tell(event: Event) -> None:
            nonlocal last
            if isinstance(event, Progressed) and time.monotonic() - last > TOLD_EVERY:
                last = time.monotonic()
                draft = self._note.with_suffix(".draft")
                draft.write_text(json.dumps([event.done, event.note]), "utf-8")
                draft.replace(self._note)

        return attempt(self._job, Store(self._root), unpacked(self._shipped), tell)

    def checkpoint(self) -> Any:
        """Asked by submitit before a preempted task goes."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def _number(value: str) -> int | str:
    return int(value) if value.isdecimal() else value
