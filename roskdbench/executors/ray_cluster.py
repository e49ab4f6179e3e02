"""Jobs on a Ray cluster. The store is on a path that all its machines see; method files are shipped."""

import os
import secrets
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from roskdbench import __version__
from roskdbench.engine import GPU_SHARERS
from roskdbench.errors import UserError
from roskdbench.executors.attempt import attempt
from roskdbench.executors.config import MOST
from roskdbench.executors.events import Event, Failed, Lost
from roskdbench.executors.processes import ONE_THREAD
from roskdbench.executors.shipping import Shipped, packed, unpacked
from roskdbench.job import Job, kind_of
from roskdbench.plugins import VARIABLE
from roskdbench.store import Store

PAUSE = 0.1  # seconds between two looks


class RayExecutor:
    """A task a job, each with a CPU and, where the cluster has GPUs, with a share of one."""

    def __init__(
        self, store: Store, plugin_folders: tuple[Path, ...], workers: int | None, address: str | None
    ) -> None:
        alone = _alone() if address is None else {}
        self._before = {name: os.environ.get(name) for name in alone}
        os.environ |= alone
        try:
            import ray
        except ImportError:
            raise UserError("Ray is not installed: pip install 'roskdbench[ray]'") from None
        self._ray, self._store_root, self._shipped = ray, store.root.resolve(), packed(plugin_folders)
        settings: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
        variables = {**dict.fromkeys(ONE_THREAD, "1"), VARIABLE: ""}
        if address is None:
            address = "local"  # of its own, whatever else runs or has left its address on this machine
            settings |= {"num_cpus": workers, "include_dashboard": False}
        try:
            _knock(address)
            with tempfile.TemporaryDirectory() as nothing:  # workers would find modules in the folder they start in
                there = {"env_vars": variables, "working_dir": nothing}
                ray.init(address, **settings, runtime_env=there, ignore_reinit_error=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(f"no Ray cluster at {address}: {' '.join(str(error).split())[:150]}") from None
        has: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self._limit = workers or int(has.get("CPU", 1))
        # Where there are more workers than GPUs take, Ray lets them wait.
        self._share = min(1.0, max(has["GPU"] / self._limit, 1 / MOST)) if has.get("GPU") else 0.0
        self._told: Any = ray.remote(_Told).options(num_cpus=0, max_restarts=-1).remote()
        self._asked: Any = None
        self._compute = ray.remote(_compute)
        self._running: dict[Any, Job] = {}

    @property
    def room(self) -> int:
        """Tasks that may be added."""
        return self._limit - len(self._running)

    def start(self, job: Job) -> None:
        """Hand the job to the cluster."""
        gpus = self._share if kind_of(job.kind).uses_gpu else 0
        task = self._compute.options(num_cpus=1, num_gpus=gpus, max_retries=0, name=job.label)
        given = str(int(1 / gpus)) if gpus else ""
        self._running[task.remote(job, str(self._store_root), self._shipped, self._told, __version__, given)] = job

    def wait(self) -> list[Event]:
        """Progress that was told, and how tasks ended; whose machine is gone, is Lost."""
        while self._running:
            done, _ = self._ray.wait(list(self._running), num_returns=1, timeout=PAUSE)
            events: list[Event] = []
            under_way = {job.fingerprint for job in self._running.values()}
            events += [event for event in self._heard() if event.fingerprint in under_way]
            events += [self._ended(task) for task in done]
            if events:
                return events
        return []

    def _heard(self) -> list[Event]:
        """What workers told; nothing while whoever collects it starts, or starts again on another machine."""
        self._asked = self._asked or self._told.collected.remote()
        if not self._ray.wait([self._asked], timeout=0)[0]:
            return []
        asked, self._asked = self._asked, None
        try:
            heard: list[Event] = self._ray.get(asked)
        except self._ray.exceptions.RayError:
            return []
        return heard

    def _ended(self, task: Any) -> Event:
        job = self._running.pop(task)
        try:
            event: Event = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            return Failed(job.fingerprint, " ".join(str(error.cause).split())[:300])
        except self._ray.exceptions.OutOfMemoryError:
            return Lost(job.fingerprint, "its worker was killed (out of memory)")
        except self._ray.exceptions.RayError as error:
            return Lost(job.fingerprint, f"its worker is gone ({type(error).__name__})")
        return event

    def close(self) -> None:
        """Stop the tasks at once: what they were at is found at its last checkpoint.

        A cluster ends the workers of a run that leaves it. They are not cancelled one by one: Ray ends a process that
        cancels a task of which the end is on its way.
        """
        self._running.clear()
        self._ray.shutdown()
        for name, value in self._before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _alone() -> dict[str, str]:
    """What makes a Ray of this run's own listen on this machine only, and only to who knows its token. Ray looks when
    it is imported.
    """
    return {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # no cluster: loopback
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }


def _knock(address: str) -> None:
    """An OSError where nobody answers; Ray itself would go on asking for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


class _Told:
    """Keeps what workers tell until it is collected: of each job the latest."""

    def __init__(self) -> None:
        self._latest: dict[str, Event] = {}

    def tell(self, event: Event) -> None:
        self._latest[event.fingerprint] = event

    def collected(self) -> list[Event]:
        found, self._latest = list(self._latest.values()), {}
        return found


def _compute(job: Job, store_root: str, shipped: Shipped, told: Any, version: str, given: str) -> Event:
    """One job, on whichever machine Ray chose."""
    if version != __version__:
        reason = f"the machine {os.uname().nodename} has roskdbench {__version__}, and this run is of {version}"
        return Failed(job.fingerprint, reason, fatal=True)
    if not Path(store_root).is_dir():
        reason = f"the machine {os.uname().nodename} does not see the store {store_root}; put it where all of them do"
        return Failed(job.fingerprint, reason, fatal=True)
    os.environ[GPU_SHARERS] = given
    tell: Callable[[Event], None] = told.tell.remote
    return attempt(job, Store(Path(store_root)), unpacked(shipped), tell)
