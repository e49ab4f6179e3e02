"""Where and by how many jobs are computed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from roskdbench.errors import UserError
from roskdbench.executors.events import Event, Executor
from roskdbench.executors.inline import InlineExecutor
from roskdbench.executors.processes import ProcessExecutor
from roskdbench.store import Store

Kind = Literal["local", "ray", "slurm"]
SHARE = 12_000  # MiB of a GPU's memory that a job may want
MOST = 4  # jobs on a GPU: more of them wait for each other


@dataclass(frozen=True)
class Computing:
    """What the command line says of it. Tables do not depend on any of this."""

    kind: Kind = "local"
    workers: int | None = None
    devices: Sequence[str] = ()
    """Such as cuda:0 and cuda:1, or cpu. Workers are spread over them."""
    address: str | None = None
    """Of a Ray cluster; without one, Ray is started on this machine."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of Slurm, by submitit's names."""

    def start(self, store: Store, method_folders: tuple[Path, ...], tell: Callable[[Event], None]) -> Executor:
        """Make the executor. Progress of a job in this very process goes to `tell`."""
        if self.kind == "ray":
            from roskdbench.executors.ray_cluster import RayExecutor

            return RayExecutor(store, method_folders, self.workers, self.address)
        if self.kind == "slurm":
            from roskdbench.executors.slurm import SlurmExecutor

            return SlurmExecutor(store, method_folders, tell, self.workers, self.options)
        visible = [visible_as(device) for device in self.devices or default_devices()]
        workers = self.workers or default_workers(len(visible))
        if workers == 1 and not self.devices:
            return InlineExecutor(store, method_folders, tell)
        return ProcessExecutor(store, method_folders, workers, visible)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_devices() -> list[str]:
    """Every GPU that this process may use; none where there is none."""
    return [f"cuda:{number}" for number in range(len(_free_memory()))]


def default_workers(gpus: int) -> int:
    """A worker for each core; where there are GPUs, as many on each as its free memory takes."""
    free = _free_memory()[:gpus]
    if not free:
        return cores()
    return max(1, min(cores(), sum(max(1, min(MOST, each // SHARE)) for each in free)))


def visible_as(device: str) -> str:
    """What CUDA_VISIBLE_DEVICES has to be for a worker to see this device alone."""
    kind, _, number = device.partition(":")
    if device == "cpu":
        return ""
    if kind != "cuda" or not number.isdecimal():
        raise UserError(f"--devices {device}: say cpu, or cuda and a number, such as cuda:0,cuda:1")
    allowed = _allowed()
    if allowed is None:
        return number
    if int(number) >= len(allowed):
        raise UserError(f"--devices {device}: CUDA_VISIBLE_DEVICES lets {len(allowed)} be seen, from cuda:0 on")
    return allowed[int(number)]


def _allowed() -> list[str] | None:
    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    return None if said is None else [each.strip() for each in said.split(",") if each.strip()]


def _free_memory() -> list[int]:
    """MiB that are free on each GPU that may be used, as the driver says without torch."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    ask = [program, "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(ask, capture_output=True, text=True, timeout=20, check=True).stdout
        found = [[part.strip() for part in line.split(",")] for line in said.splitlines() if line.strip()]
        allowed = _allowed()
        seen = [each for each in found if allowed is None or each[0] in allowed or each[1] in allowed]
        return [int(each[2]) for each in seen]
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return []
