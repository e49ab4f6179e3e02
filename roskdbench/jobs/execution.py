"""Running one job: under its lock, from verified inputs, into the store, once."""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from roskdbench.artifact import DIVERGED
from roskdbench.engine import DETERMINISTIC_CPU, GPU_SHARERS
from roskdbench.fingerprint import canonical_json
from roskdbench.job import Job
from roskdbench.jobs.context import JobContext
from roskdbench.store import Store

LIBRARIES = ("roskdbench", "torch", "torchvision", "timm", "numpy", "scipy", "pillow", "safetensors")


def execute(
    job: Job,
    store: Store,
    report: Callable[[float, str], None] = lambda done, note: None,
    plugin_folders: tuple[Path, ...] = (),
) -> str | None:
    """Compute a job whose inputs are in the store, unless its artifact is there by now. Returns why it diverged, if so.

    Raises DamagedArtifactError (an input has to be made again), UserError, or whatever the job's code raises. A
    training that diverges is an outcome like any other and is kept.
    """
    with store.locked(job.fingerprint):
        if job.fingerprint in store:
            return store.diverged(job.fingerprint)
        inputs = {role: store.open(fingerprint) for role, fingerprint in job.inputs.items()}
        record: dict[str, Any] = {
            **job.identity,
            "label": job.label,
            "cost": job.cost,
            "network": job.network,
        }
        started = time.perf_counter()
        with store.writing(job.fingerprint, record) as folder:
            context = JobContext(job, inputs, folder, store, report, plugin_folders)
            reason: str | None = import_module(f"roskdbench.jobs.{job.kind}").run(context)
            if reason is not None:
                (folder / DIVERGED).write_text(canonical_json({"reason": reason}), "utf-8")
            record |= context.notes
            record["environment"] = environment()
            record["seconds"] = round(time.perf_counter() - started + record.get("earlier_seconds", 0.0), 3)
            record["process_peak_memory_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return reason


def environment() -> dict[str, str]:
    """Where a job ran, for its record."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    found |= _versions()
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        on_gpu = torch.cuda.is_available()
        found["device"] = torch.cuda.get_device_name() if on_gpu else _processor()
        if not on_gpu:
            found["instructions"] = instructions()
        if on_gpu and os.environ.get(GPU_SHARERS):
            found["sharing"] = os.environ[GPU_SHARERS]
    found["cpus"] = str(os.cpu_count())
    return found


@cache
def _versions() -> dict[str, str]:
    found = {}
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


def instructions() -> str:
    """The instruction set that torch computes with on this processor, and what oneDNN is held to, if it is."""
    import torch

    if os.environ.get(DETERMINISTIC_CPU):
        return "one for all x86-64 processors (--deterministic-cpu)"
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA")
    found = str(torch.backends.cpu.get_cpu_capability())
    return f"{found} (oneDNN: {limit})" if limit else found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "cpu"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "cpu")
