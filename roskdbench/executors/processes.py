"""Jobs in worker processes of this machine, each on its own, with one thread."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import MappingProxyType
from typing import Any

from roskdbench.engine import GPU_SHARERS
from roskdbench.executors.attempt import attempt
from roskdbench.executors.events import Event, Finished, Lost, Progressed
from roskdbench.job import Job
from roskdbench.store import Store

DEVICES = "CUDA_VISIBLE_DEVICES"
SAFE_PATH = "PYTHONSAFEPATH"
"""With it a process that starts imports nothing from the folder that it happens to be in."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
IMPORTED_ONCE = ["roskdbench.executors.attempt", "roskdbench.engine.training", "roskdbench.measuring", "timm"]
"""What a worker needs, and takes seconds to import."""


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    visible: str | None
    job: Job | None = None


class ProcessExecutor:
    """Up to `workers` processes, started when they are first needed. One that dies is replaced. They are forked from
    one process that has imported what they need; each starts for itself where GPUs or variables must be there before.

    `visible` are values of CUDA_VISIBLE_DEVICES, which workers are spread over; `variables` are set for each of them.
    """

    def __init__(
        self,
        store: Store,
        plugin_folders: tuple[Path, ...],
        workers: int,
        visible: Sequence[str] = (),
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._store, self._plugin_folders, self._limit = store, plugin_folders, workers
        self._visible, self._variables = visible, variables
        self._context: Any = get_context("spawn")
        if sys.platform == "linux" and not variables and not any(visible):
            self._context = get_context("forkserver")
            self._context.set_forkserver_preload(IMPORTED_ONCE)
        self._workers: list[_Worker] = []

    @property
    def room(self) -> int:
        """Workers that are idle or could be started."""
        return self._limit - sum(worker.job is not None for worker in self._workers)

    def start(self, job: Job) -> None:
        """Hand the job to an idle worker."""
        self._workers = [each for each in self._workers if each.job is not None or each.process.is_alive()]
        worker = next((each for each in self._workers if each.job is None), None) or self._hire()
        worker.job = job
        with suppress(OSError):  # if it died this instant, `wait` will say so
            worker.pipe.send(job)

    def wait(self) -> list[Event]:
        """Events of all workers; a worker that died gives Lost for its job."""
        busy = {worker.pipe: worker for worker in self._workers if worker.job is not None}
        if not busy:
            return []
        events: list[Event] = []
        for pipe in wait(list(busy)):
            worker = busy[pipe]  # type: ignore[index]
            assert worker.job is not None
            try:
                event: Event = worker.pipe.recv()
            except (EOFError, OSError):
                worker.process.join()
                events.append(Lost(worker.job.fingerprint, _reason(worker.process.exitcode)))
                self._workers.remove(worker)
                continue
            events.append(event)
            if isinstance(event, Finished):
                worker.job = None
            elif not isinstance(event, Progressed):  # what went wrong may have spoilt the process, or filled its GPU
                self._dismiss(worker)
        return events

    def _dismiss(self, worker: _Worker) -> None:
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        self._workers.remove(worker)

    def close(self) -> None:
        """End the workers at once: what they were at is found at its last checkpoint."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
            if worker.job is not None and worker.process.pid is not None:
                self._store.drop_draft(worker.job.fingerprint, worker.process.pid)
        self._workers.clear()

    def _hire(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        arguments = (theirs, self._store.root, self._plugin_folders)
        process = self._context.Process(target=_serve, args=arguments, daemon=True)
        taken = [worker.visible for worker in self._workers]
        visible = min(self._visible, key=taken.count) if self._visible else None
        seen = {} if visible is None else {DEVICES: visible, GPU_SHARERS: self._sharing(visible)}
        given = {**dict.fromkeys(ONE_THREAD, "1"), SAFE_PATH: "1", **seen, **self._variables}
        with _environment(given), _deaf_to_ctrl_c():
            process.start()
            worker = _Worker(process, ours, visible)
            self._workers.append(worker)  # in here, so that an interrupt does not leave a worker that nobody ends
        theirs.close()
        return worker

    def _sharing(self, visible: str) -> str:
        """How many workers the GPU is for; empty where it is none."""
        places = list(islice(cycle(self._visible), self._limit))
        return str(places.count(visible)) if visible else ""


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Processes that start in the block have these variables."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that start in the block leave Ctrl-C to this one, from their first moment.

    Python starts a tracker of its own before the first of them, and lets Ctrl-C through again when it has: it is
    started here, before, or the first worker would hear Ctrl-C in the midst of its imports.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _reason(exit_code: int | None) -> str:
    if exit_code == -signal.SIGKILL:
        return "its worker was killed (out of memory, perhaps)"
    return f"its worker ended with code {exit_code}"


def _serve(pipe: Connection, store_root: Path, plugin_folders: tuple[Path, ...]) -> None:
    """A worker's life: a job, its events, the next job, until whoever started it is gone."""
    threading.Thread(target=_follow_parent, daemon=True).start()
    store = Store(store_root)
    try:
        while True:
            job: Job = pipe.recv()
            pipe.send(attempt(job, store, plugin_folders, pipe.send))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _follow_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
