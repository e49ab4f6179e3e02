"""Where and by how many jobs are computed."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from ctypes.util import find_library
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Literal

from roskdbench.errors import UserError
from roskdbench.executors.deterministic_cpu import variables
from roskdbench.executors.events import Event, Executor
from roskdbench.executors.inline import InlineExecutor
from roskdbench.executors.processes import ProcessExecutor
from roskdbench.store import Store

Kind = Literal["local", "ray", "slurm"]
SHARE = 12_000  # MiB of a GPU's memory that a job may want
MOST = 4  # jobs on a GPU: more of them wait for each other
DEVICE_FILES = Path("/dev")


@dataclass(frozen=True)
class Gpu:
    """What the driver says of one."""

    index: str
    uuid: str
    free: int  # MiB; 0 where the driver does not say


@dataclass(frozen=True)
class ExecutorConfig:
    """What the command line says of it. Tables do not depend on any of this."""

    kind: Kind = "local"
    workers: int | None = None
    devices: Sequence[str] = ()
    """Such as cuda:0 and cuda:1, or cpu. Workers are spread over them."""
    address: str | None = None
    """Of a Ray cluster; without one, Ray is started on this machine."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of Slurm, by submitit's names."""
    deterministic_cpu: bool = False
    """Whether workers keep to one instruction set for all x86-64 processors, so that bytes can be compared."""

    def __post_init__(self) -> None:
        for option, kind, value in (
            ("--devices", "local", self.devices),
            ("--address", "ray", self.address),
            ("--slurm", "slurm", self.options),
            ("--deterministic-cpu", "local", self.deterministic_cpu),
        ):
            if value and kind != self.kind:
                raise UserError(f"{option} is for --executor {kind}, and this is {self.kind}")
        for device in self.devices:
            visible_as(device)
            if self.deterministic_cpu and device != "cpu":
                raise UserError(f"--deterministic-cpu computes on the processor; --devices says {device}")

    def start(self, store: Store, plugin_folders: tuple[Path, ...], tell: Callable[[Event], None]) -> Executor:
        """Make the executor. Progress of a job in this very process goes to `tell`."""
        if self.kind == "ray":
            from roskdbench.executors.ray_cluster import RayExecutor

            return RayExecutor(store, plugin_folders, self.workers, self.address)
        if self.kind == "slurm":
            from roskdbench.executors.slurm import SlurmExecutor

            return SlurmExecutor(store, plugin_folders, tell, self.workers, self.options)
        if self.deterministic_cpu:
            return ProcessExecutor(store, plugin_folders, self.workers or cores(), [visible_as("cpu")], variables())
        visible = [visible_as(device) for device in self.devices] or default_devices()
        workers = self.workers or default_workers(visible)
        if workers == 1 and not self.devices:
            return InlineExecutor(store, plugin_folders, tell)
        return ProcessExecutor(store, plugin_folders, workers, visible)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_devices() -> list[str]:
    """Every GPU that this process may use, as CUDA_VISIBLE_DEVICES names it; none where there is none."""
    there = gpus()
    if not there:
        return []
    allowed = _allowed()
    # CUDA may count in another order than the driver's program: by its name a GPU is the same to both.
    return [each.uuid or each.index for each in there] if allowed is None else allowed


def default_workers(visible: Sequence[str]) -> int:
    """A worker for each core; on GPUs as many as the free memory of each takes, one where that is not known."""
    chosen = [each for each in visible if each]
    if not chosen:
        return cores()
    free = {name: each.free for each in gpus() for name in (each.index, each.uuid)}
    fitting = [max(1, min(MOST, free.get(each, 0) // SHARE)) for each in chosen]
    return max(1, min(cores(), sum(fitting)))


def visible_as(device: str) -> str:
    """What CUDA_VISIBLE_DEVICES has to be for a worker to see this device alone."""
    kind, _, number = device.partition(":")
    if device == "cpu":
        return ""
    if kind != "cuda" or not number.isdecimal():
        raise UserError(f"--devices {device}: say cpu, or cuda and a number, such as cuda:0,cuda:1")
    there = default_devices()
    if int(number) >= len(there):
        known = f"there are {len(there)}, from cuda:0 on" if there else "no GPU is to be seen here"
        raise UserError(f"--devices {device}: {known}")
    return there[int(number)]


def _allowed() -> list[str] | None:
    """What CUDA_VISIBLE_DEVICES names. As CUDA reads it, the first thing that is no GPU, such as -1, ends it."""
    output = os.environ.get("CUDA_VISIBLE_DEVICES")
    named = re.compile(r"\d+|(GPU|MIG)-.+")
    return None if output is None else list(takewhile(named.fullmatch, map(str.strip, output.split(","))))


@cache
def gpus() -> list[Gpu]:
    """All GPUs of the machine, as the driver lists them; without torch."""
    program = shutil.which("nvidia-smi")
    if program is None:  # as in some containers
        files = DEVICE_FILES.glob("nvidia[0-9]*") if find_library("cuda") else ()
        return [Gpu(str(number), "", 0) for number, _ in enumerate(files)]
    ask = [program, "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(ask, capture_output=True, text=True, timeout=20, check=True).stdout
        found = [[part.strip() for part in line.split(",")] for line in output.splitlines()]
        rows = [each for each in found if len(each) == 3 and each[0].isdecimal()]  # there may be warnings among them
        return [Gpu(index, uuid, int(free) if free.isdecimal() else 0) for index, uuid, free in rows]
    except (OSError, subprocess.SubprocessError):
        return []
